import pytest

from agent.steps.patterns import pattern_layer
from agent.steps.signs import ScreenInput
from core.text import normalize


def keys(text: str) -> set[str]:
    return {sign.key for sign in pattern_layer(normalize(text), ScreenInput(text=text))}


@pytest.mark.parametrize(
    "text",
    [
        "加微信：abc_12345",
        "vx: mama888",
        "加 w x b a o 8 8 6",
        "扣扣12345678",
        "威信 mm2026",
        "ＱＱ：１２３４５６７８",
        "v信 hello66",
    ],
)
def test_contact_with_an_id(text: str) -> None:
    assert "contact with an id" in keys(text)


@pytest.mark.parametrize(
    "text", ["QQ music 好听", "微信支付12345678", "微信上说", "别加微信：abc12345，骗子", "qq@home"]
)
def test_no_contact(text: str) -> None:
    assert "contact with an id" not in keys(text)


def test_contact_by_one_letter_needs_a_verb_or_a_colon() -> None:
    assert "contact by letter" in keys("加v abc123")
    assert "contact by letter" in keys("V：abc123")
    assert "contact by letter" not in keys("vision123 好用")
    assert "contact by letter" not in keys("iPhone v 12345")


def test_links_of_every_spelling() -> None:
    assert "short link" in keys("看 t.cn/Ab3")
    assert "link" in keys("HTTPS://example.org/a")
    assert "domain in the text" in keys("去 abc123 点 com 注册")
    assert "bare number as host" in keys("http://10.2.3.4/login")


def test_asking_for_the_code_is_no_hint() -> None:
    assert "come by QR code" in keys("长按识别二维码进群")
    assert "come by QR code" not in keys("怎么扫码进群")


def test_payment_words_need_an_amount_or_a_claim() -> None:
    assert "advance payment" in keys("先转200我就发")
    assert "fee before money" in keys("提现要交手续费")
    assert "fee before money" not in keys("提现要交手续费吗")
    assert "pay and get back" in keys("垫付100返120")
    assert "pay and get back" not in keys("满100返20券")


def test_personal_data_is_named_by_kind() -> None:
    assert "personal:phone" in keys("她电话13812345678")
