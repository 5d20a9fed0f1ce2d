"""The knowledge that a suite measures on: rows of a file, or the demo's, behind the same retriever as in production.

Vectors lie in an exact index in memory (one matrix product a query) instead of Chroma's: 6,652 rows need no folder,
and where Chroma's graph finds the same neighbours the scores are the same to rounding.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import date
from importlib.resources import files
from pathlib import Path
from typing import Final, TypeVar

import numpy as np

from core.vocabulary import Audience, EntryKind, Scene
from evals.rows import BadFile, Row, read
from knowledge.chunking import chunks
from knowledge.coverage import WordVectors
from knowledge.embeddings import Embedder, Vector
from knowledge.entries import Entry, passages_of, second_passages
from knowledge.entry_in import EntryIn
from knowledge.importing import parse
from knowledge.passages import Passage, Scored
from knowledge.retriever import Corpus, Retriever, Second

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how many are done, and of how many."""

Value = TypeVar("Value", EntryKind, Scene, Audience)

_BATCH: Final = 256
_DEMO: Final = ("faq.yaml", "scripts.yaml")


class ExactIndex:
    """All passages in one matrix; `query` as in `knowledge.index.VectorIndex`."""

    def __init__(self, passages: Sequence[Passage], embedder: Embedder, progress: Progress) -> None:
        self._passages = list(passages)
        rows = []
        for start in range(0, len(self._passages), _BATCH):
            rows.append(embedder.embed([passage.text for passage in self._passages[start : start + _BATCH]]))
            progress("knowledge", min(start + _BATCH, len(self._passages)), len(self._passages))
        self._vectors = np.concatenate(rows)

    def query(self, vector: Vector, k: int) -> list[Scored]:
        similarities = self._vectors @ vector
        k = min(k, len(similarities))
        found = np.argpartition(-similarities, k - 1)[:k]
        order = found[np.argsort(-similarities[found], kind="stable")]
        return [
            Scored(self._passages[i].id, self._passages[i].entry_id, min(1.0, max(-1.0, float(similarities[i]))))
            for i in order
        ]


class Knowledge:
    """Entries with their retriever. `ids` are the ids a query may call relevant."""

    def __init__(
        self,
        entries: Iterable[Entry],
        passages: Sequence[Passage],
        embedder: Embedder,
        progress: Progress,
        second: Embedder | None = None,
    ) -> None:
        self.ids = {entry.id: entry for entry in entries}
        corpus = Corpus.of(self.ids, passages, WordVectors(embedder))
        wholes = second_passages(self.ids.values()) if second is not None else []
        lane = Second(ExactIndex(wholes, second, progress), second) if second is not None and wholes else None
        self.retriever = Retriever(corpus, ExactIndex(passages, embedder, progress), embedder, lane)


def knowledge(path: Path | None, embedder: Embedder, progress: Progress, second: Embedder | None = None) -> Knowledge:
    """The knowledge of a file, FAQ rows or documents; the demo's without one. Raises `BadFile`."""
    if path is None:
        entries = demo_entries()
        return Knowledge(entries, [p for entry in entries for p in passages_of(entry)], embedder, progress, second)
    rows = read(path)
    found: list[Entry] = []
    passages: list[Passage] = []
    for row in rows:
        for entry, its_passages in _of_row(row):
            found.append(entry)
            passages += its_passages
    if not passages:
        raise BadFile(path, None, None, "has no text to search")
    return Knowledge(found, passages, embedder, progress, second)


def file_entries(path: Path) -> list[Entry]:
    """The entries of a knowledge file, one for every chunk of a document. Raises `BadFile`."""
    return [entry for row in read(path) for entry, _ in _of_row(row)]


def demo_entries() -> list[Entry]:
    """What the demo lays down."""
    rows: list[EntryIn] = []
    for name in _DEMO:
        parsed = parse(files("knowledge.demo").joinpath(name).read_bytes(), "yaml")
        assert not parsed.errors, parsed.errors
        rows += parsed.rows
    return [_of_file(row) for row in rows]


def _of_file(row: EntryIn) -> Entry:
    return Entry(
        id=row.id,
        version=1,
        kind=row.kind,
        title=row.title,
        phrasings=tuple(row.phrasings),
        answer=row.answer,
        scene=row.scene,
        variables=tuple(row.variables or ()),
        audience=row.audience,
        tone=row.tone,
        community_id=row.community,
        valid_from=row.valid_from,
        valid_until=row.valid_until,
    )


def _of_row(row: Row) -> list[tuple[Entry, list[Passage]]]:
    """One entry of an FAQ row, one for every chunk of a document."""
    if "text" in row.values and "question" not in row.values and "questions" not in row.values:
        return [_of_chunk(row, number, text) for number, text in enumerate(chunks(row.text()))]
    asked = row.texts("questions", needed=True) if "questions" in row.values else [row.text("question")]
    asked = [text for text in asked if text.strip()]
    if not asked:
        raise row.bad("questions" if "questions" in row.values else "question", "is empty")
    title = row.maybe_text("title") or asked[0]
    entry = _entry(row, row.id, title, tuple(asked), row.maybe_text("answer") or "")
    return [(entry, passages_of(entry))]


def _of_chunk(row: Row, number: int, text: str) -> tuple[Entry, list[Passage]]:
    made = _entry(row, f"{row.id}/{number}", row.maybe_text("path") or row.id, (), text)
    entry = replace(made, kind=EntryKind.DOCUMENT)
    return entry, [Passage.of(entry.id, 0, "chunk", text)]


def _entry(row: Row, entry_id: str, title: str, asked: tuple[str, ...], answer: str) -> Entry:
    return Entry(
        id=entry_id,
        version=1,
        kind=_one_of(row, "kind", EntryKind) or EntryKind.FAQ,
        title=title,
        phrasings=asked,
        answer=answer,
        scene=_one_of(row, "scene", Scene),
        variables=(),
        audience=_one_of(row, "audience", Audience) or Audience.ALL,
        tone=None,
        community_id=None,
        valid_from=None,
        valid_until=_day(row),
    )


def _one_of(row: Row, field: str, values: type[Value]) -> Value | None:
    text = row.maybe_text(field)
    if text is None:
        return None
    try:
        return values(text)
    except ValueError:
        raise row.bad(field, f"must be one of {', '.join(values)}") from None


def _day(row: Row) -> date | None:
    text = row.maybe_text("valid_until")
    try:
        return date.fromisoformat(text) if text else None
    except ValueError:
        raise row.bad("valid_until", "must be a date such as 2026-01-31") from None
