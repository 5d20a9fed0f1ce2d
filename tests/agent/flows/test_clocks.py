"""Reply clocks: what goes off when, who is told, and that it happens once."""

from datetime import date, datetime, timedelta

import pytest

from agent.flows import clock_alarms, clocks, duty, erasure
from agent.flows.duty import Entry
from core.vocabulary import ClockKind, Decision, DraftStatus
from store.clocks import ClockRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.staff_notices import NoticeRow
from store.timers import TimerRow
from store.users import UserRow
from tests.agent.flows.clocking import (
    alerts,
    at,
    claim,
    clock_of,
    deeds,
    person,
    rows,
    run_until,
    set_to,
    staff,
    start,
    stop,
    told,
    work,
)
from tests.house import House, in_parallel

NEWS = "【通知】今晚八点直播间见，有抽奖和满减活动"


def test_question_nobody_answers_is_reported_upwards(house: House) -> None:
    # scope: 14
    # scope: 21
    people = staff(house)
    row = start(house, "msg_1")
    assert row.respond_by == house.clock.now() + timedelta(minutes=5)
    run_until(house, house.clock.now() + timedelta(minutes=60))
    assert deeds(house) == [
        ("warned", "11-21 10:04"),
        ("breached", "11-21 10:05"),
        ("escalated", "11-21 10:10"),
        ("escalated", "11-21 10:15"),
        ("escalated", "11-21 10:20"),
    ]
    assert told(house, "clock_warn") == {people["answerer"]}
    assert told(house, "clock_breach") == {people["answerer"], people["service"]}
    assert told(house, "clock_escalate") == {people["supervisor"], people["admin"], people["owner"]}
    assert [text[:6] for text in alerts(house)] == ["【快超时】「", "【超时】「m", *["【超时升级】"] * 3]
    assert rows(house, TimerRow) == []
    assert clock_of(house, row.id).kept() is False


def test_answer_in_time_stops_everything(house: House) -> None:
    staff(house)
    row = start(house, "msg_1")
    run_until(house, house.clock.now() + timedelta(minutes=4))
    assert stop(house, "msg_1")
    assert not stop(house, "msg_1")
    run_until(house, house.clock.now() + timedelta(minutes=30))
    assert [what for what, _ in deeds(house)] == ["warned"]
    assert clock_of(house, row.id).kept() is True
    assert all(notice.over_at for notice in rows(house, NoticeRow))
    assert start(house, "msg_1").id == row.id, "the same question is not counted twice"


def test_question_that_was_taken_back_is_waited_for_no_more(wise: House) -> None:
    # scope: 14
    _ask(wise)
    wise.say("", revision=1, recalled=True)
    assert _left_by_sweep(wise) == ("message_recalled", True)


def test_question_edited_to_ask_nothing_is_waited_for_no_more(wise: House) -> None:
    _ask(wise)
    wise.say("大家早上好", revision=1)
    assert _left_by_sweep(wise) == ("message_edited", True)


def test_question_edited_to_ask_on_is_waited_for(wise: House) -> None:
    _ask(wise)
    wise.say("请问买错了怎么退款呀？", revision=1)
    assert _left_by_sweep(wise) == (None, None)


def test_question_of_a_burst_is_waited_for_when_the_first_message_is_taken_back(wise: House) -> None:
    wise.say("请问买错了怎么退款呀？")
    _ask(wise, "m-2")
    wise.say("", revision=1, recalled=True)
    assert _left_by_sweep(wise) == (None, None)


def test_question_of_an_erased_member_is_waited_for_no_more(wise: House) -> None:
    # scope: 37
    _ask(wise)
    (row,) = rows(wise, MessageRow)
    erasure.erase(wise.services, wise.owner, row.member_id)
    assert _left_by_sweep(wise) == ("member_erased", True)
    assert alerts(wise) == []


@pytest.mark.parametrize("quoted", ["m-1", None])
def test_answer_to_a_question_whose_draft_was_rejected_stops_its_clock(wise: House, quoted: str | None) -> None:
    # scope: 14
    draft = _rejected(wise)
    _staff_says(wise, "付款后两天内就会发货哦", reply_to=quoted)
    (row,) = rows(wise, ClockRow)
    assert (row.stopped_at, row.why, row.kept()) == (wise.clock.now(), "answered", True)
    after = wise.draft_row(draft.id)
    assert (after.status, after.version, after.reason) == (draft.status, draft.version, draft.reason)
    run_until(wise, wise.clock.now() + timedelta(minutes=60))
    assert deeds(wise) == [] and rows(wise, NoticeRow) == []


@pytest.mark.parametrize(
    "said", [{"text": "稍等，我问一下", "reply_to": "m-1"}, {"text": "不用谢", "reply_to": "m-0"}, {"text": NEWS}]
)
def test_other_words_after_a_rejected_draft_leave_its_clock_running(wise: House, said: dict[str, str]) -> None:
    _rejected(wise)
    _staff_says(wise, **said)
    (row,) = rows(wise, ClockRow)
    assert row.stopped_at is None


def test_rejected_draft_takes_no_answer_from_the_one_that_replaced_it(wise: House) -> None:
    draft = _rejected(wise)
    wise.say("请问多久发货？", revision=1)
    wise.work()
    _staff_says(wise, "两天内")
    replacing = wise.draft_of(rows(wise, ClockRow)[0].object_id)
    assert replacing is not None and (replacing.id != draft.id, replacing.status) == (True, DraftStatus.EXPIRED)
    assert rows(wise, ClockRow)[0].why == "answered"


def _rejected(house: House) -> DraftRow:
    """The draft of a question, rejected without an answer."""
    _ask(house)
    draft = house.draft_of(rows(house, MessageRow)[0].id)
    assert draft is not None
    house.decide(draft.id, Decision.REJECT, reason="口气不对")
    return house.draft_row(draft.id)


def _staff_says(house: House, text: str, reply_to: str | None = None) -> None:
    house.clock.advance(seconds=30)
    house.say(text, "s-1", sender={"id": "staff-1", "name": "豆苗", "role": "staff"}, reply_to=reply_to)
    house.work(after=0)


def _ask(house: House, message_id: str = "m-1") -> None:
    staff(house)
    house.say("请问多久发货呀？", message_id)
    house.work()


def _left_by_sweep(house: House) -> tuple[str | None, bool | None]:
    """Why the only clock stopped, and whether it counts as kept; nobody is alarmed of one that did."""
    house.clock.advance(seconds=60)
    house.work()
    clocks.sweep(house.services)
    assert clocks.sweep(house.services) == 0
    (row,) = rows(house, ClockRow)
    if row.stopped_at is not None:
        run_until(house, house.clock.now() + timedelta(minutes=30))
        assert rows(house, NoticeRow) == rows(house, TimerRow) == []
    return row.why, row.kept()


def test_clock_that_starts_at_night_runs_from_the_opening(house: House) -> None:
    house.clock.set(at("2026-11-21 23:40"))
    row = start(house, "msg_1", ClockKind.COMPLAINT)
    assert (row.started_at, row.warn_at, row.respond_by) == (
        at("2026-11-22 09:00"),
        at("2026-11-22 09:25"),
        at("2026-11-22 09:30"),
    )


def test_late_answer_has_breached_before_the_worker_looked(house: House) -> None:
    row = start(house, "msg_1")
    house.clock.advance(minutes=20)
    stop(house, "msg_1")
    assert work(house) == 0
    assert clock_of(house, row.id).kept() is False
    assert deeds(house) == [("breached", "11-21 10:20")]


def test_answer_in_time_that_reaches_us_late_takes_the_breach_back(house: House) -> None:
    row = start(house, "msg_1")
    answered = house.clock.now() + timedelta(minutes=3)
    run_until(house, house.clock.now() + timedelta(minutes=6))
    stop(house, "msg_1", when=answered)
    assert clock_of(house, row.id).kept() is True
    assert [what for what, _ in deeds(house)][-1] == "breach_withdrawn"


def test_pause_keeps_what_is_left(house: House) -> None:
    staff(house)
    services = house.services
    row = start(house, "msg_1", ClockKind.COMPLAINT)
    run_until(house, house.clock.now() + timedelta(minutes=26))
    with services.database.write() as db:
        assert clocks.pause(db, services, kind=ClockKind.COMPLAINT, object_id="msg_1", by="usr")
        assert not clocks.pause(db, services, kind=ClockKind.COMPLAINT, object_id="msg_1", by="usr")
    run_until(house, at("2026-11-21 20:58"))
    assert clock_of(house, row.id).respond_by is None
    with services.database.write() as db:
        assert clocks.resume(db, services, kind=ClockKind.COMPLAINT, object_id="msg_1", by="usr")
        assert not clocks.resume(db, services, kind=ClockKind.COMPLAINT, object_id="msg_1", by="usr")
    assert clock_of(house, row.id).respond_by == at("2026-11-22 09:02"), "two minutes this evening, two tomorrow"
    run_until(house, at("2026-11-22 09:03"))
    assert [what for what, _ in deeds(house)] == ["warned", "paused", "resumed", "breached"]


def test_reopened_case_gets_a_fresh_clock(house: House) -> None:
    first = start(house, "msg_1", ClockKind.COMPLAINT)
    stop(house, "msg_1", ClockKind.COMPLAINT)
    with house.services.database.write() as db:
        second = clocks.restart(
            db,
            house.services,
            kind=ClockKind.COMPLAINT,
            object_id="msg_1",
            community_id=house.community,
            since=house.clock.now(),
            by="usr",
        )
    assert second is not None and second.id != first.id
    assert start(house, "msg_1", ClockKind.COMPLAINT).id == second.id


def test_roles_that_nobody_holds_are_skipped(house: House) -> None:
    staff(house, roles=())
    start(house, "msg_1")
    run_until(house, house.clock.now() + timedelta(minutes=60))
    assert [what for what, _ in deeds(house)] == ["warned", "breached"], "the owner is told, and there is nobody above"
    assert told(house, "clock_breach") == {house.owner.id}


def test_who_is_on_duty_is_called_instead_of_everybody(house: House) -> None:
    people = staff(house)
    second = person(house, "answerer-2", "answerer")
    duty.add(house.services, house.owner, "root", [Entry("answerer-2", 5, None, "09:00-18:00")])
    start(house, "msg_1")
    house.clock.advance(minutes=4)
    work(house)
    assert told(house, "clock_warn") == {second}
    assert "answerer-2同学" in alerts(house)[0]
    assert people["answerer"] not in told(house, "clock_warn")


def test_who_may_not_open_complaints_is_not_called_to_one(house: House) -> None:
    people = staff(house)
    duty.add(house.services, house.owner, "root", [Entry("answerer", 5, None, "09:00-18:00")])
    start(house, "cmp_1", ClockKind.COMPLAINT)
    start(house, "msg_1")
    run_until(house, house.clock.now() + timedelta(minutes=29))
    found = [(row.object_kind, row.user_id) for row in rows(house, NoticeRow) if row.kind == "clock_warn"]
    assert sorted(found) == [("complaint", people["service"]), ("group_question", people["answerer"])]


def test_roster_whose_people_are_gone_leaves_it_to_the_community_above(house: House) -> None:
    people = staff(house)
    gone = person(house, "gone", "answerer")
    duty.add(house.services, house.owner, "mama", [Entry("gone", 5, None, "09:00-18:00")])
    duty.add(house.services, house.owner, "root", [Entry("answerer", 5, None, "09:00-18:00")])

    def on() -> list[str]:
        with house.services.database.read() as db:
            return duty.now_on(db, house.services, ["mama", "root"])

    assert on() == [gone]
    with house.services.database.write() as db:
        db.get_one(UserRow, gone).disabled_at = db.now
    assert on() == [people["answerer"]]


def test_days_that_are_over_take_no_place_on_the_roster(house: House) -> None:
    staff(house)
    days = [date(2026, month, day) for month in range(1, 10) for day in range(1, 29)]
    for shift in ("09:00-12:00", "13:00-18:00"):
        past = [Entry("answerer", None, day, shift) for day in days[: duty.MOST // 2]]
        duty.add(house.services, house.owner, "mama", past)
    duty.add(house.services, house.owner, "mama", [Entry("answerer", 5, None, "09:00-18:00")])
    with house.services.database.read() as db:
        assert len(duty.roster(db, house.services, house.owner, "mama")) == 1


def test_standstill_warns_of_nothing_that_has_happened(house: House) -> None:
    staff(house)
    row = start(house, "msg_1")
    house.clock.advance(minutes=90)
    assert work(house) == 1
    assert [what for what, _ in deeds(house)] == ["breached"]
    found = clock_of(house, row.id)
    assert (found.breached_at, found.warned_at) == (found.respond_by, house.clock.now())
    house.clock.advance(minutes=5)
    work(house)
    assert [what for what, _ in deeds(house)] == ["breached", "escalated"], "the next report gets its time too"


def test_clocks_that_go_off_together_make_one_alert(house: House) -> None:
    staff(house)
    for number in range(20):
        start(house, f"msg_{number}")
    house.clock.advance(minutes=4)
    assert work(house) == 20
    (text,) = alerts(house)
    assert "20 条提问" in text
    assert len(rows(house, NoticeRow)) == 20


def test_switched_off(house: House) -> None:
    set_to(house, "clocks.question_on", False, "mama")
    with house.services.database.write() as db:
        kind, since = ClockKind.GROUP_QUESTION, house.clock.now()
        assert clocks.start(db, house.services, kind=kind, object_id="m", community_id="mama", since=since) is None
        assert clocks.start(db, house.services, kind=kind, object_id="m", community_id="root", since=since)


def test_running_clocks_keep_their_moments(house: House) -> None:
    row = start(house, "msg_1")
    set_to(house, "clocks.question_minutes", 60)
    run_until(house, house.clock.now() + timedelta(minutes=5))
    assert clock_of(house, row.id).breached_at == row.respond_by


def test_message_of_last_month_waits_since_last_week(house: House) -> None:
    row = start(house, "msg_1", since=at("2001-01-01 10:00"))
    assert row.started_at == house.clock.now() - timedelta(days=7)


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("moment", ["after_claim", "in_effect", "before_commit", "after_commit"])
@pytest.mark.parametrize("mark", [0, 1, 2])
def test_killed_worker_leaves_each_mark_to_happen_once(
    house: House, monkeypatch: pytest.MonkeyPatch, moment: str, mark: int
) -> None:
    # scope: 21
    staff(house)
    start(house, "msg_1")
    for number, minute in enumerate((4, 5, 10)):
        house.clock.set(at(f"2026-11-21 10:{minute:02d}"))
        if number == mark:
            _die(house, monkeypatch, moment)
            assert claim(house.services) == [], "leased by the dead one, or done"
            house.clock.advance(seconds=31)
        work(house)
    expected = [("warned", "11-21 10:04"), ("breached", "11-21 10:05"), ("escalated", "11-21 10:10")]
    assert deeds(house) == expected
    assert len(alerts(house)) == 3


def _die(house: House, monkeypatch: pytest.MonkeyPatch, moment: str) -> None:
    claims = claim(house.services, "dying")
    assert len(claims) == 1

    def die(*_: object, **__: object) -> None:
        raise Killed

    places = {"in_effect": "users.names", "before_commit": "timers.drop"}
    with monkeypatch.context() as dying:
        if moment in places:
            dying.setattr(f"agent.flows.clock_alarms.{places[moment]}", die)
            with pytest.raises(Killed):
                clock_alarms.handle(house.services, claims)
        elif moment == "after_commit":
            clock_alarms.handle(house.services, claims)


def test_slow_worker_that_lost_its_claim_changes_nothing(house: House) -> None:
    staff(house)
    start(house, "msg_1")
    house.clock.advance(minutes=4)
    slow = claim(house.services, "slow")
    house.clock.advance(seconds=31)
    assert work(house) == 1
    assert clock_alarms.handle(house.services, slow) == 0
    assert len(alerts(house)) == 1


def test_two_workers_with_one_claim(house: House) -> None:
    """Both believe that it is theirs, at the same moment."""
    staff(house)
    start(house, "msg_1")
    house.clock.advance(minutes=4)
    claims = claim(house.services)
    assert sorted(in_parallel(2, [lambda: clock_alarms.handle(house.services, claims)] * 2)) == [0, 1]
    assert (len(alerts(house)), len(deeds(house))) == (1, 1)


def test_answer_wins_against_a_breach_that_is_claimed(house: House) -> None:
    staff(house)
    start(house, "msg_1")
    house.clock.advance(minutes=5)
    work(house)
    house.clock.advance(minutes=5)
    claims = claim(house.services)
    stop(house, "msg_1")
    assert clock_alarms.handle(house.services, claims) == 0
    assert [what for what, _ in deeds(house)][-1] == "breached"


def test_what_fails_is_tried_again_by_itself(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    staff(house)
    broken, fine = start(house, "msg_1"), start(house, "msg_2")
    house.clock.advance(minutes=4)
    claims = claim(house.services)
    real = clock_alarms._warn

    def fail(db: object, row: ClockRow) -> object:
        if row.id == broken.id:
            raise RuntimeError
        return real(db, row)  # type: ignore[arg-type]

    with monkeypatch.context() as once:
        once.setattr(clock_alarms, "_warn", fail)
        assert clock_alarms.handle(house.services, claims) == 1
    assert clock_of(house, fine.id).warned_at is not None
    house.clock.advance(seconds=3)
    work(house)
    assert clock_of(house, broken.id).warned_at is not None


@pytest.mark.parametrize("now", ["2026-11-21 10:00", "2026-11-21 20:59"])
def test_state_of_a_clock(house: House, now: str) -> None:
    house.clock.set(at(now))
    row = start(house, "msg_1")
    assert row.warn_at and row.respond_by
    moments: dict[datetime, str] = {
        row.started_at: "running",
        row.warn_at: "warned",
        row.respond_by: "overdue",
    }
    assert {moment: clock_of(house, row.id).state(moment) for moment in moments} == moments
