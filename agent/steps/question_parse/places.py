"""Which communities, channels, sources … a question names. Names in the database are matched as written, without their
common parts, and by the nickname that people make of them (妈妈群 for 禾苗妈妈交流群)."""

import re
from collections.abc import Iterable, Sequence
from os.path import commonpath
from typing import Final, NamedTuple

from agent.steps.question_parse.interpretation import Known
from agent.steps.question_parse.words import words
from core.text import normalize

_QUOTED: Final = re.compile(r"[「『“\"《【]([^」』”\"》】]{2,40})[」』”\"》】]")
# What stands before 群 without being a name: 每个群, 退群, 哪些群 …
_NO_NAME: Final = re.compile(
    r"(?:[每各哪个几些这那全总本分按进入退加建拉在出离跨多整小大社人客咱我们你的了吗呢和跟与在从到把被给看查对比于是有]|所有|一共|全部|目前|最近|今天|昨天|现在|新增|流失)$"
)
_STOP: Final = re.compile(r"[的了在和跟与把被给看查对从到是有个每各哪几些这那问下我你他咱们吗呢请帮想要知道,。?!、\s]")


class Found(NamedTuple):
    """`values` are names as they stand in the database (or as written, where none are known); `unknown` is a name that
    no community has which the asker may see; `spans` are where the values stand in the text."""

    values: list[str]
    unknown: str | None = None
    spans: tuple[tuple[int, int], ...] = ()


class Word(NamedTuple):
    """A name without its 群, with where it and its 群 stand."""

    text: str
    start: int
    end: int


def communities(text: str, known: Known) -> Found:
    """From the normalised text with its periods taken out."""
    if not known.communities:
        return _as_written(text)
    hits = [(start, end, [name]) for start, end, name in _hits(text, known.communities)]
    rest = blanked(text, [(start, end) for start, end, _ in hits])
    unknown = None
    for word in _mentioned(rest):
        part, names = _nicknamed(word.text, known.communities)
        if names:
            hits.append((word.start + len(word.text) - len(part), word.end, names))
        elif len(word.text) >= 2 and not words("channels").all(word.text):
            unknown = unknown or f"{word.text}群"
    hits.sort(key=lambda hit: hit[0])
    values = list(dict.fromkeys(name for *_, names in hits for name in names))
    return Found(values, unknown, tuple((start, end) for start, end, _ in hits))


def blanked(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text of the same length with these spans emptied."""
    for start, end in spans:
        text = text[:start] + " " * (end - start) + text[end:]
    return text


def _exact(text: str, names: Sequence[str]) -> list[str]:
    return list(dict.fromkeys(name for _, _, name in _hits(text, names)))


def _hits(text: str, names: Sequence[str]) -> list[tuple[int, int, str]]:
    """Names that stand in the text, whole or without what all of them begin with, longest first; a part of a longer
    hit is none of its own."""
    shared = _shared_start(names)
    found: list[tuple[int, int, str]] = []
    for name in names:
        plain = _plain(name)
        for alias in {plain, plain.removeprefix(shared)}:
            if len(alias) < 2 or alias == "群":
                continue
            found += [(m.start(), m.end(), name) for m in re.finditer(re.escape(alias), text)]
    kept: list[tuple[int, int, str]] = []
    for one in sorted(found, key=lambda hit: hit[0] - hit[1]):
        if not any(one[0] < end and start < one[1] for start, end, _ in kept):
            kept.append(one)
    return sorted(kept)


def _plain(name: str) -> str:
    return normalize(name).text


def _shared_start(names: Sequence[str]) -> str:
    plain = [_plain(name) for name in names]
    return commonpath(plain) if len(plain) > 1 else ""


def _mentioned(text: str) -> list[Word]:
    """What stands before 群 and could be a name, without the 群."""
    found = [Word(match[1].removesuffix("群"), match.start(1), match.end(1)) for match in _QUOTED.finditer(text)]
    text = blanked(text, [match.span() for match in _QUOTED.finditer(text)])
    for match in re.finditer("群", text):
        before = text[max(0, match.start() - 10) : match.start()]
        if _NO_NAME.search(before):
            continue
        word = _STOP.split(before)[-1]
        found.append(Word(word, match.start() - len(word), match.end()))
    return [word for word in found if word.text]


def _nicknamed(word: str, names: Sequence[str]) -> tuple[str, list[str]]:
    """The word, shortened from the left as far as needed, with the names that hold it or its characters in order."""
    for start in range(len(word)):
        part = word[start:]
        if len(part) < 2 and not part.isdigit() and not (part.isascii() and part.isalnum()):
            break
        holding = [name for name in names if part in _plain(name)]
        if not holding:
            holding = [name for name in names if _in_order(part, _plain(name))]
        if holding and len(holding) < max(2, len(names)):
            return part, holding
    return "", []


def _in_order(part: str, name: str) -> bool:
    rest = iter(name)
    return all(char in rest for char in part)


def _as_written(text: str) -> Found:
    quoted = [match[1] for match in _QUOTED.finditer(text)]
    named = [word for word in _mentioned(text) if len(word.text) >= 2]
    return Found(quoted or [f"{word.text}群" for word in named], spans=tuple((one.start, one.end) for one in named))


def channels(text: str, known: Sequence[str]) -> list[str]:
    """Channels by their id, their name or what people call them."""
    spoken = words("channels")
    if not known:
        return list(dict.fromkeys(hit.name for hit in spoken.all(text)))
    named = _exact(text, list(known))
    if named:
        return named
    hits = spoken.all(text)
    return [name for name in known if any(_same_channel(name, hit.name, text[hit.start : hit.end]) for hit in hits)]


def _same_channel(name: str, channel: str, said: str) -> bool:
    plain = _plain(name)
    pattern = words("channels").patterns[channel].fullmatch(plain)
    return plain in (channel, said) or pattern is not None


def names(text: str, known: Iterable[str]) -> list[str]:
    """Tags, campaigns, sources or moderators that stand in the text as written."""
    return _exact(text, [name for name in known if len(name) >= 2])


_CAME_BY: Final = re.compile(
    r"(?:从|由|通过|走)?([\w\u4e00-\u9fff]{2,8}?)(?:进来|加进来|过来|来|进群|入群|渠道)(?:来)?的"
)


def sources(text: str, known: Sequence[str]) -> list[str]:
    """Sources as written, or by a part of their name before 来的: 扫码来的 for 门店扫码."""
    named = names(text, known)
    came = _CAME_BY.search(text)
    if named or came is None:
        return named
    word = _STOP.split(came[1])[-1]
    return [name for name in known if len(word) >= 2 and word in _plain(name)]


def other_spans(text: str, known: Known, read: Iterable[str]) -> list[tuple[int, int]]:
    """Where the channels, sources, tags, campaigns and moderators stand that were read from the text."""
    wanted = set(read)
    named = [*known.channels, *known.sources, *known.tags, *known.campaigns, *known.moderators]
    spans = [
        (start, end) for start, end, name in _hits(text, [one for one in named if len(one) >= 2 and one in wanted])
    ]
    for hit in words("channels").all(text):
        said = text[hit.start : hit.end]
        if hit.name in wanted or any(_same_channel(name, hit.name, said) for name in known.channels):
            spans.append((hit.start, hit.end))
    came = _CAME_BY.search(text)
    if came is not None and wanted & set(sources(text, known.sources)):
        spans.append((came.end(1) - len(_STOP.split(came[1])[-1]), came.end()))
    return spans
