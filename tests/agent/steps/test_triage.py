from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.steps.cues import CueBook
from agent.steps.lexicon_files import LexiconError
from agent.steps.triage import Triage, classify, questions
from core.vocabulary import MessageKind, MessageType

QUESTION, COMPLAINT, SUGGESTION = MessageKind.QUESTION, MessageKind.COMPLAINT, MessageKind.SUGGESTION
PRAISE, CHATTER, NOTICE, OTHER = MessageKind.PRAISE, MessageKind.CHATTER, MessageKind.NOTICE, MessageKind.OTHER


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("怎么退款", QUESTION),
        ("奶粉咋冲", QUESTION),
        ("這款有冇貨", QUESTION),
        ("運費要幾多錢", QUESTION),
        ("求问6个月宝宝可以吃蛋黄嘛", QUESTION),
        ("有没有人知道哪天开团", QUESTION),
        ("这个好用不", QUESTION),
        ("大家有什么建议吗", QUESTION),
        ("Ｗｈａｔ time is the live", QUESTION),
        ("谢谢，那几点发货呀😊", QUESTION),
        ("买了三天就坏没人管", COMPLAINT),  # scope: 20
        ("咋还没发货啊", COMPLAINT),
        ("一点都不好用", COMPLAINT),
        ("你们可真行啊，等了半个月", COMPLAINT),
        ("凭什么不给退？？", COMPLAINT),
        ("建议多搞点线下活动", SUGGESTION),
        ("能不能加个积分墙", SUGGESTION),
        ("要是能周末发货就好了", SUGGESTION),
        ("客服小姐姐态度真好，五星好评", PRAISE),
        ("挺好用的，会回购", PRAISE),
        ("#接龙 1.小王 2.小李", NOTICE),
        ("@所有人 今晚8点直播", NOTICE),
        ("团购登记\n1. 小王 2份\n2. 小李 1份", NOTICE),
        ("早上好", CHATTER),
        ("😂😂", CHATTER),
        ("[捂脸]", CHATTER),
        ("没什么，随便看看", CHATTER),
        ("质量没问题，没有坏", CHATTER),
        ("昨天带娃去公园了", CHATTER),
        ("谁懂啊，宝宝睡整觉了", CHATTER),
        ("收到，谢谢", CHATTER),
        ("https://example.org/a", OTHER),
        ("", OTHER),
        ("2026", OTHER),
    ],
)
def test_kind(text: str, kind: MessageKind) -> None:
    assert classify(text).kind is kind


def test_image_without_words_is_other() -> None:
    assert classify("", MessageType.IMAGE) == Triage(kind=OTHER, score=1.0)


def test_caption_of_an_image_counts() -> None:
    assert classify("这个多少钱", MessageType.IMAGE).kind is QUESTION


def test_system_line_is_other() -> None:
    assert classify("小王加入了群聊，为什么", MessageType.SYSTEM).kind is OTHER


def test_topic_is_the_best_covered_one() -> None:
    assert classify("快递发货了吗，宝宝等着呢").topic == "logistics"
    assert classify("早上好").topic is None


def test_text_without_cues_is_unsure() -> None:
    assert classify("昨天带娃去公园了").score == 0.5


def test_two_questions_without_their_shared_story() -> None:
    text = "大家好，我家宝宝6个月，奶粉怎么冲？另外积分怎么兑换？"
    assert questions(text) == ["奶粉怎么冲？", "积分怎么兑换？"]


def test_two_questions_in_one_sentence() -> None:
    assert questions("请问多少钱，可以包邮吗") == ["请问多少钱", "可以包邮吗"]


def test_short_second_question_keeps_its_context() -> None:
    assert questions("那节课还能再看一遍吗，在哪里") == ["那节课还能再看一遍吗", "那节课还能再看一遍吗，在哪里"]
    assert questions("今天发货吗还有积分什么时候到账") == ["今天发货吗", "积分什么时候到账"]


def test_one_question_keeps_what_it_needs() -> None:
    assert questions("在吗，这个奶粉开罐后，能放多久？") == ["这个奶粉开罐后，能放多久？"]


def test_story_sentences_are_left_out() -> None:
    assert questions("我昨天下单了。一直没动静。什么时候发货呢") == ["什么时候发货呢"]


def test_two_sides_of_a_choice_are_one_question() -> None:
    assert questions("是寄回去呢，还是去门店退呢") == ["是寄回去呢，还是去门店退呢"]


def test_numbered_questions_end_at_three() -> None:
    assert questions("1.怎么退货 2.运费谁出 3.几天到账 4.能换吗") == ["怎么退货", "运费谁出", "几天到账"]


def test_nothing_is_asked() -> None:
    assert questions("没有问题") == []
    assert questions("") == []


@settings(deadline=None, max_examples=200)
@given(st.text(alphabet=st.one_of(st.characters(), st.sampled_from("怎么吗，。？1. 还有你好")), max_size=120))
def test_any_text_is_triaged(text: str) -> None:
    triage = classify(text)
    assert 0 <= triage.score <= 1
    found = questions(text)
    assert len(found) <= 3
    assert all(found)


@pytest.mark.parametrize(
    "kinds",
    [
        "[]",
        "{nothing: []}",
        "{question: [{weight: 3}]}",
        "{question: [{weight: 0.5, forms: ['(']}]}",
        "{question: [{w: 1}]}",
    ],
)
def test_broken_cue_file_is_named(tmp_path: Path, kinds: str) -> None:
    file = tmp_path / "triage.yaml"
    file.write_text(f"negations: []\nkinds: {kinds}\ntopics: {{}}\nsplitting: {{}}\n", encoding="utf-8")
    with pytest.raises(LexiconError, match=r"triage\.yaml"):
        CueBook(file)
