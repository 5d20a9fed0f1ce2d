"""The pattern layer: what has a form instead of a wording. Contact drops, links, QR hints, advance payments, the
markup of chat templates, attempts to steer the assistant, and personal data in the open."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice

from agent.steps import injection_forms
from agent.steps.signs import ScreenInput, Sign
from core.personal_data import PersonalDataKind, find_in_normalized
from core.text import Normalized
from core.vocabulary import RiskLabel

LAYER = "pattern"
PERSONAL = "personal:"
"""Keys of signs for personal data begin so, then the kind."""
MOST_PLACES = 20

_BY = r"[\s,.:;~_\-|/*'\"()=>→是号為为]{0,6}"
_APP = (
    r"(?:(?<![a-z])(?:v\s?[x❤]|w\s?[x❤]|w[ex]i?xin|wechat|qq|tg|telegram|whatsapp)|(?<![a-z])v\s?信|微[\s.*]{0,2}信号?|薇信?|徽信|"
    r"威信|卫星|维信|微(?=[a-z0-9\s:])|扣扣|企鹅|球球|电报|蝙蝠|(?:纸|小)飞机)"
)
# An id of letters alone needs a colon before it: QQ music is no contact.
_ID = (
    r"(?:(?=[a-z0-9\-]*[0-9_])[a-z][a-z0-9_\-]{4,19}(?![a-z0-9])|(?<=[:号])\s?[a-z][a-z0-9_\-]{5,19}(?![a-z0-9])|"
    r"[0-9]{6,11}(?![0-9])|(?:[a-z0-9][\s.*\-]){4,19}[a-z0-9](?![a-z0-9])|[a-z]{1,6}[\s.*]?[0-9]{3,11}(?![0-9]))"
)
_ADD = r"(?:加|➕|\+|佳|嘉|添加|联系|搜索?|找我|私)"
_ASKED = r"(?:怎么|如何|哪里|哪儿|在哪|能不能|可以|可不可以|吗|多少|咋|啥|[?？])"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`unless` is looked for in the `around` characters on either side of a find and makes it not count."""

    key: str
    label: RiskLabel
    weight: float
    form: re.Pattern[str]
    unless: re.Pattern[str] | None = None
    around: int = 12


def _pattern(
    key: str, label: RiskLabel, weight: float, form: str, unless: str | None = None, around: int = 12
) -> Pattern:
    return Pattern(key, label, weight, re.compile(form), re.compile(unless) if unless else None, around)


_WARNS = "骗|小心|当心|别点|不要点|别加|不要加|别扫|不要扫|举报|冒充|谨防|靠谱|真的假的"
_AD, _SCAM, _FAKE = RiskLabel.AD_SPAM, RiskLabel.SCAM, RiskLabel.FAKE_TRADE

PATTERNS = (
    _pattern("contact with an id", _AD, 0.6, rf"{_ADD}?{_BY}{_APP}{_BY}{_ID}", rf"{_WARNS}|支付|付款|零钱|到账|小程序"),
    _pattern(
        "contact by letter",
        _AD,
        0.6,
        rf"(?:{_ADD}\s?v\s?[:号是]?\s?|(?<![a-z0-9])v\s?[:号]\s?){_ID}",
        rf"{_WARNS}|vlog|video|vip|vitamin",
    ),
    _pattern(
        "add me, disguised",
        _AD,
        0.5,
        r"(?:加|➕|\+|佳|嘉)[\s.*~|,]{0,3}(?:v[x❤]?|w[x❤]|薇|❤微|徽)(?![a-z0-9])",
        rf"{_WARNS}|{_ASKED}",
    ),
    _pattern(
        "disguised app with a name",
        _AD,
        0.55,
        r"(?:加|➕|\+|搜)[\s.*~|,]{0,2}(?:v[x❤]?|w[x❤]|薇|❤|🐧|卫星|扣扣|企鹅)\s?[:：]?\s?[a-z][a-z0-9_\-—]{3,19}",
        rf"{_WARNS}|{_ASKED}|vip|video|vlog",
    ),
    _pattern(
        "group number",
        _AD,
        0.5,
        r"(?:q[\s.]?群|扣群|裙号?|群号|企鹅群|交流群|福利群)[\s:,]{0,3}[0-9]{6,11}(?![0-9])",
        rf"{_WARNS}|公告|官方|本店|本群|会员|通知",
    ),
    _pattern(
        "come by QR code",
        _AD,
        0.45,
        r"(?:扫码?|长按|识别)[^。!?,，]{0,8}(?:进群|加群|入群|加我|领取|领福利|免费领|加好友|二维码)",
        rf"{_WARNS}|{_ASKED}",
    ),
    _pattern(
        "short link",
        _AD,
        0.4,
        r"(?<![a-z0-9])(?:t\.cn|url\.cn|dwz\.cn|suo\.im|bit\.ly|goo\.gl|tinyurl\.com|is\.gd|m\.tb\.cn|u\.jd\.com|t\.me|suo\.nz|c\.cn)/[a-z0-9+]",
        _WARNS,
    ),
    _pattern("link", _AD, 0.25, r"https?://[^\s一-鿿]{4,}|(?<![a-z0-9@.])www\.[a-z0-9\-]+\.[a-z]{2,}"),
    _pattern("bare number as host", _SCAM, 0.45, r"https?://[0-9]{1,3}(?:\.[0-9]{1,3}){3}", _WARNS),
    _pattern(
        "domain in the text",
        _AD,
        0.3,
        r"(?<![a-z0-9@./\-])[a-z0-9\-]{2,20}\s?[.。点]\s?(?:com|net|top|xyz|vip|cc|shop|club|icu|site|online)(?![a-z])",
        _WARNS,
    ),
    _pattern(
        "called to a link",
        _AD,
        0.35,
        r"(?:点击|点开|戳|打开|点)(?:下方|下面|这个|此|以下|我的)?(?:链接|网址|连接|蓝字)",
        rf"{_WARNS}|{_ASKED}",
    ),
    _pattern(
        "earnings a day",
        _AD,
        0.5,
        r"(?:日入|日赚|日结|每天赚|一天赚|天赚|时薪|日薪|每日收入|日收入)[^。,，]{0,4}[0-9]{2,}",
        rf"{_WARNS}|{_ASKED}",
    ),
    _pattern(
        "so much a day",
        _AD,
        0.4,
        r"[0-9]{2,}\s?(?:[\-~到至]\s?[0-9]{2,})?\s?(?:元|块|r|¥)?\s?[/一每]\s?(?:天|单|小时|日|条)(?![0-9])",
        rf"{_WARNS}|{_ASKED}|喝|吃|奶|ml|睡|租|停车|快递",
    ),
    _pattern(
        "advance payment",
        _SCAM,
        0.5,
        r"先\s?(?:转|打|付|交|垫付?|充)[^。,，]{0,4}[0-9]{2,}",
        rf"{_WARNS}|{_ASKED}|定金|预付",
    ),
    _pattern(
        "fee before money",
        _SCAM,
        0.5,
        r"(?:缴纳|交纳|支付|交|付)[^。]{0,6}(?:保证金|手续费|解冻费|认证费|工本费|税金|激活费|保险费|诚意金)",
        rf"{_WARNS}|{_ASKED}|退|房东|月嫂|月子",
    ),
    _pattern(
        "pay and get back",
        _FAKE,
        0.75,
        r"(?:垫付?|拍|投|转|本金)\s?[0-9]+\s?(?:元|块)?[^。0-9满]{0,4}(?:返|赚|提现|回本)[^。0-9]{0,3}[0-9]+",
        _WARNS,
    ),
    _pattern(
        "money for each order",
        _FAKE,
        0.4,
        r"(?:佣金|一单)[^。,，]{0,4}[0-9]+\s?(?:元|块)|[0-9]+\s?(?:元|块)\s?[/一每]\s?单",
        rf"{_WARNS}|{_ASKED}|积分|满|优惠|券|购物|会员",
    ),
)

TEMPLATE_MARKUP = re.compile(
    r"<\|[a-z_]{2,20}\|>|</?(?:system|assistant|instructions?)>|\[/?(?:system|inst)\]|"
    r"(?:^|\n)[ \t]{0,8}(?:system|assistant)\s?[:：]|['\"]?role['\"]?\s?:\s?['\"]?system",
    re.IGNORECASE,
)
"""Turn markers of chat models, in the text as typed: normalising would hide line starts."""

PERSONAL_WEIGHTS = {
    PersonalDataKind.EMAIL: 0.5,
    PersonalDataKind.PLATE: 0.5,
    PersonalDataKind.QQ: 0.3,
    PersonalDataKind.WECHAT_ID: 0.3,
}
PERSONAL_WEIGHT = 0.8
"""Any other kind: flagged alone. A contact id alone is a contact drop, which `ad_spam` judges."""


def pattern_layer(normalized: Normalized, message: ScreenInput) -> list[Sign]:  # noqa: ARG001 a layer's signature
    """Forms as a layer of `agent/steps/risk.py`."""
    return [*_forms(normalized), *_markup(normalized), *injection_forms.signs(normalized), *_personal(normalized)]


def _forms(normalized: Normalized) -> Iterator[Sign]:
    for pattern in PATTERNS:
        finds = (find for find in pattern.form.finditer(normalized.text) if _counts(pattern, find))
        for find in islice(finds, MOST_PLACES):
            yield Sign(pattern.label, pattern.weight, *normalized.span(*find.span()), LAYER, pattern.key)


def _counts(pattern: Pattern, find: re.Match[str]) -> bool:
    if pattern.unless is None:
        return True
    start, end = max(0, find.start() - pattern.around), find.end() + pattern.around
    return pattern.unless.search(find.string, start, end) is None


def _markup(normalized: Normalized) -> Iterator[Sign]:
    for find in islice(TEMPLATE_MARKUP.finditer(normalized.original), MOST_PLACES):
        yield Sign(RiskLabel.INJECTION, 0.8, *find.span(), LAYER, "chat template")


def _personal(normalized: Normalized) -> Iterator[Sign]:
    for kind, start, end in find_in_normalized(normalized):
        weight = PERSONAL_WEIGHTS.get(kind, PERSONAL_WEIGHT)
        yield Sign(RiskLabel.PRIVACY, weight, *normalized.span(start, end), LAYER, f"{PERSONAL}{kind.value}")
