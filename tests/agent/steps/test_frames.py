"""Who warns, forbids or asks is not who offers."""

import pytest

from agent.steps.frames import is_about
from core.text import normalize


@pytest.mark.parametrize(
    "text",
    ["群里禁止发广告，一经发现移出", "别信他，刷单返现都是骗局", "有人私信我说能代办，靠谱吗", "上周被踢的就是他"],
)
def test_talk_about_it(text: str) -> None:
    assert is_about(normalize(text))


@pytest.mark.parametrize("text", ["不是骗子，放心加我", "招代理日结", "我是民警，您涉嫌诈骗，请配合调查", ""])
def test_no_talk_about_it(text: str) -> None:
    assert not is_about(normalize(text))
