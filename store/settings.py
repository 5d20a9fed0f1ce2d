"""Settings that are rows, inherited down the tree of communities."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy import Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from core.tunables import VARIABLES, Tunable
from store.base import Base, Id, Json
from store.session import ReadSession, WriteSession

T = TypeVar("T")
DEPLOYMENT = ""
_KNOWN = "settings"


class SettingRow(Base):
    """`community_id` is the empty word for the deployment's own value (a null would not be unique)."""

    __tablename__ = "settings"

    key: Mapped[str] = mapped_column(String(80), primary_key=True)
    community_id: Mapped[str] = mapped_column(Id, primary_key=True)
    value: Mapped[Any] = mapped_column(Json)
    version: Mapped[int] = mapped_column(Integer)
    by: Mapped[str] = mapped_column(Id)
    at: Mapped[datetime]


def value(db: ReadSession, tunable: Tunable[T], lineage: Sequence[str] = ()) -> T:
    """The setting for a community: its own, else that of the nearest above it (`lineage`, nearest first), else the
    deployment's, else the default."""
    rows = _rows(db, tunable.key, lineage)
    for community_id in (*lineage, DEPLOYMENT):
        if community_id in rows:
            return tunable.check(rows[community_id])
    return tunable.default


class Stored:
    """All settings at once, for who asks about many communities."""

    def __init__(self, db: ReadSession) -> None:
        self._rows = {(row.key, row.community_id): row.value for row in every(db)}

    def value(self, tunable: Tunable[T], lineage: Sequence[str] = ()) -> T:
        """As `value` of this module."""
        for community_id in (*lineage, DEPLOYMENT):
            if (tunable.key, community_id) in self._rows:
                return tunable.check(self._rows[tunable.key, community_id])
        return tunable.default


def variables(db: ReadSession, lineage: Sequence[str]) -> dict[str, str]:
    """The slot values of a community, merged down the tree: the nearest one's win."""
    rows = _rows(db, VARIABLES.key, lineage)
    merged: dict[str, str] = {}
    for community_id in (DEPLOYMENT, *reversed(lineage)):
        merged |= rows.get(community_id, {})
    return merged


def given(db: ReadSession, wanted: Sequence[Tunable[Any]], lineage: Sequence[str]) -> dict[str, dict[str, SettingRow]]:
    """What was set for each of these communities and the deployment (`DEPLOYMENT`), by place and then key."""
    query = sa.select(SettingRow).where(
        SettingRow.key.in_([one.key for one in wanted]), SettingRow.community_id.in_([*lineage, DEPLOYMENT])
    )
    found: dict[str, dict[str, SettingRow]] = {}
    for row in db.execute(query).scalars():
        found.setdefault(row.community_id, {})[row.key] = row
    return found


def _rows(db: ReadSession, key: str, lineage: Sequence[str]) -> dict[str, Any]:
    """What is stored for these places. A session reads all their settings with the first it is asked for: a message's
    work asks for a dozen of them."""
    places = (*lineage, DEPLOYMENT)
    known: dict[tuple[str, ...], dict[str, dict[str, Any]]] = db.info.setdefault(_KNOWN, {})
    if places not in known:
        query = sa.select(SettingRow.key, SettingRow.community_id, SettingRow.value)
        found: dict[str, dict[str, Any]] = {}
        for row in db.execute(query.where(SettingRow.community_id.in_(places))):
            found.setdefault(row.key, {})[row.community_id] = row.value
        known[places] = found
    return known[places].get(key, {})


def get(db: ReadSession, key: str, community_id: str | None) -> SettingRow | None:
    return db.get(SettingRow, (key, community_id or DEPLOYMENT))


def every(db: ReadSession) -> list[SettingRow]:
    return list(db.execute(sa.select(SettingRow).order_by(SettingRow.key, SettingRow.community_id)).scalars())


def put(db: WriteSession, key: str, community_id: str | None, stored: Any, by: str) -> int:
    """Store a checked value; its new version."""
    row = get(db, key, community_id)
    if row is None:
        row = SettingRow(key=key, community_id=community_id or DEPLOYMENT, version=0, by=by, at=db.now, value=stored)
        db.add(row)
    row.value, row.version, row.by, row.at = stored, row.version + 1, by, db.now
    db.flush()
    db.info.pop(_KNOWN, None)
    return row.version
