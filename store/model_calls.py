"""Calls of the language model: what they cost, and whether the endpoint is worth calling (the breaker's state). Shared
by all processes of a deployment. No text stands here, only ids and figures."""

from datetime import datetime
from typing import Any, NamedTuple

import sqlalchemy as sa
from sqlalchemy import Index, Integer, String
from sqlalchemy.orm import Mapped, mapped_column

from store.base import Base, Id, insert_new
from store.session import ReadSession, WriteSession


class ModelCallRow(Base):
    """`purpose` is the prompt's name, `object_id` the message, question or campaign it was for; `outcome` is `ok` or
    why there was no answer; `:estimated` behind it says that the endpoint counted no tokens and we did, by characters.
    """

    __tablename__ = "model_calls"
    __table_args__ = (Index("ix_model_calls_at", "at"), Index("ix_model_calls_object", "object_id"))

    id: Mapped[str] = mapped_column(Id, primary_key=True)
    at: Mapped[datetime]
    purpose: Mapped[str] = mapped_column(String(64))
    object_id: Mapped[str | None] = mapped_column(Id)
    model: Mapped[str] = mapped_column(String(120))
    outcome: Mapped[str] = mapped_column(String(40))
    prompt_tokens: Mapped[int] = mapped_column(Integer)
    completion_tokens: Mapped[int] = mapped_column(Integer)
    milliseconds: Mapped[int] = mapped_column(Integer)


class BreakerRow(Base):
    """One endpoint. `failures` are the moments (ISO) of the last failures in a row; `open_until` is set while nobody
    should call; whoever sets `probe_until` first may try once. `openings` counts how often in a row it opened."""

    __tablename__ = "breakers"

    name: Mapped[str] = mapped_column(String(80), primary_key=True)
    failures: Mapped[list[Any]]
    open_until: Mapped[datetime | None]
    probe_until: Mapped[datetime | None]
    openings: Mapped[int] = mapped_column(Integer, default=0)


class Usage(NamedTuple):
    """Calls of one purpose and outcome."""

    purpose: str
    outcome: str
    calls: int
    prompt_tokens: int
    completion_tokens: int


def tokens_since(db: ReadSession, start: datetime) -> int:
    """Tokens of all calls since `start`, both kinds."""
    total = sa.func.sum(ModelCallRow.prompt_tokens + ModelCallRow.completion_tokens)
    return int(db.execute(sa.select(total).where(ModelCallRow.at >= start)).scalar() or 0)


def usage_since(db: ReadSession, start: datetime) -> list[Usage]:
    """Calls and tokens since `start` by purpose and outcome."""
    by = (ModelCallRow.purpose, ModelCallRow.outcome)
    sums = (sa.func.sum(ModelCallRow.prompt_tokens), sa.func.sum(ModelCallRow.completion_tokens))
    query = sa.select(*by, sa.func.count(), *sums).where(ModelCallRow.at >= start).group_by(*by).order_by(*by)
    return [Usage(purpose, outcome, *map(int, counts)) for purpose, outcome, *counts in db.execute(query)]


def of_object(db: ReadSession, object_id: str) -> list[ModelCallRow]:
    """The calls made for one message, question or campaign, oldest first."""
    query = sa.select(ModelCallRow).where(ModelCallRow.object_id == object_id).order_by(ModelCallRow.id)
    return list(db.execute(query).scalars())


def breaker(db: ReadSession, name: str) -> BreakerRow | None:
    return db.get(BreakerRow, name, populate_existing=True)


def breakers(db: ReadSession) -> list[BreakerRow]:
    return list(db.execute(sa.select(BreakerRow).order_by(BreakerRow.name)).scalars())


def locked_breaker(db: WriteSession, name: str) -> BreakerRow:
    """The endpoint's row, made where it is missing, held until the transaction ends."""
    insert_new(db, BreakerRow, {"name": name, "failures": [], "openings": 0})
    query = sa.select(BreakerRow).where(BreakerRow.name == name).with_for_update()
    return db.execute(query.execution_options(populate_existing=True)).scalar_one()


def take_probe(db: WriteSession, name: str, until: datetime) -> bool:
    """Compare-and-set: True for the one caller who may try an endpoint whose breaker has been open long enough."""
    free = sa.or_(BreakerRow.probe_until.is_(None), BreakerRow.probe_until <= db.now)
    change = sa.update(BreakerRow).where(BreakerRow.name == name, BreakerRow.open_until <= db.now, free)
    taken = change.values(probe_until=until).returning(BreakerRow.name)
    return db.execute(taken.execution_options(synchronize_session=False)).first() is not None
