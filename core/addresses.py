"""Postal addresses that name one house, in a normalised text.

A province, a city or a road alone is not personal. What makes an address so is a house number on a road or in a
village, or a building with a room; from there we walk left to where the address begins.
"""

import re
from collections.abc import Iterator

_HAN = "[\u4e00-\u9fff]"
_HAN_NUMBER = "[零〇一二三四五六七八九十百壹贰叁肆伍陆柒捌玖拾两]{1,7}"
_NUMBER = rf"(?:[0-9]{{1,5}}|[a-z]|{_HAN_NUMBER}|[0-9](?: [0-9]){{1,4}})"
_HAN_ROOM = "[零〇一二三四五六七八九壹贰叁肆伍陆柒捌玖]{3,5}(?![单号栋楼层十百])"
_SPACED_ROOM = "[0-9](?: [0-9]){2,4}(?![0-9])"
# 3-2-501, for who has no words: the last two digits count the doors of a floor.
_BY_DASHES = "[0-9]{1,2} ?- ?[0-9]{1,2} ?- ?[0-9]{1,2}(?:0[1-9]|1[0-9]|20)(?![0-9-])"
# What may follow a house number: building, entrance, floor, room, the last without its unit.
_UNITS = (
    rf"(?:(?: ?-? ?{_NUMBER} ?(?:号楼|号院|号|弄|栋|幢|座|单元|楼|层|室|房|户|门)){{1,5}}"
    rf"(?: ?-? ?(?:[0-9]{{2,5}}(?![0-9.])|{_HAN_ROOM}))?|(?: ?{_HAN}{{2,8}})? ?{_BY_DASHES})"
)
_ON_ROAD = re.compile(
    rf"{_HAN}(?:大道|胡同|路|街|道|巷|弄|路[一二三四东西南北中]?段|村[0-9一二三四五六七八九十]{{0,3}}[组队]?)"
    rf" ?(?P<number>[0-9]{{1,5}}|[0-9](?: [0-9]){{1,4}}|{_HAN_NUMBER})(?:-[0-9]{{1,4}})? ?[号弄](?![楼线路店口])"
    rf"(?P<units>{_UNITS})?",
)
_ESTATE = "(?:小区|花园|公寓|家园|新村|华庭|天街|广场|大厦|苑|府|庭|墅|城|湾|里|园|居|轩)"
_IN_BUILDING = re.compile(
    rf"(?<![0-9a-z.])(?:{_ESTATE} (?:[一二三四五六0-9]期 )?)?(?:{_NUMBER} ?(?:号楼|栋|幢|座|#楼?) ?"
    rf"(?:-? ?{_NUMBER} ?(?:单元|门|楼|层) ?){{0,2}}-? ?"
    rf"(?:[0-9]{{3,5}}(?![0-9.元块])|{_HAN_ROOM}|{_SPACED_ROOM}|[0-9]{{1,5}} ?[室房户号])[室房户]?(?!型)"
    rf"|{_NUMBER} ?(?:号楼|栋|幢|座) ?- ?[0-9]{{1,2}} ?- ?[0-9]{{3,4}}(?![0-9-])"
    rf"|{_NUMBER} ?单元 ?(?:[0-9]{{1,2}}[楼层] ?)?(?:[0-9]{{2,5}}|{_SPACED_ROOM}) ?[室房户])",
)
_IN_ESTATE = re.compile(
    rf"{_HAN}{_ESTATE} ?#?"
    r"[0-9a-z]{1,3}-[0-9]{1,4}(?:-[0-9]{2,5})?(?![0-9-])室?"
    rf"|(?<=[\u4e00-\u9fff])(?<![码号编分比])(?![0-9-]{{3,6}}(?:19|20)[0-9]{{2}}){_BY_DASHES}",
)
# Words that end like a road; 我不知道5号发货 is no address.
_NO_ROAD = re.compile(
    "(?:知道|难道|报道|频道|味道|渠道|通道|赛道|一道|走路|上路|一路|半路|顺路|迷路|思路|线路|铁路|网路|逛街)$"
)
# After 1 to 31, 号 is also a day: 南京路店8号开业.
_DAY_GOES_ON = re.compile("[线前后之截早晚上下开到见发出就那当我你们以凌中有要放]")
_REGION = re.compile("(?<![小社园校景片])[区市县旗]|自治州")
_WIDE_REGION = re.compile("[省市县镇乡]|(?<![小社园校景片])区|街道")
_LEFT_END = re.compile("[我你您他她它们着在到寄住址是给请把收去的了吗呢啊吧嘛帮这那至]|地址|前往|送往|位于")
_JOINT = re.compile("[省市区县镇乡道] ?[,·/-]? ?$")
_FIRST_NUMBER = re.compile(f"[0-9]|{_HAN_NUMBER} ?(?:[号栋幢座室]|单元)")
_MAX_LEFT = 40
_MAX_GAP = 14
_GAP = re.compile(rf"(?:[\u4e00-\u9fffa-z ()]|[0-9]{{1,4}}(?![0-9])){{0,{_MAX_GAP}}}")


def find_addresses(text: str) -> Iterator[tuple[int, int]]:
    """Half-open spans of addresses in the normalised `text`, in order, not overlapping."""
    span: tuple[int, int] | None = None
    for start, end in sorted(_cores(text)):
        if span and start - span[1] <= _MAX_GAP and _GAP.fullmatch(text, span[1], max(start, span[1])):
            span = span[0], max(span[1], end)
            continue
        if span:
            yield span
        span = _walk_left(text, start, span[1] if span else 0), end
    if span:
        yield span


def public_part(address: str) -> int:
    """How many characters of an address may stay readable: up to its city, district or county."""
    first_number = _FIRST_NUMBER.search(address)
    regions = list(_REGION.finditer(address, 1, first_number.start() if first_number else len(address)))
    return regions[-1].end() if regions else 0


def _cores(text: str) -> Iterator[tuple[int, int]]:
    """The parts that name a house, without the regions and names to their left."""
    for match in _ON_ROAD.finditer(text):
        if not _NO_ROAD.search(text, max(0, match.start() - 1), match.start("number")) and not _is_day(text, match):
            yield match.span()
    for pattern in (_IN_BUILDING, _IN_ESTATE):
        for match in pattern.finditer(text):
            yield match.span()


def _is_day(text: str, match: re.Match[str]) -> bool:
    number = match["number"].replace(" ", "")
    if (
        match["units"]
        or len(number) > 3
        or (number.isdecimal() and int(number) > 31)
        or not _DAY_GOES_ON.match(text, match.end())
    ):
        return False
    return not _WIDE_REGION.search(text, max(0, match.start() - _MAX_LEFT), match.start())


def _walk_left(text: str, start: int, floor: int) -> int:
    """Where the names before `start` begin: at the last character that isn't part of a place name."""
    begin = start
    floor = max(floor, start - _MAX_LEFT)
    while begin > floor and _is_name(text, begin - 1, floor):
        begin -= 1
    stops = list(_LEFT_END.finditer(text, begin, start))
    begin = stops[-1].end() if stops else begin
    while begin < start and not text[begin].isalnum():
        begin += 1
    return begin


def _is_name(text: str, index: int, floor: int) -> bool:
    char = text[index]
    if "\u4e00" <= char <= "\u9fff":
        return True
    return char in " ,·/-" and _JOINT.search(text, max(floor, index - 3), index + 1) is not None
