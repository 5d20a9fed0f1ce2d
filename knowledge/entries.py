"""An entry as the search sees it, and the passages it is searched by."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from core.vocabulary import Audience, CommunityType, EntryKind, Scene, Tone
from knowledge.passages import Part, Passage
from store.knowledge import EntryRow


@dataclass(frozen=True, slots=True)
class Entry:
    """One approved version of an entry."""

    id: str
    version: int
    kind: EntryKind
    title: str
    phrasings: tuple[str, ...]
    answer: str
    scene: Scene | None
    variables: tuple[str, ...]
    audience: Audience
    tone: Tone | None
    community_id: str | None
    valid_from: date | None
    valid_until: date | None
    group_types: tuple[CommunityType, ...] = ()
    source: str | None = None

    def valid_on(self, day: date) -> bool:
        """Whether the entry may be used on `day`; both limits are inclusive."""
        begun = self.valid_from is None or self.valid_from <= day
        return begun and (self.valid_until is None or day <= self.valid_until)

    def expired_on(self, day: date) -> bool:
        return self.valid_until is not None and self.valid_until < day


def entry_of(row: EntryRow) -> Entry:
    return Entry(
        id=row.id,
        version=row.version,
        kind=EntryKind(row.kind),
        title=row.title,
        phrasings=tuple(row.phrasings),
        answer=row.answer,
        scene=Scene(row.scene) if row.scene else None,
        variables=tuple(row.variables),
        audience=Audience(row.audience),
        tone=Tone(row.tone) if row.tone else None,
        community_id=row.community_id,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
        group_types=tuple(CommunityType(one) for one in row.group_types),
        source=row.source,
    )


def passages_of(entry: Entry) -> list[Passage]:
    """Title and phrasings as questions, each with its own vector; all of them in one; the answer; and the whole entry,
    last. Numbers follow the order. A passage of a document is one chunk under its headings."""
    if entry.kind is EntryKind.DOCUMENT:
        return [Passage.of(entry.id, 0, "chunk", f"{entry.title}\n{entry.answer}")]
    asked = _asked(entry)
    texts: list[tuple[Part, str]] = [("question", text) for text in asked]
    if len(asked) > 1:
        texts.append(("asked", "，".join(asked)))
    if entry.answer:
        texts.append(("answer", entry.answer))
        texts.append(("whole", "，".join([*asked, entry.answer])))
    return [Passage.of(entry.id, number, part, text) for number, (part, text) in enumerate(texts)]


SECOND_LONGEST: Final = 240
"""Code points of an entry that the second encoder sees: it takes half a millisecond for each."""


def second_passages(entries: Iterable[Entry]) -> list[Passage]:
    """What the second encoder sees: every entry but documents as a whole. Numbers are those of no other passage."""
    return [
        Passage.of(entry.id, 0, "whole", "，".join([*_asked(entry), entry.answer])[:SECOND_LONGEST])
        for entry in entries
        if entry.kind is not EntryKind.DOCUMENT
    ]


def _asked(entry: Entry) -> list[str]:
    return list(dict.fromkeys((entry.title, *entry.phrasings)))
