"""What sellers write around a filter is read as what it stands for, with the way back to what was typed."""

import pytest

from agent.steps.seller_spelling import read


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("全 网 最 低价", "全网最低价"),
        ("蕞低价", "最低价"),
        ("zui低价", "最低价"),
        ("根zhi不复发", "根治不复发"),
        ("返xian", "返现"),
        ("⭐⭐⭐好", "星星星好"),
        ("全網最低價", "全网最低价"),
    ],
)
def test_a_spelling_is_read_as_what_it_stands_for(text: str, meant: str) -> None:
    found = read(text)
    assert found.text == meant
    assert found.span(0, len(meant)) == (0, len(text))


@pytest.mark.parametrize("text", ["AI工具", "喝醉好难受", "a b c", "ping值高", "周六 周日", "wifi密码"])
def test_plain_words_stay(text: str) -> None:
    assert read(text).text == text.lower()
