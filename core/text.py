"""One spelling of a member's text, with the way back to what was typed; words, sentences and likeness.

Everything that matches patterns (risk, masking, search) works on `normalize(text).text` and reports spans of the
original through `Normalized.span`, so that full-width digits, traditional characters or zero-width characters inside
a phone number hide nothing.
"""

import re
import threading
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, lru_cache

# Unicode's stream-safe format (UAX 15) allows 30 marks on a base; more are decoration, and sorting them is quadratic.
_MAX_CLUSTER = 31
_REPLACEMENT = "\ufffd"
_KEEP, _JOIN, _DROP = range(3)
# Invisible by Unicode (default ignorable), though not of category Cf: fillers, grapheme joiner, variation selectors.
_INVISIBLE = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\uffa0\ufe00-\ufe0f\U000e0000-\U000e0fff]",
)
_VISIBLE_FORMAT = re.compile("[\u0600-\u0605\u06dd\u070f\u0890\u0891\u08e2\U000110bd\U000110cd]")
_HAN_RUN = re.compile("[\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_ASCII_BREAK_IN_WORD = r"(?<=[A-Za-z0-9/])[?!;](?=[A-Za-z0-9_=&/%-])"  # https://a.example/?id=1 is one word
_SENTENCE = re.compile(
    rf"(?:{_ASCII_BREAK_IN_WORD}|[^。！？!?；;\r\n])*+(?:[。！？!?；;]++[”’」』）)\"']*+)?",
)
_LOADING = threading.Lock()


@dataclass(frozen=True, slots=True)
class Normalized:
    """A normalised text and where each of its characters came from. All indices are Unicode code points.

    `offsets[i]` is the index in `original` of the first character that produced `text[i]`, `offsets[-1]` is
    `len(original)`. `ends[i]` is the index after the last one: a letter and its combining mark are one character of
    `text`.
    """

    original: str
    text: str
    offsets: tuple[int, ...]
    ends: tuple[int, ...]

    def span(self, start: int, end: int) -> tuple[int, int]:
        """The half-open span of `original` that produced `text[start:end]`.

        Characters removed inside the span are covered, those before and after it are not. An empty span stays empty.
        Raises ValueError unless 0 <= start <= end <= len(text).
        """
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"no span {start}:{end} in a text of {len(self.text)} characters")
        first = self.offsets[start]
        return (first, first) if start == end else (first, self.ends[end - 1])


def normalize(text: str, *, fold_case: bool = True) -> Normalized:
    """Brings any string into one spelling: NFKC, simplified characters, no invisible ones, single spaces, folded case.

    Also made plain, since members use them to get past filters: digits of any script and shape (❶ → 1), marks that
    don't compose on Latin letters, digits and Han characters (strike-through, keycaps). A lone surrogate becomes
    U+FFFD, so that the result can always be encoded. Never raises.
    """
    chars: list[str] = []
    starts: list[int] = []
    ends: list[int] = []
    for start, end, cluster in _clusters(text):
        for char in _fold(cluster, fold_case):
            if char == " " and (not chars or chars[-1] == " "):
                if chars:
                    ends[-1] = end
                continue
            chars.append(char)
            starts.append(start)
            ends.append(end)
    if chars and chars[-1] == " ":
        for column in (chars, starts, ends):
            column.pop()
    starts.append(len(text))
    return Normalized(text, _simplify("".join(chars)), tuple(starts), tuple(ends))


def tokens(text: str) -> list[str]:
    """Words for lexical search, in order, with the shorter words inside a long one; no spaces, punctuation or emoji.

    Normalised first: 我要退貨 and 我要退货, ＯＫ and ok give the same words.
    """
    import rjieba  # loads its dictionary (0.1 s): not for who never searches

    return [word for word in rjieba.cut_for_search(normalize(text).text) if any(map(str.isalnum, word))]


def sentences(text: str) -> list[str]:
    """Sentences as typed, each with its terminator (。！？；!?; or a run of them) and without outer spaces.

    A line end also ends a sentence. A terminator inside a URL does not.
    """
    return [sentence for match in _SENTENCE.finditer(text) if (sentence := match[0].strip())]


def jaccard_bigrams(a: str, b: str) -> float:
    """How alike two texts are, 0.0 to 1.0: shared over all character bigrams, without spaces and punctuation.

    A text of one character counts as that character. Where either has nothing left, the answer is 0.0.
    """
    left, right = _bigrams(a), _bigrams(b)
    return len(left & right) / len(left | right) if left and right else 0.0


def _bigrams(text: str) -> set[str]:
    content = "".join(filter(_is_content, normalize(text).text))
    return {content[i : i + 2] for i in range(max(len(content) - 1, min(len(content), 1)))}


@lru_cache(maxsize=8192)
def _is_content(char: str) -> bool:
    return unicodedata.category(char) == "So" or unicodedata.category(char)[0] in "LNM"


def _clusters(text: str) -> Iterator[tuple[int, int, str]]:
    """Base characters with the marks that join them, as (start, end, characters); invisible ones are left out."""
    start, end, cluster = 0, 0, ""
    for index, char in enumerate(text):
        role = _role(char)
        if role == _DROP:
            continue
        if role == _JOIN and cluster:
            end = index + 1
            if len(cluster) < _MAX_CLUSTER:
                cluster += char
            continue
        if cluster:
            yield start, end, cluster
        start, end, cluster = index, index + 1, char
    if cluster:
        yield start, end, cluster


@lru_cache(maxsize=8192)
def _role(char: str) -> int:
    category = unicodedata.category(char)
    if _INVISIBLE.match(char) or (category == "Cf" and not _VISIBLE_FORMAT.match(char)):
        return _DROP
    if category == "Cc" and not char.isspace():
        return _DROP
    # The decomposed form decides: half-width ﾞ is a letter whose decomposition is a mark.
    first = unicodedata.normalize("NFKD", char)[0]
    vowel_or_final_jamo = "\u1161" <= first <= "\u11ff"
    return _JOIN if vowel_or_final_jamo or unicodedata.category(first)[0] == "M" else _KEEP


@lru_cache(maxsize=8192)
def _fold(cluster: str, fold_case: bool) -> str:
    """One cluster in its plain form; may be longer (㎏) or empty."""
    folded = unicodedata.normalize("NFKC", cluster)
    if fold_case:
        folded = unicodedata.normalize("NFKC", folded.casefold())
    if folded[0].isascii() or _HAN_RUN.match(folded):
        folded = folded[0] + "".join(char for char in folded[1:] if unicodedata.category(char)[0] != "M")
    return "".join(_plain(char) for char in folded if _role(char) != _DROP)


def _plain(char: str) -> str:
    if "\ud800" <= char <= "\udfff":
        return _REPLACEMENT
    if char.isspace() or char == "\u2800":  # braille blank: looks like a space, is none
        return " "
    digit = unicodedata.digit(char, None)
    return char if digit is None else str(digit)


def _simplify(text: str) -> str:
    if text.isascii():
        return text
    convert = _converter()
    return text if convert(text) == text else _HAN_RUN.sub(lambda run: _same_length(run[0], convert), text)


def _same_length(run: str, convert: Callable[[str], str]) -> str:
    """A run of Han characters converted as phrases, or character by character where that would shift the offsets."""
    converted = convert(run)
    if len(converted) == len(run):
        return converted
    return "".join(one if len(one := convert(char)) == 1 else char for char in run)


def _converter() -> Callable[[str], str]:
    with _LOADING:
        return _load_converter()


@cache
def _load_converter() -> Callable[[str], str]:
    from opencc import OpenCC  # reads its dictionaries: only when there is something to convert

    convert: Callable[[str], str] = OpenCC("t2s").convert
    return convert
