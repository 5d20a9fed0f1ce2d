"""What the board of complaint cases asks besides their list: who owns open ones, how many wait."""

import sqlalchemy as sa

from core.vocabulary import OPEN_CASE_STATES, CaseState
from store.cases import CaseRow
from store.session import ReadSession


def owners(db: ReadSession, communities: frozenset[str] | None) -> list[str]:
    """The ids of users who own an open case of these communities (None: of all)."""
    query = sa.select(CaseRow.owner_id).distinct()
    query = query.where(CaseRow.owner_id.is_not(None), CaseRow.state.in_(OPEN_CASE_STATES))
    if communities is not None:
        query = query.where(CaseRow.community_id.in_(communities))
    return [str(found) for found in db.execute(query.order_by(CaseRow.owner_id)).scalars()]


def unanswered(db: ReadSession, communities: frozenset[str] | None) -> int:
    """How many cases wait for a first answer."""
    query = sa.select(sa.func.count()).select_from(CaseRow)
    query = query.where(CaseRow.state.in_((CaseState.NEW, CaseState.REOPENED)))
    if communities is not None:
        query = query.where(CaseRow.community_id.in_(communities))
    return db.execute(query).scalar_one()
