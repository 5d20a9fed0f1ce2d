"""What an import would say twice, or differently: within the file and against the knowledge base."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from datetime import date
from functools import cache
from itertools import islice
from math import ceil
from typing import Final, Literal, NamedTuple

from core.text import normalize
from core.vocabulary import Audience, EntryKind, EntryStatus
from knowledge.encodings import common_characters

NEAR: Final = 0.8
MOST_TOLD: Final = 500
_DAY_ONE, _LAST_DAY = date.min, date.max

Likeness = Literal["duplicate", "conflict", "near"]


class Known(NamedTuple):
    """What two entries are compared by. `row` is 0 for an entry of the knowledge base."""

    id: str
    row: int
    kind: str
    title: str
    phrasings: Sequence[str]
    answer: str
    community: str | None
    audience: str
    status: str
    valid_from: date | None
    valid_until: date | None


class Match(NamedTuple):
    """Two entries that say the same (`duplicate`), the same question with different answers (`conflict`), or whose
    titles are alike (`near`, with the share of common bigrams). `other_row` is 0 for one of the knowledge base."""

    likeness: Likeness
    row: int
    id: str
    other_row: int
    other_id: str
    question: str
    other_question: str
    score: float


def compare(new: Sequence[Known], base: Iterable[Known]) -> list[Match]:
    """Every match of an entry of the file with one before it or one of the knowledge base that is not replaced by the
    file; at most 500, duplicates and conflicts first.

    Only entries that could meet are matched: both in use, of one community or one of them for all, for the same
    people, and valid on a common day. 20,000 against 20,000 take seconds.
    """
    replaced = {one.id for one in new}
    others = [one for one in base if one.id not in replaced and one.status != EntryStatus.RETIRED]
    mine = [one for one in new if one.status != EntryStatus.RETIRED]
    same = list(_same(mine, others))
    told = {(match.id, match.other_id) for match in same}
    near = (match for match in _near(mine, others) if (match.id, match.other_id) not in told)
    same.sort(key=lambda match: match.row)
    return [*same, *islice(near, MOST_TOLD)][:MOST_TOLD]


def _same(new: Sequence[Known], base: Sequence[Known]) -> Iterator[Match]:
    by_question: dict[str, list[tuple[Known, str]]] = defaultdict(list)
    for known in base:
        _enter(known, by_question)
    for one in new:
        found: dict[str, Match] = {}
        for question in _questions(one):
            for other, wording in by_question.get(_plain(question), ()):
                if other.id not in found and _may_meet(one, other):
                    found[other.id] = _match(one, other, question, wording)
        yield from found.values()
        _enter(one, by_question)


def _enter(known: Known, by_question: dict[str, list[tuple[Known, str]]]) -> None:
    for question in _questions(known):
        by_question[_plain(question)].append((known, question))


def _questions(one: Known) -> Iterable[str]:
    """What an entry is found by; passages and scripts share titles, so that only their texts count."""
    if one.kind in (EntryKind.FAQ, EntryKind.CASE):
        return dict.fromkeys((one.title, *one.phrasings))
    return (one.answer,)


def _match(one: Known, other: Known, question: str, wording: str) -> Match:
    same = one.kind not in (EntryKind.FAQ, EntryKind.CASE) or _plain(one.answer) == _plain(other.answer)
    likeness: Likeness = "duplicate" if same else "conflict"
    return Match(likeness, one.row, one.id, other.row, other.id, question[:100], wording[:100], 1.0)


def _plain(text: str) -> str:
    """The text as the search sees it, without punctuation and spaces."""
    letters = "".join(filter(str.isalnum, text))
    if _plain_characters().issuperset(letters):
        return letters or text
    return "".join(filter(str.isalnum, normalize(text).text)) or text


@cache
def _plain_characters() -> frozenset[str]:
    """Characters that normalising leaves alone; ten times as fast for what is mostly written."""
    return common_characters() | frozenset("abcdefghijklmnopqrstuvwxyz0123456789")


def _may_meet(one: Known, other: Known) -> bool:
    return (
        one.kind == other.kind
        and (one.community == other.community or None in (one.community, other.community))
        and (one.audience == other.audience or Audience.ALL in (one.audience, other.audience))
        and (one.valid_from or _DAY_ONE) <= (other.valid_until or _LAST_DAY)
        and (other.valid_from or _DAY_ONE) <= (one.valid_until or _LAST_DAY)
    )


def _near(new: Sequence[Known], base: Sequence[Known]) -> Iterator[Match]:
    """Pairs of titles whose character bigrams have a Jaccard of at least 0.8, each entry of the file with those before
    it; exact, by counting the common bigrams with all others at once."""
    import numpy as np

    every = [one for one in (*base, *new) if one.kind == EntryKind.FAQ]
    sets = [_bigrams(one.title) for one in every]
    sizes = np.array([len(found) for found in sets])
    where: dict[str, list[int]] = defaultdict(list)
    for at, found in enumerate(sets):
        for pair in found:
            where[pair].append(at)
    having = {pair: np.array(places) for pair, places in where.items()}
    for at in range(sum(one.row == 0 for one in every), len(every)):
        if not sets[at]:
            continue
        common = np.bincount(np.concatenate([having[pair] for pair in sets[at]]), minlength=len(every))[:at]
        for other in np.flatnonzero(common >= ceil(NEAR * len(sets[at]))):
            score = common[other] / (len(sets[at]) + sizes[other] - common[other])
            if score >= NEAR and _may_meet(every[at], every[other]):
                yield _near_match(every[at], every[other], float(score))


def _bigrams(title: str) -> set[str]:
    plain = _plain(title)
    return {plain[at : at + 2] for at in range(max(len(plain) - 1, 1))}


def _near_match(one: Known, other: Known, score: float) -> Match:
    return Match("near", one.row, one.id, other.row, other.id, one.title[:100], other.title[:100], round(score, 3))
