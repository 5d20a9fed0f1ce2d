"""Labelled questions to fit on, each file with the knowledge that it asks about."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, NamedTuple

from evals.corpus import Knowledge
from evals.retrieval import Query, read_queries

MULTI: Final = "multi"
_ASKED: Final = "_questions.jsonl"
_KNOWN: Final = "_kb.jsonl"


class Lesson(NamedTuple):
    """A knowledge base with questions to it, those in two parts left out."""

    name: str
    knowledge: Knowledge
    queries: list[Query]


def lessons(
    files: Sequence[Path], kb: Path | None, knowledge: Callable[[Path | None], Knowledge], *, placed: bool = True
) -> Iterator[Lesson]:
    """`X_questions.jsonl` asks about `X_kb.jsonl` where that lies beside it, any other file about `kb` (None: the
    demo's knowledge). Not `placed`: the rows need not say which entries answer. Raises `BadFile`."""
    known: dict[Path | None, Knowledge] = {}
    for file in files:
        place = _beside(file) or kb
        if place not in known:
            known[place] = knowledge(place)
        queries = [query for query in read_queries(file, placed=placed) if query.kind != MULTI]
        yield Lesson(file.stem.removesuffix("_questions"), known[place], queries)


def _beside(file: Path) -> Path | None:
    if not file.name.endswith(_ASKED):
        return None
    place = file.with_name(file.name.removesuffix(_ASKED) + _KNOWN)
    return place if place.exists() else None
