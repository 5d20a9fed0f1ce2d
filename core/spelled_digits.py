"""Digits that survive normalisation in another spelling: 一三八, 幺洞拐, l38oo, 四个零, 八千.

A reading has digits in their place. `Reading.span` leads back to the normalised text it was made from.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

HAN_DIGITS = "零〇○洞一壹幺二贰两三叁四肆五伍六陆七柒拐八捌九玖"
_HAN = str.maketrans(HAN_DIGITS, "0000111222334455667778899")
# Letters that look like digits, unless they belong to a word: the l of tel is none.
_LOOK_ALIKES, _LOOKS = re.compile("(?<![a-z])[oliz]+(?![a-z])"), str.maketrans("oliz", "0112")
_LONG_HAN = re.compile(f"[{HAN_DIGITS}]{{4,}}|(?<=[0-9])[{HAN_DIGITS}]{{2,}}|[{HAN_DIGITS}](?: [{HAN_DIGITS}]){{4,}}")
_RUN = re.compile(rf"(?:[0-9{HAN_DIGITS}oliz ()_]|[^\w\s¥$€%℃+=:<>@#&?!。;]){{11,}}")
_OTHER = re.compile(f"[{HAN_DIGITS}oliz]")
# Digits in words: so many of one (四个零), round thousands at the end of a number, words between its halves.
_WORDS = re.compile(
    f"(?P<times>[2-8二两三四五六七八])个(?P<digit>[0-9{HAN_DIGITS}])"
    f"|(?<=[0-9{HAN_DIGITS}] )(?P<thousands>[1-9一二三四五六七八九])千(?![0-9{HAN_DIGITS}百])"
    f"|(?<=[0-9{HAN_DIGITS}]),? ?(?:后面|后边|接着|然后|再|加上|接)(?:是|接|加|按|拨)? ?(?=[0-9{HAN_DIGITS}])"
    "|(?<=[0-9]{3})一(?=[0-9]{4}一[0-9]{4}(?![0-9]))|(?<=[0-9]{3}一[0-9]{4})一(?=[0-9]{4}(?![0-9]))"
)


class Reading(NamedTuple):
    """`text` with digits, and for each of its characters the span in the text that it was read from."""

    text: str
    spans: list[tuple[int, int]]

    def span(self, start: int, end: int) -> tuple[int, int]:
        return self.spans[start][0], self.spans[end - 1][1]


def plain_digits(text: str) -> str:
    """`text`, of the same length, with numbers of four and more Chinese digits in Arabic ones."""
    return _LONG_HAN.sub(lambda run: run[0].translate(_HAN), text)


def spelled_runs(text: str) -> Iterator[tuple[int, int, str]]:
    """Where a long number may be written with anything but digits: (start, end, the whole text read as digits)."""
    read = ""
    for run in _RUN.finditer(text):
        if _OTHER.search(run[0]):
            read = read or _LOOK_ALIKES.sub(lambda run: run[0].translate(_LOOKS), text).translate(_HAN)
            yield run.start(), run.end(), read


def in_words(text: str) -> Reading | None:
    """The text with digits for the words that stand for several; None where there are none."""
    if not _WORDS.search(text):
        return None
    parts, spans, at = [], [], 0
    for match in _WORDS.finditer(text):
        parts += [text[at : match.start()], written := _written(match)]
        spans += [(i, i + 1) for i in range(at, match.start())] + [match.span()] * len(written)
        at = match.end()
    spans += [(i, i + 1) for i in range(at, len(text))]
    return Reading("".join([*parts, text[at:]]), spans)


def _written(match: re.Match[str]) -> str:
    if match["times"]:
        return match["digit"] * int(match["times"].translate(_HAN))
    return match["thousands"] + "000" if match["thousands"] else " "
