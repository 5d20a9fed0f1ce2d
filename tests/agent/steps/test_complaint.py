"""Whether a member complains: sentences as members type them, and what only looks like one."""

import numpy as np
import pytest

from agent.steps.complaint import assess, least_severity, triaged
from agent.steps.complaint_classifier import ClassifierError, load, shipped
from core.vocabulary import ComplaintCategory, MessageKind, MessageType, Severity
from knowledge.embeddings import Embedder


# scope: 20
def test_broken_after_three_days_and_nobody_cares() -> None:
    found = assess("买了三天就坏没人管")
    assert (found.is_complaint, found.category, found.severity) == (
        True,
        ComplaintCategory.PRODUCT_QUALITY,
        Severity.HIGH,
    )


@pytest.mark.parametrize(
    ("text", "category"),
    [
        ("下单八天了物流还是没动静，催了三次都没用", ComplaintCategory.LOGISTICS),
        ("退款申請半個月了，錢還是沒退給我", ComplaintCategory.REFUND),
        ("客服說話太衝了，問兩句就不耐煩，什么态度", ComplaintCategory.SERVICE_ATTITUDE),
        ("积分莫名其妙被清零了，账号也登不上", ComplaintCategory.POINTS_ACCOUNT),
        ("你们把我手机号泄露了吧，天天有骚扰电话", ComplaintCategory.PRIVACY_HARASSMENT),
    ],
)
def test_category(text: str, category: ComplaintCategory) -> None:
    found = assess(text)
    assert found.is_complaint and found.category is category


@pytest.mark.parametrize(
    "text",
    [
        "请问怎么申请退款呀",
        "退款收到了，谢谢客服",
        "建议把退款流程写进群公告",
        "隔壁那家店才坑，退款拖了我一个月",
        "客服态度超好，坏了直接给我换新的",
        "早上好",
        "",
        "？",
        "👍",
    ],
)
def test_no_complaint(text: str) -> None:
    found = assess(text)
    assert not found.is_complaint
    assert (found.category, found.severity, found.quote, found.topic) == (None, None, None, None)


@pytest.mark.parametrize(
    "text",
    [
        "再不退款我就打12315投诉你们",
        "孩子吃了你们家的米粉上吐下泻，送医院了",
        "你们的电热毯半夜起火，床都烧了",
    ],
)
def test_danger_and_law_are_critical(text: str) -> None:
    found = assess(text)
    assert found.is_complaint and found.severity is Severity.CRITICAL
    assert least_severity(text) is Severity.CRITICAL


def test_quote_is_the_clause_that_complains() -> None:
    text = "大家早上好呀！今天天气不错。我上周买的保温杯漏水，客服一直不理人。有人一起跑步吗"
    found = assess(text)
    assert found.quote is not None
    quote = text[slice(*found.quote)]
    assert "漏水" in quote and "早上好" not in quote and "跑步" not in quote


def test_quote_counts_code_points_of_the_text_as_given() -> None:
    text = "😡😡　Ｏｋ，你们的婴儿床用了三天裂了一条大缝，没人管！"
    found = assess(text)
    assert found.quote is not None and "裂了一条大缝" in text[slice(*found.quote)]


def test_same_thing_in_other_words_is_one_topic() -> None:
    topics = {
        assess(text).topic for text in ("这批纸尿裤漏得一塌糊涂，质量太差", "你们的尿不湿质量太差了，漏得到处都是")
    }
    assert topics == {"product_quality:纸尿裤"}


@pytest.mark.parametrize(
    "text",
    [
        "你们的尿不湿质量有问题，天天漏",
        "质量不行",
        "客服态度差",
        "你们发错货了",
        "物流太慢了",
        "怎么还不发货",
        "优惠券用不了",
        "積分沒了",
        "天天给我打电话推销",
        "群里全是广告没人管",
        "我要投诉",
    ],
)
def test_the_most_ordinary_complaints_are_found(text: str, encoder: Embedder) -> None:
    assert assess(text, vector=lambda: np.asarray(encoder.embed([text])[0])).is_complaint


@pytest.mark.parametrize(
    "text",
    [
        "多久发货呢",
        "去你们店里停车免费吗",
        "我的订单到哪儿了帮我查一下",
        "有人吗",
        "发货呀",
        "会员卡",
        "客服态度真好",
        "质量怎么样呀",
        "退款一般几天到账",
        "奶瓶會漏嗎",
    ],
)
def test_plain_questions_and_fragments_are_none(text: str, encoder: Embedder) -> None:
    assert not assess(text, vector=lambda: np.asarray(encoder.embed([text])[0])).is_complaint


def test_vector_is_not_asked_for_what_is_sure() -> None:
    def vector() -> np.ndarray:
        raise AssertionError("asked")

    assert not assess("👍", vector=vector).is_complaint


def test_vector_of_another_length_is_left_aside() -> None:
    text = "买了三天就坏没人管"
    assert assess(text, vector=lambda: np.ones(3, dtype=np.float32)).is_complaint


@pytest.mark.parametrize("text", ["坏" * 8000, "\u200b" * 50, "\ud800坏了没人管", "12315" * 400])
def test_any_text_has_a_verdict(text: str) -> None:
    found = assess(text)
    assert found.quote is None or 0 <= found.quote[0] < found.quote[1] <= len(text)


def test_triage_follows_the_verdict() -> None:
    text = "买了三天就坏没人管"
    assert triaged(text, MessageType.TEXT, assess(text)).kind is MessageKind.COMPLAINT
    text = "退款收到了，谢谢客服"
    assert triaged(text, MessageType.TEXT, assess(text)).kind is not MessageKind.COMPLAINT
    assert triaged("群名已修改", MessageType.SYSTEM, assess("垃圾东西，退钱")).kind is MessageKind.OTHER


def test_artefact_is_named_when_broken(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "complaint.npz").write_bytes(b"no archive")
    with pytest.raises(ClassifierError, match=r"complaint\.npz"):
        load(tmp_path / "complaint.npz")
    assert shipped().encoder
