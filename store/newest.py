"""Lists with the newest first, a page at a time."""

from datetime import datetime
from typing import TypeVar

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from store.base import Base

Row = TypeVar("Row", bound=Base)


def newest_first(
    query: sa.Select[Row],
    moment: InstrumentedAttribute[datetime],
    id: InstrumentedAttribute[str],
    *,
    after: tuple[datetime, str] | None,
    limit: int,
) -> sa.Select[Row]:
    """The query's rows by `moment` and, within one, by `id`, falling; `after` is the last one of the page before."""
    query = query.order_by(moment.desc(), id.desc()).limit(limit)
    if after is None:
        return query
    last = sa.tuple_(sa.literal(after[0], moment.type), sa.literal(after[1]))
    return query.where(sa.tuple_(moment, id) < last)
