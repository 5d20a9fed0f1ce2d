"""Rules of communities: what adds up down the tree, what stands in another's stead, and what no rule may do."""

from datetime import timedelta
from pathlib import Path

import pytest

from agent.flows import communities as communities_flow
from agent.flows import risk_rules, risk_trial
from agent.flows import settings as settings_flow
from agent.flows.risk_rules import Rules
from agent.steps.community_rules import AddedWord
from agent.steps.risk import ScreenInput
from core.caller import Caller
from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.vocabulary import CommunityType, RiskLabel, SenderRole
from knowledge.embeddings import EmbeddingError
from store import risks
from store.audit import AuditRow
from tests.house import House

SECRET_WORD = "小蓝鲸"
SAYS_IT = f"{SECRET_WORD}今天几点开门呀"
DESPAIR = "我真的不想活了，活着没意思"


def word(text: str = SECRET_WORD, label: RiskLabel = RiskLabel.GAMBLING, weight: float = 0.9) -> AddedWord:
    return AddedWord(word=text, label=label, weight=weight)


def save(house: House, community_id: str | None, **rules: object) -> risk_rules.Place:
    return risk_rules.save(house.services, house.owner, community_id, Rules.model_validate(rules))


def labels(house: House, text: str, message_id: str) -> list[str]:
    """What the item that a message becomes is flagged with; nothing where it becomes none."""
    stored = house.say(text, message_id)
    with house.services.database.read() as db:
        found = risks.of_message(db, stored)
    return risks.parted(found.label_names) if found is not None else []


def test_added_word_flags_at_once_in_the_community_and_below(house: House) -> None:
    # scope: 28
    assert labels(house, SAYS_IT, "m-1") == []
    save(house, "root", words=[word()])
    assert labels(house, SAYS_IT, "m-2") == ["gambling"]
    save(house, "root")
    assert labels(house, SAYS_IT, "m-3") == []


def test_lists_add_to_those_above_and_the_nearest_weight_counts(house: House) -> None:
    save(house, None, words=[word("甲乙丙")], allowed=["打板"])
    save(house, "root", words=[word(), word("甲乙丙", weight=0.3)], allowed=["上车"])
    place = save(house, "mama", words=[word("子丑寅")], allowed=["打板", "冲冲冲"])
    assert [(one.word, one.weight) for one in place.effective.words] == [
        ("子丑寅", 0.9),
        (SECRET_WORD, 0.9),
        ("甲乙丙", 0.3),
    ]
    assert place.effective.allowed == ("打板", "冲冲冲", "上车")
    assert [one.word for one in place.inherited.words] == [SECRET_WORD, "甲乙丙"]


def test_off_and_thresholds_stand_in_the_stead_of_those_above(house: House) -> None:
    save(house, None, off=["ad_spam", "flooding"], thresholds={"abuse": 0.8, "porn": 0.7})
    below = save(house, "mama", thresholds={"abuse": 0.6})
    assert (below.effective.off, below.own.off) == ((RiskLabel.AD_SPAM, RiskLabel.FLOODING), None)
    assert below.effective.thresholds == {RiskLabel.ABUSE: 0.6, RiskLabel.PORN: 0.7}
    assert save(house, "mama", off=[]).effective.off == ()


def test_label_that_is_off_makes_no_item(house: House) -> None:
    save(house, "mama", off=["ad_spam"], thresholds={"scam": 1.0, "fake_trade": 1.0})
    assert "ad_spam" not in labels(house, "诚招宝妈兼职，日入300元，加V信 abc12345 了解", "m-1")


def test_allowed_phrase_never_silences_danger_to_life(house: House) -> None:
    save(house, "mama", allowed=[DESPAIR])
    assert labels(house, DESPAIR, "m-1") == ["self_harm"]


@pytest.mark.parametrize("rules", [{"off": ["self_harm"]}, {"thresholds": {"self_harm": 0.9}}])
def test_danger_to_life_is_always_looked_for(house: House, rules: dict[str, object]) -> None:
    with pytest.raises(BadInput) as refused:
        save(house, "mama", **rules)
    assert refused.value.code == "risk_rules_self_harm"
    for name, value in rules.items():  # the way around
        settings_flow.change(house.services, house.owner, f"risk.{name}", value, "mama")
    assert labels(house, DESPAIR, "m-1") == ["self_harm"]


def test_allowed_phrase_silences_what_stands_in_it(house: House) -> None:
    text = "今天谁来带玩六合彩一肖"
    assert labels(house, text, "m-1") != []
    save(house, "mama", allowed=[text])
    assert labels(house, text + " ", "m-2") == []


def test_loser_of_a_race_is_told(house: House) -> None:
    seen = save(house, "mama", allowed=["冲冲冲"]).version
    save(house, "mama", allowed=["上车"])
    with pytest.raises(Conflict) as lost:
        risk_rules.save(house.services, house.owner, "mama", Rules(), version=seen)
    assert (lost.value.code, lost.value.extra) == ("risk_rules_changed", {"version": seen + 1})


def test_change_is_audited_and_no_change_is_none(house: House) -> None:
    place = save(house, "mama", words=[word()])
    assert save(house, "mama", words=[word()]).version == place.version
    with house.services.database.read() as db:
        told = [row for row in db.query(AuditRow) if row.action == "risk_rules.changed"]
    assert [(row.community_id, row.details["changed"]) for row in told] == [("mama", ["words"])]


def test_only_who_may_edit_settings_changes_rules(house: House, bot: Caller) -> None:
    with pytest.raises(Forbidden):
        risk_rules.save(house.services, bot, "mama", Rules())
    with pytest.raises(NotFound):
        save(house, "nowhere")


def test_encoder_that_is_away_loses_no_message(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(_texts: object) -> None:
        raise EmbeddingError("away")

    monkeypatch.setattr(house.services.knowledge.embedder, "embed", away)
    assert labels(house, "诚招宝妈兼职，日入300元，加V信 abc12345 了解", "m-1") == ["ad_spam"]
    tried = risk_trial.try_out(house.services, house.owner, "诚招宝妈兼职，日入300元，加V信了解", "mama")
    assert not tried.with_encoder and tried.seen.verdict.labels


def test_broken_classifier_of_the_deployment_is_left_out(tmp_path: Path) -> None:
    assert risk_rules.own_classifier(tmp_path) is None
    (tmp_path / "risk.npz").write_bytes(b"no archive")
    assert risk_rules.own_classifier(tmp_path) is None


def test_trial_shows_what_is_behind_the_verdict(house: House) -> None:
    save(house, "mama", words=[word()])
    here = risk_trial.try_out(house.services, house.owner, SAYS_IT, "mama")
    assert [(sign.layer, sign.key) for sign in here.seen.signs] == [("community", SECRET_WORD)]
    assert here.seen.scores == {RiskLabel.GAMBLING: 0.9}
    elsewhere = risk_trial.try_out(house.services, house.owner, SAYS_IT, None)
    assert elsewhere.seen.verdict.labels == ()
    staff = risk_trial.try_out(house.services, house.owner, SAYS_IT, "mama", SenderRole.STAFF)
    assert staff.seen.verdict.reason == "staff_not_penalised"


def dry_run(house: House, community_id: str | None, days: int = 7, **rules: object) -> risk_trial.DryRun:
    return risk_trial.dry_run(house.services, house.owner, community_id, Rules.model_validate(rules), days)


def test_dry_run_counts_and_shows_what_would_change(house: House) -> None:
    # scope: 28
    house.say(SAYS_IT, "m-1")
    house.say("早上好", "m-2")
    house.say(DESPAIR, "m-3")
    report = dry_run(house, "mama", words=[word()])
    assert (report.total, report.screened, report.changed, report.ended) == (3, 3, 1, None)
    assert report.before == {RiskLabel.SELF_HARM: 1}
    assert report.after == {RiskLabel.SELF_HARM: 1, RiskLabel.GAMBLING: 1}
    (example,) = report.examples
    assert (example.text, example.before.labels, example.after.labels[0].label) == (SAYS_IT, (), "gambling")
    assert labels(house, SAYS_IT, "m-4") == []  # nothing was saved


def test_dry_run_follows_the_rules_of_sub_groups(house: House) -> None:
    communities_flow.create(
        house.services,
        house.owner,
        community_id="vip",
        name="会员群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    house.say(SAYS_IT, "m-1")
    house.say(SAYS_IT, "m-2", community_id="vip")
    save(house, "vip", allowed=[SECRET_WORD])
    everywhere = dry_run(house, None, words=[word()])
    assert [one.community_id for one in everywhere.examples] == ["mama"]
    assert dry_run(house, "vip", words=[word()]).changed == 1  # without the phrase that is fine there now
    assert (dry_run(house, "mama", words=[word()]).total, everywhere.total) == (1, 2)


def test_dry_run_turns_a_label_off_and_back_on(house: House) -> None:
    house.say("诚招宝妈兼职，日入300元，加V信 abc12345 了解", "m-1")
    off = dry_run(house, "mama", off=["ad_spam"])
    assert (off.before[RiskLabel.AD_SPAM], off.after[RiskLabel.AD_SPAM], off.changed) == (1, 0, 1)
    save(house, "mama", off=["ad_spam"])
    assert dry_run(house, "mama").after[RiskLabel.AD_SPAM] == 1


def test_dry_run_leaves_out_what_is_old_and_ends_in_time(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.say("早上好", "m-1")
    house.clock.advance(seconds=timedelta(days=3).total_seconds())
    house.say("晚上好", "m-2")
    assert (dry_run(house, "mama", days=1).total, dry_run(house, "mama", days=7).total) == (1, 2)
    monkeypatch.setattr(risk_trial, "SECONDS", -1.0)
    late = dry_run(house, "mama")
    assert (late.screened, late.ended) == (0, "time")
    monkeypatch.setattr(risk_trial, "SECONDS", 20.0)
    monkeypatch.setattr(risk_trial, "MOST", 1)
    assert dry_run(house, "mama").ended == "most"


def test_dry_run_cost_is_that_of_two_screenings(house: House) -> None:
    save(house, "mama", words=[word()])
    with house.services.database.read() as db:
        rules = risk_rules.rules_of(db, "mama")
    verdict = risk_rules.judge(house.services, ScreenInput(text=SAYS_IT), rules)
    assert [hit.layer for hit in verdict.labels] == ["community"]
