"""Whole conversations: is a burst one question, does a draft go when it is answered, and stay while it isn't?"""

import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, NamedTuple

from pydantic import ValidationError

from agent.flows import communities, knowledge
from agent.services import Services
from core.clock import ManualClock
from core.vocabulary import CommunityType, EntryKind
from evals import inside
from evals.corpus import Progress, file_entries
from evals.dialogue_checks import judge
from evals.dialogue_rows import Check, Dialogue, dialogues
from evals.figures import share
from evals.replay import CALLER, CHANNEL, Replay
from evals.report import Group, Report
from evals.rows import BadFile
from evals.verdicts import Verdict
from knowledge.entries import Entry
from knowledge.entry_in import EntryIn
from knowledge.retriever import Scope
from store import communities as groups

DEMO_PARENT: Final = "hemiao-mama"
_PARENT: Final = "evals"
_VECTORS: Final = 10_000
"""Remembered ones: replays ask the same greetings again and again, and their time is no figure."""
_LONGEST_TITLE: Final = 200
_MOST_PHRASINGS: Final = 30


class Judged(NamedTuple):
    dialogue: Dialogue
    check: Check
    verdict: Verdict
    ms: float


def run(data: Path, kb: Path | None, part: str | None, progress: Progress) -> Report:
    """`part` leaves out the dialogues of other parts. Raises `BadFile`."""
    rows = [row for row in dialogues(data) if part is None or row.part == part]
    if not rows:
        raise BadFile(data, None, "part", f"no dialogue has {part!r}")
    clock = ManualClock(min(row.turns[0].at for row in rows))
    found: list[Judged] = []
    with TemporaryDirectory() as folder, _deployment(Path(folder), clock, kb) as (services, parent):
        _check_communities(data, rows, services)
        replay = Replay(services, clock, parent)
        for number, dialogue in enumerate(rows, start=1):
            found += _played(replay, services, dialogue, number)
            progress("dialogues", number, len(rows))
    return _report(rows, found)


@contextmanager
def _deployment(folder: Path, clock: ManualClock, kb: Path | None) -> Iterator[tuple[Services, str]]:
    """With the demo or the file's knowledge, and the group below which the dialogues play."""
    if kb is None:
        with inside.demo_services(folder, clock=clock, remember=_VECTORS) as services:
            yield services, DEMO_PARENT
        return
    entries = [_storable(kb, number, entry) for number, entry in enumerate(file_entries(kb))]
    with inside.empty_services(folder, clock, remember=_VECTORS) as services:
        communities.create(
            services,
            CALLER,
            community_id=_PARENT,
            name="evals",
            type=CommunityType.ORGANISATION,
            channel=CHANNEL,
            parent_id=None,
        )
        data = "\n".join(entry.model_dump_json() for entry in entries).encode()
        problems = knowledge.import_file(services, CALLER, data, "jsonl", dry_run=False).errors
        if problems:
            raise BadFile(kb, None, problems[0].field, f"entry {problems[0].row}: {problems[0].code}")
        services.knowledge.refresh()
        yield services, _PARENT


def _storable(kb: Path, number: int, entry: Entry) -> EntryIn:
    """An entry of a file as the service keeps it. Its id may have another shape there, so they are numbered; what has
    no answer has its title."""
    is_script = entry.kind == EntryKind.SCRIPT and entry.scene is not None
    try:
        return EntryIn(
            id=f"kb-{number}",
            kind=EntryKind.SCRIPT if is_script else EntryKind.FAQ,
            title=entry.title[:_LONGEST_TITLE],
            phrasings=list(entry.phrasings)[:_MOST_PHRASINGS] or [entry.title[:_LONGEST_TITLE]],
            answer=entry.answer or entry.title,
            scene=entry.scene if is_script else None,
            audience=entry.audience,
            valid_until=entry.valid_until,
        )
    except ValidationError as error:
        field = ".".join(map(str, error.errors()[0]["loc"]))
        raise BadFile(kb, None, field, f"{entry.id}: {error.errors()[0]['msg']}") from error


def _check_communities(data: Path, rows: Sequence[Dialogue], services: Services) -> None:
    with services.database.read() as db:
        known = {row.id for row in groups.every(db)}
    for row in rows:
        if row.community is not None and row.community not in known:
            raise BadFile(data, None, "community", f"{row.id}: there is no {row.community!r} in this deployment")


def _played(replay: Replay, services: Services, dialogue: Dialogue, number: int) -> list[Judged]:
    begun = time.perf_counter()
    recording = replay.play(dialogue, number)
    ms = (time.perf_counter() - begun) * 1000
    scope = Scope(None, dialogue.turns[0].at.date())
    entries = {entry.id: entry for entry in services.knowledge.retriever.entries(scope)}
    return [Judged(dialogue, check, judge(check, recording, entries), ms) for check in dialogue.checks]


def _report(rows: Sequence[Dialogue], found: Sequence[Judged]) -> Report:
    scored = [one for one in found if one.verdict.right is not None]
    return Report(
        suite="dialogues",
        figures={"passed": share([bool(one.verdict.right) for one in scored])},
        groups={
            "per_type": _grouped(scored, lambda one: one.check.type),
            "per_scene": _grouped(scored, lambda one: one.dialogue.scene),
            "per_part": _grouped(scored, lambda one: one.dialogue.part or "none"),
        },
        unscored=Counter(one.verdict.found for one in found if one.verdict.right is None),
        facts={"dialogues": len(rows), "failed": [_failed(one) for one in scored if not one.verdict.right]},
        rows=[_row(one) for one in found],
    )


def _grouped(scored: Sequence[Judged], key: Callable[[Judged], str]) -> dict[str, Group]:
    groups: dict[str, list[bool]] = defaultdict(list)
    for one in scored:
        groups[key(one)].append(bool(one.verdict.right))
    return {name: {"passed": share(rights)} for name, rights in groups.items()}


def _failed(one: Judged) -> dict[str, Any]:
    return {"id": one.dialogue.id, "check": one.check.number, **one.check.values, "found": one.verdict.found}


def _row(one: Judged) -> dict[str, Any]:
    return {
        "id": f"{one.dialogue.id}#{one.check.number}",
        "expected": dict(one.check.values),
        "got": one.verdict.found,
        "right": one.verdict.right,
        "ms": round(one.ms, 2),
    }
