"""Group incidents (群体性事件) come into being here: several members complain about one thing within a short time.

A case is looked at after the transaction that made it: what its words are like is thought about outside of any, and the
rows are then written in a transaction of its own, one such at a time. So two workers make one incident, and nobody who
holds a case waits for whoever makes an incident.
"""

from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from typing import Any, Final, NamedTuple

from agent.flows import case_moves, case_owners, crisis, duty, risk_items
from agent.services import Services
from agent.steps import incident_words
from agent.steps import incidents as step
from agent.steps.incidents import Said
from core import catalogue, log, tunables
from core.caller import Caller, system_caller
from core.ids import new_id
from core.scopes import Scope
from core.vocabulary import OPEN_CASE_STATES, IncidentStatus, Severity
from knowledge.embeddings import Vector
from prompts.loader import render
from store import cases, changes, communities, incidents, settings, staff_notices, users
from store.audit import Deed
from store.cases import CaseRow
from store.incidents import IncidentRow, Near
from store.session import ReadSession, WriteSession

_log = log.get(__name__)
WORKER: Final = system_caller("incidents")
_CALLED: Final = ("supervisor", "admin", "owner")
"""Who is told where nobody is on duty: the first of these roles that somebody holds."""
_MOST_TEXT: Final = 200


class Limits(NamedTuple):
    """Settings of a community: within how long so many different members make an incident."""

    window: timedelta
    least: int


def note_case(db: WriteSession, services: Services, case: CaseRow) -> str | None:
    """Have a new case, or one whose topic changed, looked at as soon as this transaction is over; the incident that it
    belongs to already."""
    db.after_commit(partial(_look, services, case.id))
    return case.incident_id


def sweep(services: Services) -> int:
    """Catch up with cases whose look was cut off by a crash, and with statements that could not be drafted; how many
    cases were looked at."""
    now = services.clock.now()
    with services.database.read() as db:
        window = timedelta(minutes=settings.value(db, tunables.INCIDENT_MINUTES))
        lonely = incidents.lonely(db, now - window, now)
        unwritten = incidents.without_script(db)
    # Only those whose look was cut off: to compare all again and again takes seconds.
    looked = services.cases_looked_at
    looked.intersection_update(lonely)
    lonely = [case_id for case_id in lonely if case_id not in looked]
    for case_id in lonely:
        _look(services, case_id)
    for incident_id in unwritten:
        _write_statement(services, incident_id)
    return len(lonely)


def _look(services: Services, case_id: str) -> None:
    """What fails here is tried again by the next sweep: the case itself is stored, and its worker goes on."""
    try:
        look(services, case_id)
        services.cases_looked_at.add(case_id)
    except Exception as error:
        services.cases_looked_at.discard(case_id)
        _log.warning("incident_not_looked", case=case_id, why=getattr(error, "code", type(error).__name__))


def look(services: Services, case_id: str) -> str | None:
    """Put a case into the incident that it belongs to, or open one with those alike; the incident's id.

    Raises `EmbeddingError`, `Unavailable`, `Conflict` where a case has just changed.
    """
    with services.database.read() as db:
        case = cases.get(db, case_id)
        if case is None or case.incident_id is not None or case.state not in OPEN_CASE_STATES:
            return None
        limits = limits_of(db, case.community_id)
        near = _near(db, case, limits)
    if not _may_be_one(near, limits):
        return None
    cosine = _cosine(services, near, case_id)
    with services.database.write() as db:
        incidents.take_turn(db)
        found, opened = _settle(db, services, case_id, limits, cosine)
        if found is not None:
            changes.note(db, changes.COMPLAINTS)
    if opened and found is not None:
        _write_statement(services, found)
    return found


def limits_of(db: ReadSession, community_id: str) -> Limits:
    lineage = communities.lineage(db, community_id)
    minutes = settings.value(db, tunables.INCIDENT_MINUTES, lineage)
    return Limits(timedelta(minutes=minutes), settings.value(db, tunables.INCIDENT_MEMBERS, lineage))


def _near(db: ReadSession, case: CaseRow, limits: Limits) -> list[Near]:
    at = incidents.said_at(db, case)
    found = incidents.near(db, case.community_id, at - limits.window, at + limits.window)
    # Taken out by a person: not even looked at.
    return found if any(one.case_id == case.id for one in found) else []


def _may_be_one(near: Sequence[Near], limits: Limits) -> bool:
    """Whether there is an incident to join, or enough different members to open one, before any words are compared."""
    people = {one.member_id for one in near if one.member_id is not None}
    return len(people) >= limits.least or any(one.incident_id is not None for one in near)


def _said(one: Near) -> Said:
    words = incident_words.read(one.text[:_MOST_TEXT] or one.quote)
    return Said(one.case_id, one.member_id, one.category, one.topic, one.said_at, words)


def _cosine(services: Services, near: Sequence[Near], case_id: str) -> step.Cosine:
    """Of those near a case, embedded once where words alone don't tie all of its category to it; what was not there
    then is alike by its words only."""
    said = [_said(one) for one in near]
    own = next(one for one in said if one.case_id == case_id)
    tied = {one.case_id for one in step.chain(own, said, step.links(said))}
    known: dict[str, Vector] = {}
    if any(one.case_id not in tied and step.comparable(own, one) for one in said):
        vectors = services.knowledge.embedder.embed([one.text[:_MOST_TEXT] or one.quote for one in near])
        known = {one.case_id: vector for one, vector in zip(near, vectors, strict=True)}
    return lambda one, other: float(known[one] @ known[other]) if one in known and other in known else 0.0


def _settle(
    db: WriteSession, services: Services, case_id: str, limits: Limits, cosine: step.Cosine
) -> tuple[str | None, bool]:
    """The incident of a case as things stand now, and whether it was opened for it."""
    case = cases.get(db, case_id)
    if case is None or case.incident_id is not None or case.state not in OPEN_CASE_STATES:
        return None, False
    near = {one.case_id: one for one in _near(db, case, limits)}
    if case_id not in near:
        return None, False
    said = {key: _said(one) for key, one in near.items()}
    linked = step.links(list(said.values()), cosine)
    ids = {one.incident_id for one in near.values() if one.incident_id is not None}
    open_ = {row.id: row for row in incidents.open_among(db, ids)}
    live = [said[key] for key, one in near.items() if one.incident_id is None or one.incident_id in open_]
    for one in step.chain(said[case_id], live, linked):
        if (incident_id := near[one.case_id].incident_id) is not None:
            put_in(db, open_[incident_id], [case_id], by=WORKER)
            return incident_id, False
    free = [one for one in live if near[one.case_id].incident_id is None]
    crowd = step.crowd(said[case_id], free, linked, window=limits.window, least=limits.least)
    return (_open(db, services, case, crowd, limits), True) if crowd else (None, False)


def _open(db: WriteSession, services: Services, case: CaseRow, crowd: Sequence[Said], limits: Limits) -> str:
    ids = sorted(one.case_id for one in crowd)
    row = IncidentRow(
        id=new_id("inc"),
        version=1,
        community_id=case.community_id,
        channel=case.channel,
        category=case.category,
        topic=case.topic,
        status=IncidentStatus.OPEN,
        owner_id=_owner(db, services, case, ids),
        cases=0,
        members=0,
        checklist=[{"key": key, "done_at": None, "done_by": None} for key in step.plan(case.category)],
        opened_at=db.now,
        last_at=max(one.at for one in crowd),
    )
    db.add(row)
    db.flush()
    put_in(db, row, ids, by=WORKER)
    _alert(db, services, row, limits)
    details = {"cases": row.cases, "members": row.members, "category": row.category, "owner": row.owner_id}
    db.audit(Deed(WORKER, "incident.opened", "incident", row.id, row.community_id, details))
    return row.id


def _owner(db: ReadSession, services: Services, case: CaseRow, ids: Sequence[str]) -> str | None:
    """Who is on duty, else who has one of the cases, else whom the department named; each if they may own it."""
    lineage = communities.lineage(db, case.community_id)
    on_duty = duty.now_on(db, services, lineage, [Scope.COMPLAINTS_OWN])
    if on_duty:
        return on_duty[0]
    owners = [row.owner_id for row in cases.many(db, ids) if row.owner_id is not None]
    named = case_owners.contacts(db, case.routed_to, lineage).user_ids
    return next(iter(duty.able(db, [*owners, *named], [Scope.COMPLAINTS_OWN], case.community_id)), None)


def put_in(db: WriteSession, row: IncidentRow, case_ids: Sequence[str], *, by: Caller) -> None:
    """Have cases belong to an incident: each is as grave as can be now."""
    for case_id in case_ids:
        case = cases.lock(db, case_id)
        assert case is not None
        incidents.link(db, row.id, case_id, severity_before=case.severity, by=by.id)
        details = {"incident": row.id, "severity_before": case.severity}
        values: dict[str, Any] = {"incident_id": row.id, "severity": Severity.CRITICAL}
        case_moves.change(db, by, case, "incident", details=details, **values)
    incidents.count_again(db, row)


def _alert(db: WriteSession, services: Services, row: IncidentRow, limits: Limits) -> None:
    """Tell the staff's group, and everybody who is called."""
    lineage = communities.lineage(db, row.community_id)
    called = duty.now_on(db, services, lineage, [Scope.COMPLAINTS_READ]) or _managers(db, lineage)
    people = {*called, *([row.owner_id] if row.owner_id is not None else [])}
    owner = users.names(db, [row.owner_id]).get(row.owner_id) if row.owner_id is not None else None
    text = render(
        "incident/alert",
        community=risk_items.community_name(db, row.community_id),
        category=catalogue.text(f"complaint_category.{row.category}"),
        members=row.members,
        minutes=int(limits.window / timedelta(minutes=1)),
        item=row.id,
        owner=owner,
    )
    row.alerted_at = risk_items.send_alert(db, services, row.community_id, text, decision=f"{row.id}:alert")
    staff_notices.add(
        db, people, community_id=row.community_id, kind="incident", object_kind="incident", object_id=row.id
    )
    _log.warning("incident_opened", incident=row.id, community=row.community_id, members=row.members)


def _managers(db: ReadSession, lineage: Sequence[str]) -> list[str]:
    holders = users.with_roles(db, _CALLED, lineage)
    return next((holders[role] for role in _CALLED if holders.get(role)), [])


def _write_statement(services: Services, incident_id: str) -> None:
    """The incident stands without it, and the next sweep tries again."""
    try:
        crisis.draft_statement(services, incident_id, by=WORKER.id)
    except Exception as error:
        _log.warning("statement_not_drafted", incident=incident_id, why=getattr(error, "code", type(error).__name__))
