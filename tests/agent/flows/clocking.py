"""A staffed community, its clocks, and a worker that can be stopped at any moment."""

from collections.abc import Sequence
from datetime import datetime
from zoneinfo import ZoneInfo

import sqlalchemy as sa

from agent.flows import access, clock_alarms, clocks
from agent.flows import communities as communities_flow
from agent.flows import settings as settings_flow
from agent.services import Services
from core.vocabulary import ClockKind, CommunityType
from store import due
from store.audit import AuditRow
from store.clocks import ClockRow
from store.deliveries import DeliveryRow
from store.due import Claim
from store.staff_notices import NoticeRow
from store.timers import TimerRow
from tests.house import LEASE, House

SHANGHAI = ZoneInfo("Asia/Shanghai")
ROLES = ("answerer", "service", "supervisor", "admin")


def at(text: str) -> datetime:
    """`2026-02-14 09:30` in Shanghai."""
    return datetime.fromisoformat(text).replace(tzinfo=SHANGHAI)


def set_to(house: House, key: str, value: object, community_id: str | None = None) -> None:
    settings_flow.change(house.services, house.owner, key, value, community_id)


def staff(house: House, roles: Sequence[str] = ROLES) -> dict[str, str]:
    """One person of each role for all communities, and the staff's group for alerts; their ids by role."""
    communities_flow.create(
        house.services,
        house.owner,
        community_id="staff",
        name="管理群",
        type=CommunityType.SERVICE,
        channel="wecom",
        parent_id="root",
    )
    set_to(house, "risk.alert_community", "staff")
    made = {role: person(house, role, role) for role in roles}
    return made | {"owner": house.owner.id}


def person(house: House, login: str, role: str, within: str | None = None) -> str:
    return access.create_user(
        house.services, house.owner, login=login, name=f"{login}同学", role=role, community_id=within
    )


def start(house: House, object_id: str, kind: ClockKind = ClockKind.GROUP_QUESTION, **values: object) -> ClockRow:
    since = values.pop("since", None) or house.clock.now()
    assert isinstance(since, datetime)
    with house.services.database.write() as db:
        row = clocks.start(
            db, house.services, kind=kind, object_id=object_id, community_id=house.community, since=since
        )
    assert row is not None
    return row


def stop(
    house: House, object_id: str, kind: ClockKind = ClockKind.GROUP_QUESTION, when: datetime | None = None
) -> bool:
    with house.services.database.write() as db:
        moment = when or house.clock.now()
        return clocks.stop(db, house.services, kind=kind, object_id=object_id, at=moment, by="usr", why="answered")


def claim(services: Services, worker: str = "w", most: int = 50) -> list[Claim]:
    with services.database.write() as db:
        return due.claim(db, TimerRow, worker=worker, lease=LEASE, most=most, which=clock_alarms.QUEUE)


def work(house: House) -> int:
    """A worker takes what is due, again and again, until nothing is."""
    done = 0
    while claims := claim(house.services):
        done += clock_alarms.handle(house.services, claims)
    return done


def run_until(house: House, end: datetime) -> None:
    """Time passes, and a worker does at its moment what falls due."""
    while True:
        with house.services.database.read() as db:
            moment = due.next_due(db, TimerRow, clock_alarms.QUEUE)
        if moment is None or moment > end:
            break
        house.clock.set(max(moment, house.clock.now()))
        work(house)
    house.clock.set(max(end, house.clock.now()))


def clock_of(house: House, clock_id: str) -> ClockRow:
    with house.services.database.read() as db:
        return db.get_one(ClockRow, clock_id)


def rows(house: House, table: type) -> list:  # type: ignore[type-arg]
    with house.services.database.read() as db:
        return list(db.execute(sa.select(table)).scalars())


def deeds(house: House, object_id: str | None = None) -> list[tuple[str, str]]:
    """(what, when in Shanghai) of clocks, in order."""
    found = [row for row in rows(house, AuditRow) if row.action.startswith("clock.")]
    chosen = [row for row in found if object_id is None or row.details["object"] == object_id]
    return [
        (row.action.removeprefix("clock."), f"{row.at.astimezone(SHANGHAI):%m-%d %H:%M}")
        for row in sorted(chosen, key=lambda row: row.number)
    ]


def alerts(house: House) -> list[str]:
    return [row.text for row in sorted(rows(house, DeliveryRow), key=lambda row: row.id) if row.kind == "alert"]


def told(house: House, kind: str) -> set[str]:
    """Who got a notice of this kind."""
    return {row.user_id for row in rows(house, NoticeRow) if row.kind == kind}
