"""What a community changes: its words, its phrases, its labels, its thresholds."""

from agent.steps.community_rules import AddedWord, CommunityRules
from agent.steps.risk import ScreenInput, Setup, explain, screen
from core.vocabulary import RiskLabel, RiskLevel


def labels(text: str, rules: CommunityRules) -> set[RiskLabel]:
    return {hit.label for hit in screen(ScreenInput(text=text), Setup(rules=rules)).labels}


def test_added_word() -> None:
    rules = CommunityRules(words=(AddedWord(word="蓝鲸豆", label=RiskLabel.AD_SPAM),))
    assert labels("谁要蓝鲸豆", rules) == {RiskLabel.AD_SPAM}


def test_added_word_in_disguise() -> None:
    rules = CommunityRules(words=(AddedWord(word="蓝鲸豆", label=RiskLabel.AD_SPAM, weight=0.9),))
    assert labels("谁要lan jing dou", rules) == {RiskLabel.AD_SPAM}


def test_allowed_phrase_excuses_what_stands_in_it() -> None:
    assert labels("出银行卡四件套", CommunityRules(allowed=("出银行卡四件套",))) == set()


def test_label_switched_off() -> None:
    assert RiskLabel.GRAY_MARKET not in labels("出银行卡四件套", CommunityRules(off=frozenset({RiskLabel.GRAY_MARKET})))


def test_threshold_of_its_own() -> None:
    assert labels("楼上脑残吧", CommunityRules(thresholds=((RiskLabel.ABUSE, 1.0),))) == set()


def test_explained_verdict_shows_everything_behind_it() -> None:
    told = explain(ScreenInput(text="dai开fa票 加薇❤ abc20466"), None)
    assert told.verdict.level is RiskLevel.HIGH
    assert ("代开发票", "sound") in {(one.word, one.view.value) for one in told.disguises}
    assert {sign.layer for sign in told.signs} >= {"lexicon", "pattern"}
    assert told.scores[RiskLabel.GRAY_MARKET] >= 0.5
    assert "代开发票" in told.reading
