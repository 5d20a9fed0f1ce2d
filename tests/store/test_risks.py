"""Review items, alarms and what was seen around a message, as rows."""

from datetime import timedelta
from typing import Any

import sqlalchemy as sa

from core.ids import new_id
from core.vocabulary import RiskStatus, SenderRole
from store import behaviour, deliveries, risk_alarms, risks
from store.behaviour import Moment
from store.deliveries import DeliveryRow
from store.risks import RiskItemRow
from store.session import WriteSession
from tests.house import House, in_parallel, stay, utter

DAY = timedelta(days=1)


def item(db: WriteSession, house: House, member: str | None = None, **values: Any) -> str:
    """An item straight into the store, with its message; its id."""
    message = utter(db, "mama", member, values.get("sent_at", db.now))
    db.flush()
    plain: dict[str, Any] = {
        "id": new_id("rsk"),
        "message_id": message,
        "revision": 0,
        "community_id": house.community,
        "channel": "wecom",
        "member_id": member,
        "sender_role": "member",
        "sent_at": db.now,
        "origin": "screen",
        "status": RiskStatus.PENDING,
        "version": 1,
        "rank": 2,
        "level": "medium",
        "labels": [],
        "label_names": risks.joined(["ad_spam"]),
        "action": "warn_private",
        "why": "ladder",
        "sends_private": True,
        "sends_rules": False,
        "created_at": db.now,
    }
    row = RiskItemRow(**(plain | values))
    db.add(row)
    db.flush()
    return row.id


def test_labels_as_a_column_and_back() -> None:
    assert risks.joined(["scam", "ad_spam", "scam"]) == ",ad_spam,scam,"
    assert risks.parted(",ad_spam,scam,") == ["ad_spam", "scam"]
    assert (risks.joined([]), risks.parted(""), risks.parted(None)) == ("", [], [])


def test_a_page_begins_right_behind_the_one_before_even_within_one_moment(house: House) -> None:
    with house.services.database.write() as db:
        ids = [item(db, house, rank=rank) for rank in (2, 0, 1, 2, 1, 2)]
    with house.services.database.read() as db:
        whole = risks.page(db, statuses=["pending"], communities=None)
        assert [row.rank for row in whole] == [0, 1, 1, 2, 2, 2]
        assert {row.id for row in whole} == set(ids)
        seen: list[str] = []
        after = None
        while rows := risks.page(db, statuses=["pending"], communities=None, after=after, limit=2):
            seen += [row.id for row in rows]
            after = (rows[-1].created_at, rows[-1].id, rows[-1].rank)
        assert seen == [row.id for row in whole]
        newest = risks.page(db, statuses=["pending", "confirmed"], communities=None)
        assert [row.id for row in newest] == sorted(ids, reverse=True)


def test_a_label_is_found_by_its_whole_name(house: House) -> None:
    with house.services.database.write() as db:
        found = item(db, house, label_names=risks.joined(["scam", "abuse"]))
        item(db, house, label_names=risks.joined(["ad_spam"]))
    with house.services.database.read() as db:
        assert [row.id for row in risks.page(db, statuses=["pending"], communities=None, label="scam")] == [found]
        assert risks.page(db, statuses=["pending"], communities=None, label="spam") == []
        assert risks.page(db, statuses=["pending"], communities=frozenset()) == []
        assert risks.count(db, statuses=["pending"], communities=None) == 2


def test_one_of_many_decisions_at_once_wins(house: House) -> None:
    with house.services.database.write() as db:
        one = item(db, house)

    def decide() -> bool:
        with house.services.database.write() as db:
            return risks.decide(db, one, version=1, statuses=["pending"], status="confirmed")

    assert sorted(in_parallel(4, [decide] * 4)) == [False, False, False, True]


def test_only_confirmed_items_within_the_window_are_offences(house: House) -> None:
    now = house.clock.now()
    with house.services.database.write() as db:
        member = stay(db, "mama", now)
        other = stay(db, "mama", now)
        confirmed: dict[str, Any] = {"status": "confirmed", "confirmed": risks.joined(["ad_spam"])}
        item(db, house, member, sent_at=now - 31 * DAY, **confirmed)
        inside = item(db, house, member, sent_at=now - 29 * DAY, **confirmed)
        item(db, house, member, sent_at=now + DAY, **confirmed)
        item(db, house, member, sent_at=now - DAY)
        item(db, house, member, sent_at=now - DAY, status="dismissed")
        item(db, house, other, sent_at=now - DAY, **confirmed)
    with house.services.database.read() as db:
        found = risks.offences(db, member, now - 30 * DAY, now)
    assert [(one.risk_id, one.labels) for one in found] == [(inside, ("ad_spam",))]


def test_what_others_said_counts_members_and_tells_of_staff(house: House) -> None:
    now = house.clock.now()
    this = Moment("mama", "x", "f" * 64, now)
    with house.services.database.write() as db:
        members = [stay(db, "mama", now) for _ in range(3)]
        for member in members:
            utter(db, "mama", member, now, fingerprint="f" * 64)
            utter(db, "mama", member, now, fingerprint="f" * 64)
        utter(db, "mama", members[0], now - DAY, fingerprint="f" * 64)
        utter(db, "root", stay(db, "root", now), now, fingerprint="f" * 64)
    with house.services.database.read() as db:
        assert behaviour.others(db, members[0], this, timedelta(minutes=5)) == (2, False)
    with house.services.database.write() as db:
        utter(db, "mama", stay(db, "mama", now), now, fingerprint="f" * 64, sender_role=SenderRole.STAFF)
    with house.services.database.read() as db:
        assert behaviour.others(db, None, this, timedelta(minutes=5)) == (3, True)


def test_cancelling_leaves_alerts_and_what_was_handed_out(house: House) -> None:
    now = house.clock.now()
    plain: dict[str, Any] = {
        "lane": "x",
        "community_id": "mama",
        "channel": "wecom",
        "decision": "d",
        "text": "",
        "ai_generated": False,
        "created_at": now,
        "not_before": now,
        "expires_at": now + DAY,
        "risk_id": "rsk_1",
    }
    with house.services.database.write() as db:
        for number, (kind, state) in enumerate(
            [("private", "queued"), ("alert", "queued"), ("moderation", "delivered"), ("announcement", "queued")]
        ):
            db.add(DeliveryRow(id=f"dlv_{number}", kind=kind, state=state, **plain))
    with house.services.database.write() as db:
        assert deliveries.cancel_of_risk(db, "rsk_1", now) == []
        assert sorted(deliveries.cancel_of_risk(db, "rsk_1")) == ["dlv_0", "dlv_3"]
    with house.services.database.read() as db:
        states = {row.id: row.state for row in db.execute(sa.select(DeliveryRow)).scalars()}
        of = deliveries.of_risks(db, ["rsk_1", "rsk_2"])
    assert states == {"dlv_0": "cancelled", "dlv_1": "queued", "dlv_2": "delivered", "dlv_3": "cancelled"}
    assert ([row.id for row in of["rsk_1"]], of["rsk_2"]) == (["dlv_0", "dlv_2", "dlv_3"], [])


def test_a_group_has_one_open_alarm(house: House) -> None:
    values: dict[str, Any] = {
        "community_id": "mama",
        "status": "open",
        "opened_at": house.clock.now(),
        "closed_at": None,
        "share": 0.5,
        "baseline": 0.1,
        "threshold": 0.3,
        "negative": 5,
        "messages": 10,
        "peak": 0.5,
    }
    with house.services.database.write() as db:
        assert risk_alarms.add(db, values | {"id": "alm_1"}) is True
        assert risk_alarms.add(db, values | {"id": "alm_2"}) is False
        assert risk_alarms.close(db, "alm_1") is True
        assert risk_alarms.close(db, "alm_1") is False
        assert risk_alarms.add(db, values | {"id": "alm_3"}) is True
    with house.services.database.read() as db:
        assert list(risk_alarms.open_by_community(db)) == ["mama"]


def test_moods_leave_out_staff_recalls_imports_and_private_words(house: House) -> None:
    now = house.clock.now()
    bad = {"kind": "complaint", "score": 1.0, "topic": None}
    with house.services.database.write() as db:
        utter(db, "mama", None, now, triage=bad)
        utter(db, "mama", None, now)
        utter(db, "mama", None, now, triage=bad, sender_role="staff")
        utter(db, "mama", None, now, triage=bad, recalled=True)
        utter(db, "mama", None, now, triage=bad, history=True)
        utter(db, "mama", None, now, triage=bad, conversation="private", lane="mama:mem")
        utter(db, "mama", None, now - timedelta(hours=2), triage=bad)
    with house.services.database.read() as db:
        assert risk_alarms.moods(db, ["mama", "root"], now - timedelta(hours=1), now) == {"mama": (2, 1)}
