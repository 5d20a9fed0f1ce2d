"""A person's notices as a console lists them: those that wait, and the last ones that were seen."""

from collections.abc import Sequence
from datetime import datetime

import sqlalchemy as sa

from store.cases import CaseRow
from store.session import ReadSession
from store.staff_notices import NoticeRow


def recent(db: ReadSession, user_id: str, since: datetime, limit: int) -> list[NoticeRow]:
    """Those that were seen or settled and are not older than `since`, the newest first."""
    query = sa.select(NoticeRow).where(
        NoticeRow.user_id == user_id,
        NoticeRow.at >= since,
        sa.or_(NoticeRow.seen_at.is_not(None), NoticeRow.over_at.is_not(None)),
    )
    return list(db.execute(query.order_by(NoticeRow.id.desc()).limit(limit)).scalars())


def quotes(db: ReadSession, case_ids: Sequence[str]) -> dict[str, str]:
    """The words that complain (masked) of each of these cases."""
    query = sa.select(CaseRow.id, CaseRow.quote).where(CaseRow.id.in_(case_ids))
    return {case_id: quote for case_id, quote in db.execute(query)}
