"""Contact drops in short messages, and people who only exchange numbers."""

import pytest

from agent.steps.risk import ScreenInput, screen
from core.vocabulary import RiskLabel


@pytest.mark.parametrize(
    "text",
    [
        "abc2046 喂心",
        "2046 7788 卫",
        "想要的看我名字+",
        "招代理日结 客服@abcdef12",
        "t.me/+AbCdEf 进来",
        "资源 xk99887 看片",
    ],
)
def test_contact_drop(text: str) -> None:
    assert RiskLabel.AD_SPAM in {hit.label for hit in screen(ScreenInput(text=text)).labels}


@pytest.mark.parametrize(
    "text",
    [
        "取件码 2046 7788 记得拿",
        "我的号码你存了吗 138",
        "看名字就知道是好人",
        "谁能推荐个取名软件",
        "@xiaoming 你来看看这个",
        "航班 CA1234 晚点了",
    ],
)
def test_no_contact_drop(text: str) -> None:
    assert RiskLabel.AD_SPAM not in {hit.label for hit in screen(ScreenInput(text=text)).labels}
