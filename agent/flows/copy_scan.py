"""The knowledge base read as if it went out today: which entries and scripts say what our own texts may not say, hold
somebody's personal data, or name no source or owner. Kept as a report, weekly by itself or when a person asks."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from pydantic import BaseModel

from agent.flows import entry_care
from agent.services import Services
from agent.steps import copy_check
from core import tunables
from core.caller import Caller, system_caller
from core.masking import mask
from core.scopes import Scope
from store import checks, knowledge, settings
from store.checks import KnowledgeCheckRow
from store.knowledge import EntryRow
from store.session import ReadSession

_SWEEPER: Final = system_caller("knowledge_check")
NO_SOURCE, NO_OWNER = "no_source", "no_owner"


class Problem(BaseModel):
    """`label` is one of `copy.labels`, or `no_source` or `no_owner` without a span; `text` is masked."""

    label: str
    span: tuple[int, int] | None = None
    text: str = ""
    advice: str = ""


class Finding(BaseModel):
    """An entry to look at, in the version that was read."""

    entry_id: str
    version: int
    kind: str
    title: str
    community_id: str | None
    problems: list[Problem]


class Report(BaseModel):
    """`counts` has how many entries have each label. `entries` were read."""

    id: str | None
    at: datetime
    by: str
    entries: int
    counts: dict[str, int]
    findings: list[Finding]


def run(services: Services, caller: Caller, *, keep: bool = True) -> Report:
    """Read everything that may be used now, and keep the report (`keep`). Raises `Forbidden` `scope_missing`."""
    caller.require(Scope.KNOWLEDGE_EDIT)
    everything = _read(services)
    made = None
    if keep and caller.communities(Scope.KNOWLEDGE_EDIT) is None:
        made = _keep(services, caller, None, *everything)
    with services.database.read() as db:
        return _visible(db, caller, _report(made, services.clock.now(), caller.id, *everything))


def reports(services: Services, caller: Caller, limit: int = 10) -> list[Report]:
    """The newest kept reports, each with what the caller may read. Raises `Forbidden`."""
    with services.database.read() as db:
        entry_care.readable(db, caller)
        return [_visible(db, caller, _of_row(row)) for row in checks.latest(db, limit)]


def sweep(services: Services) -> int:
    """Make the report that is due by `knowledge.check_days`; how many were made."""
    now = services.clock.now()
    with services.database.read() as db:
        days = settings.value(db, tunables.CHECK_DAYS)
        last = checks.latest(db)
    if not days or (last and last[0].at > now - timedelta(days=days)):
        return 0
    # Two workers that both think so write one: the slot is the day.
    return 1 if _keep(services, _SWEEPER, f"{now:%Y-%m-%d}", *_read(services)) else 0


def _read(services: Services) -> tuple[int, list[Finding]]:
    with services.database.read() as db:
        rows = knowledge.approved(db)
    findings = []
    for row in rows:
        services.pace()
        problems = list(_problems(row))
        if problems:
            findings.append(_finding(row, problems))
    return len(rows), findings


def _finding(row: EntryRow, problems: list[Problem]) -> Finding:
    return Finding(
        entry_id=row.id,
        version=row.version,
        kind=row.kind,
        title=mask(row.title).text,
        community_id=row.community_id,
        problems=problems,
    )


def _problems(row: EntryRow) -> Iterator[Problem]:
    masked = mask(row.answer).text
    for hit in copy_check.check_entry(row.answer):
        yield Problem(label=hit.label, span=hit.span, text=masked[slice(*hit.span)], advice=hit.advice)
    if not row.source:
        yield Problem(label=NO_SOURCE)
    if not row.owner:
        yield Problem(label=NO_OWNER)


def _keep(services: Services, caller: Caller, slot: str | None, entries: int, findings: list[Finding]) -> str | None:
    kept = [one.model_dump(mode="json") for one in findings]
    with services.database.write() as db:
        return checks.add(db, by=caller.id, slot=slot, entries=entries, findings=kept)


def _of_row(row: KnowledgeCheckRow) -> Report:
    return _report(row.id, row.at, row.by, row.entries, [Finding.model_validate(one) for one in row.findings])


def _report(report_id: str | None, at: datetime, by: str, entries: int, findings: list[Finding]) -> Report:
    return Report(id=report_id, at=at, by=by, entries=entries, counts=_counts(findings), findings=findings)


def _counts(findings: list[Finding]) -> dict[str, int]:
    labels = Counter(label for one in findings for label in {problem.label for problem in one.problems})
    return dict(sorted(labels.items(), key=lambda pair: (-pair[1], pair[0])))


def _visible(db: ReadSession, caller: Caller, report: Report) -> Report:
    within = entry_care.readable(db, caller)
    if within is None:
        return report
    seen = [one for one in report.findings if one.community_id is None or one.community_id in within]
    return report.model_copy(update={"findings": seen, "counts": _counts(seen)})
