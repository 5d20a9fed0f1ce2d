"""Personal data in a text of our own. What the house gives out itself (a hotline, the address of the shop) may stand
where a source has it; what is a member's own may not, whatever has it."""

import re
from collections.abc import Iterator, Sequence
from typing import Final

from core.masking import Finding, PersonalDataKind, mask
from core.text import normalize

_NEAR: Final = 14
_CLOSE: Final = 5
_ABROAD: Final = re.compile(r"(?<![\d-])09\d\d([- ]?)\d{3}\1\d{3}(?![\d-])")
"""Mobile numbers of Taiwan, in a text that is sent there."""
_HOUSE: Final = re.compile(
    r"客服|热线|专线|售后|门店|门市|店铺|店里|本店|前台|咨询|退货|退换|寄回|寄到|仓|自提点|营业|物业|值班|报修|官方|总机"
    r"|订位|订座|预约|对公|公户|公司|校区|救助|急救|举报|投诉|服务|商务|合作|报名|集合|活动地点|地点|教室|场地|工作室|发票"
    r"|基地|图书馆|活动中心|社区|书店|站点|驿站|维修"
)
_PERSON: Final = re.compile(
    r"先生|女士|小姐|太太|阿姨|叔叔|大爷|奶奶|爷爷|妈妈|爸爸|[妈爸姐哥弟妹嫂姨]|老师|同学|师傅|家长|业主|邻居|团友|群友|会员|成员"
    r"|失主|机主|车主|主人|买家|收件|收货|中奖|户主|住户|家里|她家|他家|本人"
)
_OWNER: Final = re.compile(r"本人|先生|女士|小姐|妈妈|爸爸|老师|同学|会员")
_NAME: Final = re.compile(
    r"[赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦许何吕施张孔曹严华金魏陶姜谢邹苏潘葛范彭鲁韦马苗方俞任袁柳鲍史唐费薛雷贺倪汤"
    r"罗毕郝安常于傅齐康伍余顾孟黄穆萧尹姚邵汪毛戴宋熊舒项董梁杜阮蓝闵季贾江童郭梅林钟徐邱骆高夏蔡田樊胡凌霍虞万柯管"
    r"卢丁邓洪石崔龚程邢陆段侯武刘景詹龙叶白蒲赖乔温庄晏柴瞿阎欧][一-鿿]{1,2}[ :,、(的]*$"
)
_ALWAYS: Final = frozenset(
    {
        PersonalDataKind.ID_CARD,
        PersonalDataKind.PASSPORT,
        PersonalDataKind.ORDER_NO,
        PersonalDataKind.TRACKING_NO,
        PersonalDataKind.PLATE,
    }
)
_MAY_BE_MEANT: Final = frozenset({PersonalDataKind.PHONE, PersonalDataKind.LANDLINE, PersonalDataKind.EMAIL})
"""Kinds that a source alone makes fit to be told, unless a person stands beside them."""
_STARS: Final = re.compile(r"[a-z0-9@.]+\*{2,}[a-z0-9@.*]*|\*{2,}[a-z0-9@.]+|\*{4,}|[a-z0-9]\*@", re.I)


class Found:
    """A span of personal data in a text as it stands; `unknown` a number to call that no source has."""

    __slots__ = ("end", "start", "unknown")

    def __init__(self, start: int, end: int, *, unknown: bool) -> None:
        self.start, self.end, self.unknown = start, end, unknown


def find(text: str, sources: Sequence[str]) -> list[Found]:
    """Personal data that may not stand there."""
    findings = [*mask(text).findings]
    abroad = [Finding(PersonalDataKind.PHONE, *match.span()) for match in _ABROAD.finditer(text)]
    findings += [one for one in abroad if not any(one.start < old.end and old.start < one.end for old in findings)]
    if not findings:
        return []
    known = [normalize(source).text for source in sources]
    return [
        Found(one.start, one.end, unknown=_is_number(one.kind) and not _has(known, text[one.start : one.end]))
        for one in findings
        if not _may_stand(text, one.kind, one.start, one.end, known)
    ]


def masked(text: str, spans: Sequence[tuple[int, int]], sources: Sequence[str]) -> Iterator[tuple[int, int]]:
    """A number with stars is of use to nobody, and still personal data, unless a source has it so: 138****5678."""
    found = {(max(0, start), min(end, len(text))) for start, end in spans}
    seen = {match.span() for match in _STARS.finditer(text) if not any(match[0] in source for source in sources)}
    seen = {one for one in seen if not any(one[0] < end and start < one[1] for start, end in found)}
    yield from (span for span in sorted(found | seen) if span[0] < span[1])


def _is_number(kind: PersonalDataKind) -> bool:
    return kind in (PersonalDataKind.PHONE, PersonalDataKind.LANDLINE)


def _may_stand(text: str, kind: PersonalDataKind, start: int, end: int, known: Sequence[str]) -> bool:
    before = normalize(text[max(0, start - _NEAR) : start]).text
    around = before + normalize(text[start : end + _NEAR]).text
    owned = bool(_PERSON.search(before[-_CLOSE:]) or _NAME.search(before))
    house = bool(_HOUSE.search(before)) or (not owned and bool(_HOUSE.search(around)))
    if kind is PersonalDataKind.LANDLINE and house:
        # Whether it is the right number is a question of facts, not of anybody's data.
        return True
    if kind in _ALWAYS or not _has(known, text[start:end]):
        return False
    if house or (not owned and any(_HOUSE.search(_beside(source, text[start:end])) for source in known)):
        return True
    persons = _OWNER if kind is PersonalDataKind.EMAIL else _PERSON
    return kind in _MAY_BE_MEANT and not (owned or persons.search(around))


def _has(known: Sequence[str], words: str) -> bool:
    wanted = _bare(normalize(words).text)
    return any(wanted in _bare(source) for source in known)


def _bare(text: str) -> str:
    return re.sub(r"[\s\-()]", "", text)


def _beside(source: str, words: str) -> str:
    at = source.find(normalize(words).text)
    return source[max(0, at - _NEAR) : at + len(words) + _NEAR] if at >= 0 else ""
