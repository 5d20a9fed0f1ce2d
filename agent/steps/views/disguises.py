"""Words of a fixed set, found however they are disguised: sounding alike, spelled in pinyin, taken apart, with another
character of the same shape, by their initials, in pictures, in another order.

A find needs a sign of disguise: a character that differs must not belong to an ordinary word of the text (卫星 is a
satellite, 沙比 is nothing). What is left is weighed by how much was changed.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from functools import cached_property
from itertools import permutations
from typing import NamedTuple

from ahocorasick_rs import AhoCorasick

from agent.steps.views import shapes, sounds
from agent.steps.views.units import How, Unit, units

# Characters that stand in every other sentence: one of them is where it is for its own sake.
_COMMON = frozenset(
    "的一是不了在人有我他这个们来到时大地为子中你说生年着就那和要她出也得里后自以会家可下而过天去能对小多然于心么之都好看起"
    "发当没成只如事把还用第样道想作开总从无己面最但现前些所同日手又行意方它头经长儿回位分老因很给名间知什两次使身者被高已亲"
    "其进此话常与活正见明问点几定本公做外孩相果走将月十实向车全重三机工物气每并别真打太新比才再书部水像等体却主门利受听表少"
    "员许先口由安写或住难教结更让记处应直字场平报关放至认接告入笑内候岁往何度觉路带边解叫任快吃变通数四满远条呢吗啊吧哦呀谁"
    "哪怎咱您钱请帮喝玩买噢嗯哈嘛啦咯哟喔嘿诶早晚午上左右新旧朋友老师同学爸妈哥姐弟妹爷奶叔姨先后里外东西南北课班考试饭水"
)
_LOOKS = tuple(str.maketrans("013456789", f"o{one}eas{six}tbg") for one in "il" for six in "gb")
_SHUFFLED_FROM, _SHUFFLED_TO = 3, 4
_INITIALS_FROM, _INITIALS_TO = 3, 6
_LETTERS_LEAST = 4
_SHORT = 2


class View(StrEnum):
    """By which reading a word was found."""

    READ = "read"
    SOUND = "sound"
    SHAPE = "shape"
    ORDER = "order"
    INITIALS = "initials"


STRENGTH: Mapping[View, float] = {
    View.READ: 0.95,
    View.SOUND: 0.9,
    View.SHAPE: 0.85,
    View.ORDER: 0.75,
    View.INITIALS: 0.7,
}
"""Share of a word's weight that a find by this reading keeps. Set by hand: the more readings an innocent text has that
way, the less."""


class Disguise(NamedTuple):
    """`text[start:end]` of the normalised text stands for `word`."""

    word: str
    start: int
    end: int
    view: View


class _Patterns:
    """Strings to look for, each standing for words."""

    def __init__(self, pairs: Iterable[tuple[str, str]]) -> None:
        self.words: dict[str, set[str]] = defaultdict(set)
        for pattern, word in pairs:
            self.words[pattern].add(word)
        self._patterns = sorted(self.words)
        self._automaton = AhoCorasick(self._patterns)

    def finds(self, text: str) -> Iterator[tuple[int, int, str]]:
        for number, start, end in self._automaton.find_matches_as_indexes(text, overlapping=True):
            for word in self.words[self._patterns[number]]:
                yield start, end, word


class DisguiseFinder:
    """Looks for `words` of two characters and more. Built once: a second for 20,000 words."""

    def __init__(self, words: Iterable[str]) -> None:
        kept = sorted({word for word in words if len(word) > 1})
        han = [word for word in kept if all(_is_han(char) for char in word)]
        self._joins = shapes.joined(char for word in kept for char in word)
        self._read = _Patterns((word, word) for word in kept)
        self._sounds = _Patterns((sound, word) for word in han if (sound := sounds.keys(word)))
        self._shapes = _Patterns((_shape(word), word) for word in han)
        self._orders = _Patterns(pair for word in han for pair in _orders(word))
        self._initials = _Patterns((first, word) for word in han if (first := _initials(word)))

    def finds(self, text: str) -> list[Disguise]:
        """In a normalised text, by place; not where the word stands as it is written."""
        found = units(text, self._joins) if self._read.words else []
        if not found:
            return []
        words = _Ordinary(text)
        looks = (self._by_reading, self._by_sound, self._by_shape, self._by_order, self._by_initials)
        every = {one for look in looks for one in look(found, words)}
        return sorted(every, key=lambda one: (one.start, one.end, one.word, one.view))

    def _by_reading(self, found: Sequence[Unit], _: "_Ordinary") -> Iterator[Disguise]:
        if all(unit.how is How.TYPED for unit in found):
            return
        for start, end, word in self._read.finds("".join(unit.char for unit in found)):
            if any(unit.how is not How.TYPED for unit in found[start:end]):
                yield _disguise(word, found[start:end], View.READ)

    def _by_sound(self, found: Sequence[Unit], ordinary: "_Ordinary") -> Iterator[Disguise]:
        heard = list(_heard(found))
        for start, end, word in self._sounds.finds("".join(key for key, _ in heard)):
            some = [unit for _, unit in heard[start:end]]
            if _sounds_meant(some, word, ordinary):
                yield _disguise(word, some, View.SOUND)

    def _by_shape(self, found: Sequence[Unit], ordinary: "_Ordinary") -> Iterator[Disguise]:
        for start, end, word in self._shapes.finds("".join(shapes.part(unit.char) for unit in found)):
            some = found[start:end]
            changed = _changed(some, word)
            enough = len(changed) < len(word) or len(word) > _SHORT
            if changed and enough and _is_odd(changed, word) and not ordinary.covers(changed):
                yield _disguise(word, some, View.SHAPE)

    def _by_order(self, found: Sequence[Unit], ordinary: "_Ordinary") -> Iterator[Disguise]:
        for start, end, word in self._orders.finds("".join(unit.char for unit in found)):
            if not ordinary.crosses(found[start].start, found[end - 1].end):
                yield _disguise(word, found[start:end], View.ORDER)

    def _by_initials(self, found: Sequence[Unit], _: "_Ordinary") -> Iterator[Disguise]:
        if not any(_is_han(unit.char) for unit in found):
            return  # In Latin text they are acronyms.
        for run in _letter_runs(found):
            letters = "".join(unit.char for unit in run)
            for word in self._initials.words.get(letters, ()):
                yield _disguise(word, run, View.INITIALS)


class _Ordinary:
    """Which characters of a text belong to which word of the dictionary; looked up when first asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def covers(self, changed: Iterable[Unit]) -> bool:
        """Whether any of these units is part of an ordinary word."""
        return any(unit.how is How.TYPED and self._words[unit.start] >= 0 for unit in changed)

    def crosses(self, start: int, end: int) -> bool:
        """Whether an ordinary word reaches over an edge of this stretch."""
        words = self._words
        before = start > 0 and words[start] >= 0 and words[start] == words[start - 1]
        return before or (end < len(words) and words[end] >= 0 and words[end] == words[end - 1])

    @cached_property
    def _words(self) -> list[int]:
        """For each character the number of its word, −1 where it stands alone."""
        import rjieba

        numbers: list[int] = []
        for number, word in enumerate(rjieba.cut(self._text, False)):
            numbers += [number if len(word) > 1 and _is_han(word[0]) else -1] * len(word)
        return numbers


def _heard(found: Sequence[Unit]) -> Iterator[tuple[str, Unit]]:
    """Sounds with the units that make them; letters that spell none are a mute sound."""
    at = 0
    while at < len(found):
        run = _run_from(found, at)
        if run:
            yield from _spelled(run)
            at += len(run)
        else:
            unit = found[at]
            yield sounds.key(unit.char) or unit.char, unit
            at += 1


def _spelled(run: Sequence[Unit]) -> Iterator[tuple[str, Unit]]:
    letters = "".join(unit.char for unit in run)
    pieces = sounds.spelled(letters) or _leet(letters)
    if not pieces:
        for unit in run:
            yield unit.char, unit
    for key, start, end in pieces:
        yield key, Unit(letters[start:end], run[start].start, run[end - 1].end, How.TYPED)


def _leet(letters: str) -> tuple[tuple[str, int, int], ...]:
    """Digits that look like letters (w3ix1n), where any stands for one."""
    if letters.isalpha() or letters.isdigit():
        return ()
    return next((pieces for look in _LOOKS if (pieces := sounds.spelled(letters.translate(look)))), ())


def _run_from(found: Sequence[Unit], at: int) -> Sequence[Unit]:
    """The letters from here that stand without a gap, with the digits among them."""
    end = at
    while end < len(found) and found[end].char.isascii() and (end == at or found[end].start == found[end - 1].end):
        end += 1
    run = found[at:end]
    return run if any(_is_letter(unit) for unit in run) else found[at:at]


def _letter_runs(found: Sequence[Unit]) -> Iterator[Sequence[Unit]]:
    at = 0
    while at < len(found):
        run = _run_from(found, at)
        if _INITIALS_FROM <= len(run) <= _INITIALS_TO:
            yield run
        at += len(run) or 1


def _sounds_meant(some: Sequence[Unit], word: str, ordinary: _Ordinary) -> bool:
    changed = _changed(some, word)
    if not changed or all(unit.char.isdigit() for unit in some):
        return False
    letters = sum(len(unit.char) for unit in some if unit.char.isascii())
    if letters and len(changed) == len(some):
        return letters >= _LETTERS_LEAST
    han = [unit for unit in changed if not unit.char.isascii()]
    if len(word) == _SHORT and not _exactly(some, word):
        return False
    return (not han or _is_odd(han, word)) and not ordinary.covers(han)


def _is_odd(changed: Sequence[Unit], word: str) -> bool:
    """Whether what stands there instead is nothing that everybody writes: in a short word every changed character must
    be uncommon, in a longer one some."""
    common = [unit.how is How.TYPED and unit.char in _COMMON for unit in changed]
    return not any(common) if len(word) == _SHORT else not all(common)


def _exactly(some: Sequence[Unit], word: str) -> bool:
    """Not only nearly the same sound; letters say what they say."""
    pairs = zip(some, word, strict=True)
    return all(unit.char.isascii() or sounds.syllable(unit.char) == sounds.syllable(char) for unit, char in pairs)


def _changed(some: Sequence[Unit], word: str) -> list[Unit]:
    return [unit for unit, char in zip(some, word, strict=True) if unit.char != char]


def _disguise(word: str, some: Sequence[Unit], view: View) -> Disguise:
    return Disguise(word, some[0].start, some[-1].end, view)


def _shape(word: str) -> str:
    return "".join(shapes.part(char) for char in word)


def _orders(word: str) -> Iterator[tuple[str, str]]:
    if _SHUFFLED_FROM <= len(word) <= _SHUFFLED_TO and len(set(word)) == len(word):
        for order in permutations(word):
            if (mixed := "".join(order)) != word:
                yield mixed, word


def _initials(word: str) -> str:
    first = "".join(sounds.initial(char) for char in word)
    return first if _INITIALS_FROM <= len(first) == len(word) <= _INITIALS_TO else ""


def _is_han(char: str) -> bool:
    return "㐀" <= char <= "鿿"


def _is_letter(unit: Unit) -> bool:
    return unit.char.isascii() and unit.char.isalpha()
