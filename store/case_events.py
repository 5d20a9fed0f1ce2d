"""What happened to a complaint case, and what was offered for it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from core.ids import new_id
from core.vocabulary import CompensationStatus
from store.cases import CaseEventRow, CompensationRow
from store.session import ReadSession, WriteSession
from store.vault import Protected


def add(
    db: WriteSession,
    case_id: str,
    kind: str,
    by: str,
    /,
    *,
    moved: tuple[str | None, str | None] = (None, None),
    note: Protected | None = None,
    **details: Any,
) -> None:
    """One line of the history: `kind` of what, by whom, from which state to which."""
    db.add(
        CaseEventRow(
            id=new_id("cev"),
            case_id=case_id,
            at=db.now,
            by=by,
            kind=kind,
            from_state=moved[0],
            to_state=moved[1],
            details=details,
            note=note.masked if note is not None else None,
            note_original=note.sealed if note is not None else None,
        )
    )


def of_case(db: ReadSession, case_id: str) -> list[CaseEventRow]:
    """The history, oldest first."""
    query = sa.select(CaseEventRow).where(CaseEventRow.case_id == case_id).order_by(CaseEventRow.at, CaseEventRow.id)
    return list(db.execute(query.limit(1_000)).scalars())


def last_moved(db: ReadSession, case_id: str, state: str) -> datetime | None:
    """When the case came into this state last."""
    query = sa.select(sa.func.max(CaseEventRow.at))
    return db.execute(query.where(CaseEventRow.case_id == case_id, CaseEventRow.to_state == state)).scalar_one()


def last(db: ReadSession, case_id: str, kind: str) -> datetime | None:
    """When this happened to the case last."""
    query = sa.select(sa.func.max(CaseEventRow.at))
    return db.execute(query.where(CaseEventRow.case_id == case_id, CaseEventRow.kind == kind)).scalar_one()


def compensations(db: ReadSession, case_id: str) -> list[CompensationRow]:
    """What was offered, oldest first."""
    query = sa.select(CompensationRow).where(CompensationRow.case_id == case_id).order_by(CompensationRow.id)
    return list(db.execute(query.execution_options(populate_existing=True)).scalars())


def compensation(db: ReadSession, compensation_id: str) -> CompensationRow | None:
    return db.get(CompensationRow, compensation_id, populate_existing=True)


def decide(db: WriteSession, compensation_id: str, status: CompensationStatus, by: str) -> bool:
    """Decide on what was proposed; False where somebody was faster."""
    change = sa.update(CompensationRow).where(
        CompensationRow.id == compensation_id, CompensationRow.status == CompensationStatus.PROPOSED
    )
    decided = change.values(status=status, decided_by=by, decided_at=db.now).returning(CompensationRow.id)
    return db.execute(decided.execution_options(synchronize_session=False)).first() is not None


def propose_again(db: WriteSession, compensation_id: str) -> bool:
    """Take an approval back; False where there is none."""
    change = sa.update(CompensationRow).where(
        CompensationRow.id == compensation_id, CompensationRow.status == CompensationStatus.APPROVED
    )
    taken = change.values(status=CompensationStatus.PROPOSED, decided_by=None, decided_at=None)
    found = db.execute(taken.returning(CompensationRow.id).execution_options(synchronize_session=False))
    return found.first() is not None
