"""Contact drops in short messages (谐音引流): a code or number with a word that sounds like an app, a hint to look at
the sender's name or picture, a handle beside an offer. Longer messages say by their words what they are."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Final, NamedTuple

from agent.steps.signs import ScreenInput, Sign
from core.text import Normalized
from core.vocabulary import RiskLabel

LAYER: Final = "pattern"
LONGEST: Final = 60
"""Characters of a message that may be little but a contact."""
_MOST: Final = 5

_CODE = (
    r"(?:[a-z]{1,5}[\s.\-]?[0-9]{3,9}(?![0-9])|(?<![0-9])[0-9]{3,5}[\s+.\-]{1,3}[0-9]{3,6}(?![0-9])"
    r"|(?<![0-9])[0-9]{7,10}(?![0-9]))"
)
# What sounds or looks like 微信, 扣扣, 群, and what is typed for it.
_APP = (
    r"(?:[喂威卫薇微徽围维溦沩慰渭蔚韦沜]|[扣寇蔻叩冦筘抠]|口口|企鹅|(?<![a-z])[qvw][qxv]?(?![a-z])|裙|飞机|✈|➕|🐧|❤|📡|🛰"
    r"|[伽佳嘉][扣口微威q]?)"
)
_GAP = r"[^a-z0-9一-鿿]{0,4}[心信芯号看找我加名]{0,2}[^a-z0-9一-鿿]{0,4}"
_GOODS = r"(?:片|篇|盘|拼|妹|美女|资源|裸|照|沜|茗|刺激|福利|爽|操|逼|撩|口活|看看)"


class _Form(NamedTuple):
    key: str
    label: RiskLabel
    weight: float
    form: re.Pattern[str]
    unless: re.Pattern[str]


_PEOPLE = (
    r"[吗么?？]|我的|你的|客服|群主|老师|同学|经理|电话|地址|快递|取件|验证码|尾号|订单|会议|支付|转账"
    r"|房间|航班|车次|骗|举报"
)


def _form(key: str, label: RiskLabel, weight: float, form: str, unless: str = _PEOPLE) -> _Form:
    return _Form(key, label, weight, re.compile(form), re.compile(unless))


FORMS: Final = (
    _form("code with an app", RiskLabel.AD_SPAM, 0.55, rf"{_CODE}{_GAP}{_APP}|{_APP}{_GAP}{_CODE}"),
    _form("code with goods", RiskLabel.AD_SPAM, 0.5, rf"{_CODE}[^。]{{0,6}}{_GOODS}|{_GOODS}[^。]{{0,6}}{_CODE}"),
    _form("goods with a code", RiskLabel.PORN, 0.4, rf"{_CODE}[^。]{{0,6}}{_GOODS}|{_GOODS}[^。]{{0,6}}{_CODE}"),
    _form(
        "look at my name",
        RiskLabel.AD_SPAM,
        0.5,
        r"看\s?(?:我)?(?:的)?(?:名字?|茗字?|铭字?|头像|签名|简介|资料|主页)(?:[^一-鿿]|[上下里加看找有]|$)"
        r"|(?:名字?|茗)\s?(?:\+|➕|是[.。]?[威喂卫])+",
        r"[吗么?？]|好听|好看|取名|起名|孩子|宝宝|认识",
    ),
    _form(
        "handle beside an offer",
        RiskLabel.AD_SPAM,
        0.55,
        r"(?:招|收|出|接|换|做|日结|代理|项目|客服|联系|飞机|tg|电报|来|找|私)[^。\n]{0,20}[:：\s]?@[a-z][a-z0-9_]{4,}",
        r"邮箱|email|@(?:qq|gmail|163|126|outlook|foxmail)|github|pip|npm|谢谢|请问|怎么",
    ),
    _form(
        "invitation of a messenger",
        RiskLabel.AD_SPAM,
        0.5,
        r"t\.me/(?:\+|joinchat)[a-z0-9_\-]*",
        r"官方群|文档|github|骗|举报",
    ),
    _form(
        "sells film",
        RiskLabel.PORN,
        0.55,
        r"[麦卖买賣][-—\s]?(?:片|饼|偏|篇|p(?![a-z0-9]))",
        r"麦片|麦饼[店摊]|早餐|超市|燕麦",
    ),
)


def contact_layer(normalized: Normalized, message: ScreenInput) -> list[Sign]:  # noqa: ARG001 a layer's signature
    """Contact drops as a layer of `agent/steps/risk.py`."""
    return list(_signs(normalized)) if len(normalized.text) <= LONGEST else []


def _signs(normalized: Normalized) -> Iterator[Sign]:
    for one in FORMS:
        if one.unless.search(normalized.text) is None:
            for find in islice(one.form.finditer(normalized.text), _MOST):
                yield Sign(one.label, one.weight, *normalized.span(*find.span()), LAYER, one.key)
