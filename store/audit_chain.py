"""Walks the audit's chain from the first row to the signed head: any edit, deletion, insertion, reordering or
truncation is found.

Whoever can write the database but doesn't have the deployment's secret can't sign a head. An older head that was
signed once, put back together with the rows of that time, fits in itself; that is found by anchors, which are heads
noted outside the database (`store/anchors.py`, or kept by an operator).
"""

import hmac
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from store.audit import GENESIS, AuditHead, AuditRow, Head, digest, sign
from store.base import Base

_BLOCK: Final = 5_000
_SQLITE_MOMENT: Final = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")
_as_kept: Final = json.JSONEncoder(ensure_ascii=False).encode
Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Verified:
    """`broken_at` is the number of the first row that does not fit, None for a whole chain. `anchors` is how many
    noted heads it was compared with, `head` the hash of its last row."""

    rows: int
    broken_at: int | None
    why: str | None
    anchors: int = 0
    head: str = GENESIS


class Broken(Exception):
    """The first place that does not fit."""

    def __init__(self, number: int, why: str) -> None:
        self.number, self.why = number, why


def verify(session: Session, key: bytes, anchors: Sequence[Head] = (), progress: Progress | None = None) -> Verified:
    """Walk the chain in blocks of 5,000 rows; `progress` is told rows done and to do after each. `anchors` must have
    been read before the session's first query, else they may be newer than what it sees.

    `why`: `row_missing` (or moved, or one too many), `row_changed`, `end_missing`, `head_not_signed`,
    `anchor_differs` (rows or the end are other ones than were noted).
    """
    walk = Walk()
    try:
        walk = Walk(anchors)
        heads = _heads(session)
        for block in _blocks(session):
            walk.rows(block)
            if progress is not None:
                last = heads[0][0] if heads else 0
                progress(walk.number, max(walk.number, last if isinstance(last, int) else 0))
        if not heads and walk.number == 0 and _is_in_use(session):
            raise Broken(1, "end_missing")
        walk.end(heads, key)
    except _Unreadable:
        return Verified(walk.number + 1, walk.number + 1, "row_changed", walk.compared, walk.previous)
    except Broken as broken:
        return Verified(walk.number, broken.number, broken.why, walk.compared, walk.previous)
    return Verified(walk.number, None, None, walk.compared, walk.previous)


class _Unreadable(Exception):
    """The next row holds something that the driver can't even hand out."""


class Walk:
    """One walk: how far it is, and what was noted of the rows to come."""

    def __init__(self, anchors: Iterable[Head] = ()) -> None:
        self._noted: dict[int, set[str]] = {}
        for anchor in anchors:
            self._noted.setdefault(anchor.number, set()).add(anchor.hash)
        self.number, self.previous, self.compared = 0, GENESIS, 0
        self._compare()

    def rows(self, rows: Iterable[Sequence[Any]]) -> None:
        """The next rows, columns in the table's order. Raises `Broken`."""
        for row in rows:
            self._row(row)

    def _row(self, row: Sequence[Any]) -> None:
        number, at, actor_kind, actor_id, action, object_kind, object_id, community, details, previous, found = row
        self.number += 1
        if number != self.number or previous != self.previous:
            raise Broken(self.number, "row_missing")
        try:
            about = (object_kind, object_id)
            made = digest(number, _iso(at), (actor_kind, actor_id), action, about, community, _json(details), previous)
        except (TypeError, ValueError, RecursionError):
            raise Broken(number, "row_changed") from None
        if made != found:
            raise Broken(number, "row_changed")
        self.previous = found
        self._compare()

    def _compare(self) -> None:
        noted = self._noted.pop(self.number, None)
        if noted is None:
            return
        if noted != {self.previous}:
            raise Broken(self.number, "anchor_differs")
        self.compared += 1

    def end(self, heads: Sequence[Sequence[Any]], key: bytes) -> None:
        """The one head (number, hash, signature) fits the last row and is signed, and nothing was noted beyond it.
        Raises `Broken`."""
        expected = [(self.number, self.previous)] if heads or self.number else []
        if [tuple(head[:2]) for head in heads] != expected:
            raise Broken(self.number + 1, "end_missing")
        if heads and not hmac.compare_digest(str(heads[0][2]).encode(), sign(key, self.number, self.previous).encode()):
            raise Broken(self.number, "head_not_signed")
        if self._noted:
            raise Broken(self.number + 1, "anchor_differs")


def _heads(session: Session) -> list[Sequence[Any]]:
    query = sa.select(AuditHead.number, AuditHead.hash, AuditHead.signature).order_by(AuditHead.id).limit(2)
    try:
        return list(session.execute(query))
    except sa.exc.OperationalError:
        if session.execute(sa.select(AuditHead.id).limit(1)).first() is None:
            raise
        # One that the driver can't hand out fits no chain.
        return [(-1, "", "")]


def _is_in_use(session: Session) -> bool:
    """Whether anybody was ever made here: that deed alone is audited, so an empty chain was emptied."""
    users = Base.metadata.tables["users"]
    return session.execute(sa.select(sa.exists().where(users.c.id.is_not(None)))).scalar_one()


def _blocks(session: Session) -> Iterator[Sequence[sa.Row[Any]]]:
    """All rows by number, as the database keeps them: a value that can't be read as its type is the walk's to find."""
    columns = [_kept(column, session.get_bind().dialect.name) for column in AuditRow.__table__.columns]
    number = AuditRow.__table__.c.number
    last, size = -(2**31), _BLOCK
    while True:
        query = sa.select(*columns).where(number > last).order_by(number)
        try:
            rows = session.execute(query.limit(size)).all()
        except sa.exc.OperationalError:
            if size == 1 and session.execute(sa.select(number).where(number > last).limit(1)).first():
                raise _Unreadable from None
            if size == 1:
                raise
            size = 1
            continue
        if not rows:
            return
        yield rows
        last = rows[-1][0]


def _kept(column: "sa.ColumnElement[Any]", dialect: str) -> "sa.ColumnElement[Any]":
    """SQLite keeps moments and JSON as text."""
    return sa.type_coerce(column, sa.Text()) if dialect == "sqlite" else column


def _iso(at: Any) -> str:
    """Raises ValueError, TypeError for what no row of ours holds."""
    if isinstance(at, datetime):
        return at.astimezone(UTC).isoformat(timespec="microseconds")
    if _SQLITE_MOMENT.fullmatch(at) is None:
        raise ValueError
    return f"{at[:10]}T{at[11:]}+00:00"


def _json(details: Any) -> Any:
    """Raises ValueError where it is written in another way than we do, even if it says the same."""
    if not isinstance(details, str):
        return details
    read = json.loads(details)
    if _as_kept(read) != details:
        raise ValueError
    return read
