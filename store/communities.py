"""Communities (社群): a tree with the organisation at its root."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import sqlalchemy as sa
from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id
from store.session import ReadSession


class CommunityRow(Base):
    __tablename__ = "communities"

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    name: Mapped[str] = mapped_column(String(120))
    type: Mapped[str] = mapped_column(String(32))
    channel: Mapped[str] = mapped_column(String(32))
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("communities.id"), index=True)
    created_at: Mapped[datetime]
    archived_at: Mapped[datetime | None]


def get(db: ReadSession, community_id: str) -> CommunityRow | None:
    return db.get(CommunityRow, community_id)


def many(db: ReadSession, community_ids: Iterable[str]) -> list[CommunityRow]:
    """Those of these communities that exist."""
    return list(db.execute(sa.select(CommunityRow).where(CommunityRow.id.in_(list(community_ids)))).scalars())


def every(db: ReadSession, within: frozenset[str] | None = None) -> list[CommunityRow]:
    """All communities, or those in `within`, by id."""
    query = sa.select(CommunityRow).where(CommunityRow.archived_at.is_(None)).order_by(CommunityRow.id)
    if within is not None:
        query = query.where(CommunityRow.id.in_(within))
    return list(db.execute(query).scalars())


def lineage(db: ReadSession, community_id: str) -> list[str]:
    """The community's id and those above it, itself first; empty where it doesn't exist. Remembered for the session:
    one message asks for it many times, and no session moves a community."""
    known: dict[str, list[str]] = db.info.setdefault("lineages", {})
    if community_id not in known:
        found = list(db.execute(_UPWARDS, {"community_id": community_id}).scalars())
        if not found:
            return []
        known[community_id] = found
    return list(known[community_id])


def _upwards() -> sa.Select[str]:
    up = sa.select(CommunityRow.id, CommunityRow.parent_id, sa.literal(0).label("height"))
    tree = up.where(CommunityRow.id == sa.bindparam("community_id")).cte("lineage", recursive=True)
    above = sa.select(CommunityRow.id, CommunityRow.parent_id, tree.c.height + 1)
    tree = tree.union_all(above.join(tree, CommunityRow.id == tree.c.parent_id))
    return sa.select(tree.c.id).order_by(tree.c.height)


_UPWARDS: Final = _upwards()
"""Built once: to put it together takes longer than to run it."""


def with_children(db: ReadSession, community_ids: Iterable[str]) -> frozenset[str]:
    """The given communities and all below them."""
    tree = sa.select(CommunityRow.id).where(CommunityRow.id.in_(list(community_ids))).cte("below", recursive=True)
    below = sa.select(CommunityRow.id).join(tree, CommunityRow.parent_id == tree.c.id)
    return frozenset(db.execute(sa.select(tree.union(below).c.id)).scalars())
