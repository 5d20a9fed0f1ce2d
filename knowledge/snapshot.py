"""The searchable entries as the database had them at one change, read again only where they changed."""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from knowledge.entries import Entry, entry_of, passages_of
from knowledge.passages import Passage
from store import changes
from store import knowledge as entries
from store.knowledge import EntryRow, Mark
from store.session import Database, ReadSession

_FEW: Final = 500
"""So many entries are asked for by id; more are read with all others."""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """`number` is the change it was read at; `entries` and `passages` (of each entry) are in the order of their ids."""

    number: int
    marks: Mapping[str, Mark]
    entries: dict[str, Entry]
    passages: dict[str, tuple[Passage, ...]]

    def every_passage(self) -> list[Passage]:
        return list(chain.from_iterable(self.passages.values()))

    @property
    def size(self) -> int:
        """Number of passages."""
        return sum(map(len, self.passages.values()))

    def changed_since(self, before: "Snapshot") -> list[str]:
        """Ids of entries that are new or differ, in order."""
        return [id_ for id_, mark in self.marks.items() if before.marks.get(id_) != mark]


def mixed(target: Snapshot, pending: Container[str], old: Snapshot | None) -> Snapshot:
    """The target, but of what is `pending` the old version, where there was one."""
    marks: dict[str, Mark] = {}
    found: dict[str, Entry] = {}
    passages: dict[str, tuple[Passage, ...]] = {}
    for id_ in target.marks:
        source = old if id_ in pending else target
        if source is not None and id_ in source.marks:
            marks[id_], found[id_], passages[id_] = source.marks[id_], source.entries[id_], source.passages[id_]
    return Snapshot(target.number, marks, found, passages)


def load(database: Database, before: Snapshot | None = None) -> Snapshot:
    """The approved entries as they are now; those that stand in `before` unchanged are taken from there (20,000 take
    seconds to read, and to compare 50 ms)."""
    with database.read() as db:
        number = changes.number(db, changes.KNOWLEDGE)
        marks = entries.marks(db)
        known = before if before is not None else Snapshot(0, {}, {}, {})
        fresh = [id_ for id_, mark in marks.items() if known.marks.get(id_) != mark]
        made = {row.id: entry_of(row) for row in _rows(db, fresh)}
    found = {id_: made[id_] if id_ in made else known.entries[id_] for id_ in marks}
    passages = {id_: tuple(passages_of(entry)) if id_ in made else known.passages[id_] for id_, entry in found.items()}
    return Snapshot(number, marks, found, passages)


def _rows(db: ReadSession, wanted: list[str]) -> Iterator[EntryRow]:
    if len(wanted) <= _FEW:
        yield from entries.many(db, wanted).values()
        return
    some = set(wanted)
    yield from (row for row in entries.approved(db) if row.id in some)
