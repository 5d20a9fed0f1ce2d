"""The duty roster: who is called when a clock runs out."""

from datetime import date
from typing import Annotated, Final, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import duty as flow
from agent.flows.duty import Entry
from agent.flows.incoming import Strict, Word
from core.office_hours import DAYS
from server.state import Here, Whoever
from store import communities, users
from store.duty import DutyRow
from store.session import ReadSession

router = APIRouter(prefix="/v1/duty", tags=["clocks"])
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
_MOST: Final = flow.MOST


class ShiftIn(Strict):
    """A shift of a user, each week on `weekday` or once on `day`: exactly one of the two."""

    login: Word = Field(examples=["wang"])
    weekday: Weekday | None = None
    day: date | None = None
    shift: Annotated[str, Field(max_length=11, description="past midnight: `22:00-02:00`", examples=["09:00-18:00"])]

    def entry(self) -> Entry:
        return Entry(self.login, None if self.weekday is None else DAYS.index(self.weekday), self.day, self.shift)


class ShiftView(BaseModel):
    id: str
    community_id: str
    login: str
    name: str
    weekday: Weekday | None
    day: date | None
    shift: str


class RosterIn(Strict):
    community_id: Word
    shifts: list[ShiftIn] = Field(max_length=_MOST)


class Roster(BaseModel):
    """`on_duty` are the logins that are called now, in the community that was asked for."""

    shifts: list[ShiftView]
    on_duty: list[str] | None = None


@router.get("")
def read(
    services: Here,
    caller: Whoever,
    community: Annotated[str | None, Query(max_length=80, description="only this one's own roster")] = None,
) -> Roster:
    """Weekly shifts, and those of single days to come. Shifts of a day take the place of the weekly ones."""
    with services.database.read() as db:
        rows = flow.roster(db, services, caller, community)
        shown = _views(db, rows)
        on = None if community is None else flow.now_on(db, services, communities.lineage(db, community))
        logins = None if on is None else [user.login for one in on if (user := users.get(db, one)) is not None]
    return Roster(shifts=shown, on_duty=logins)


@router.put("")
def replace(wanted: RosterIn, services: Here, caller: Whoever) -> Roster:
    """Put this roster in the place of the community's old one."""
    rows = flow.replace(services, caller, wanted.community_id, [one.entry() for one in wanted.shifts])
    with services.database.read() as db:
        return Roster(shifts=_views(db, rows))


@router.post("", status_code=201)
def add(wanted: RosterIn, services: Here, caller: Whoever) -> Roster:
    """Add shifts to a community's roster; the added ones."""
    rows = flow.add(services, caller, wanted.community_id, [one.entry() for one in wanted.shifts])
    with services.database.read() as db:
        return Roster(shifts=_views(db, rows))


@router.delete("/{duty_id}", status_code=204)
def remove(duty_id: str, services: Here, caller: Whoever) -> None:
    flow.remove(services, caller, duty_id)


def _views(db: ReadSession, rows: list[DutyRow]) -> list[ShiftView]:
    people = {row.user_id: users.get(db, row.user_id) for row in rows}
    return [
        ShiftView(
            id=row.id,
            community_id=row.community_id,
            login=user.login,
            name=user.name,
            weekday=None if row.weekday is None else DAYS[row.weekday],
            day=row.day,
            shift=row.shift,
        )
        for row in rows
        if (user := people[row.user_id]) is not None
    ]
