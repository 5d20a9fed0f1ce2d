"""One mechanism for all that is due: order, leases, fences, retries."""

import threading
from collections import Counter
from datetime import timedelta

import pytest
import sqlalchemy as sa

from core.clock import ManualClock
from store import due, timers
from store.due import Claim, backoff
from store.session import Database
from store.timers import TimerRow
from tests.house import in_parallel

LEASE = timedelta(seconds=30)


def _put(database: Database, name: str, *, lane: str | None = None, after: float = 0) -> str:
    with database.write() as db:
        row = TimerRow(
            id=name,
            lane=lane or f"lane-{name}",
            kind="test",
            object_id=name,
            arguments={},
            created_at=db.now,
            due_at=db.now + timedelta(seconds=after),
            fence=0,
            attempts=0,
        )
        db.add(row)
    return name


def _claim(database: Database, most: int = 10, worker: str = "w") -> list[Claim]:
    with database.write() as db:
        return due.claim(db, TimerRow, worker=worker, lease=LEASE, most=most)


def _finish(database: Database, claim: Claim, **values: object) -> bool:
    with database.write() as db:
        return due.finish(db, TimerRow, claim, **values)


def _retry(database: Database, claim: Claim, tries: int = 5) -> bool:
    with database.write() as db:
        return due.retry(db, TimerRow, claim, error="no_luck", tries=tries)


def _row(database: Database, name: str) -> TimerRow:
    with database.read() as db:
        return db.get_one(TimerRow, name)


def _names(claims: list[Claim]) -> list[str]:
    return [claim.id for claim in claims]


def test_nothing_is_due_on_an_empty_table(database: Database) -> None:
    assert _claim(database) == []
    with database.read() as db:
        assert due.next_due(db, TimerRow) is None


def test_future_rows_wait_for_their_moment(database: Database, clock: ManualClock) -> None:
    _put(database, "later", after=60)
    assert _claim(database) == []
    with database.read() as db:
        assert due.next_due(db, TimerRow) == clock.now() + timedelta(seconds=60)
    clock.advance(seconds=60)
    assert _names(_claim(database)) == ["later"]


def test_claims_go_by_age_and_stop_at_most(database: Database) -> None:
    for name, after in (("c", -1), ("a", -3), ("b", -2)):
        _put(database, name, after=after)
    assert _names(_claim(database, most=2)) == ["a", "b"]
    assert _names(_claim(database, most=2)) == ["c"]


def test_one_batch_may_hold_a_lane_in_order(database: Database) -> None:
    for name, after in (("second", -1), ("first", -2)):
        _put(database, name, lane="same", after=after)
    assert _names(_claim(database)) == ["first", "second"]


def test_lane_with_a_leased_row_waits(database: Database) -> None:
    _put(database, "a", lane="same", after=-2)
    first = _claim(database)
    _put(database, "b", lane="same", after=-1)
    _put(database, "other")
    assert _names(_claim(database)) == ["other"]
    _finish(database, first[0])
    assert _names(_claim(database)) == ["b"]


def test_claim_is_exclusive_until_its_lease_runs_out(database: Database, clock: ManualClock) -> None:
    _put(database, "a")
    (first,) = _claim(database, worker="one")
    assert (first.fence, first.attempts, first.taken_over) == (1, 1, False)
    clock.advance(seconds=29.9)
    assert _claim(database, worker="two") == []
    clock.advance(seconds=0.1)
    (second,) = _claim(database, worker="two")
    assert (second.fence, second.attempts, second.taken_over) == (2, 2, True)
    assert _row(database, "a").worker == "two"


def test_late_worker_changes_nothing(database: Database, clock: ManualClock) -> None:
    _put(database, "a")
    (late,) = _claim(database)
    clock.advance(seconds=31)
    (current,) = _claim(database)
    before = _row(database, "a")
    assert not _finish(database, late, last_error="from the past")
    _retry(database, late, tries=1)
    with database.write() as db:
        due.release(db, TimerRow, [late])
        assert not due.renew(db, TimerRow, late, LEASE)
    after = _row(database, "a")
    for column in ("due_at", "lease_until", "fence", "attempts", "worker", "last_error", "dead_at"):
        assert getattr(after, column) == getattr(before, column), column
    assert _finish(database, current)


def test_finish_completes_and_says_so_once(database: Database) -> None:
    _put(database, "a")
    (claim,) = _claim(database)
    assert _finish(database, claim)
    row = _row(database, "a")
    assert (row.due_at, row.lease_until, row.worker) == (None, None, None)
    assert _claim(database) == []


def test_finish_and_effect_stand_or_fall_together(database: Database) -> None:
    _put(database, "a")
    (claim,) = _claim(database)
    with pytest.raises(RuntimeError), database.write() as db:
        assert due.finish(db, TimerRow, claim)
        raise RuntimeError
    assert _row(database, "a").due_at is not None


def test_renewed_lease_counts_from_now(database: Database, clock: ManualClock) -> None:
    _put(database, "a")
    (claim,) = _claim(database)
    clock.advance(seconds=25)
    with database.write() as db:
        assert due.renew(db, TimerRow, claim, LEASE)
    clock.advance(seconds=25)
    assert _claim(database) == []


def test_renewing_what_was_given_back_is_refused(database: Database) -> None:
    _put(database, "a")
    (claim,) = _claim(database)
    with database.write() as db:
        due.release(db, TimerRow, [claim])
    with database.write() as db:
        assert not due.renew(db, TimerRow, claim, LEASE)


def test_retry_waits_longer_each_time_and_then_is_dead(database: Database, clock: ManualClock) -> None:
    _put(database, "a")
    for attempt in (1, 2):
        (claim,) = _claim(database)
        assert claim.attempts == attempt
        assert not _retry(database, claim, tries=3)
        assert _claim(database) == []
        assert _row(database, "a").due_at == clock.now() + timedelta(seconds=2**attempt)
        clock.advance(seconds=2**attempt)
    (claim,) = _claim(database)
    assert _retry(database, claim, tries=3)
    row = _row(database, "a")
    assert (row.due_at, row.dead_at, row.last_error, row.lease_until) == (None, clock.now(), "no_luck", None)
    clock.advance(hours=10)
    assert _claim(database) == []


def test_backoff_doubles_up_to_ten_minutes() -> None:
    assert [backoff(n).total_seconds() for n in (1, 2, 3, 4, 9, 10, 50)] == [2, 4, 8, 16, 512, 600, 600]


def test_released_row_is_as_if_never_claimed(database: Database) -> None:
    _put(database, "a")
    claims = _claim(database)
    with database.write() as db:
        due.release(db, TimerRow, claims)
    (again,) = _claim(database)
    assert (again.attempts, again.taken_over) == (1, False)
    assert again.fence > claims[0].fence


def test_error_code_is_cut_to_its_column(database: Database) -> None:
    _put(database, "a")
    (claim,) = _claim(database)
    with database.write() as db:
        due.retry(db, TimerRow, claim, error="x" * 500, tries=5)
    assert _row(database, "a").last_error == "x" * 200


def test_two_claimers_never_get_the_same_row(database: Database) -> None:
    for number in range(60):
        _put(database, f"r{number:02d}")
    batches = in_parallel(6, [lambda: _claim(database, most=4)] * 20)
    assert all(isinstance(batch, list) for batch in batches), batches
    taken = Counter(name for batch in batches for name in _names(batch))
    assert len(taken) == 60
    assert set(taken.values()) == {1}


def test_claimers_never_share_a_lane(database: Database) -> None:
    for number in range(12):
        _put(database, f"r{number:02d}", lane=f"lane-{number % 3}")
    batches = [batch for batch in in_parallel(6, [lambda: _claim(database, most=2)] * 12) if batch]
    with database.read() as db:
        lanes = {row.id: row.lane for row in db.execute(sa.select(TimerRow)).scalars()}
    per_batch = [{lanes[name] for name in _names(batch)} for batch in batches]
    assert sum(map(len, per_batch)) == len(set().union(*per_batch)) == 3


def test_backlog_tells_waiting_leased_dead_and_age(database: Database, clock: ManualClock) -> None:
    for name in ("leased", "dead", "waiting"):
        _put(database, name)
        clock.advance(seconds=1)
    leased, dead = _claim(database, most=2)
    assert (leased.id, dead.id) == ("leased", "dead")
    _retry(database, dead, tries=1)
    clock.advance(seconds=9)
    with database.read() as db:
        assert due.backlog(db, TimerRow, clock.now()) == due.Backlog(1, 1, 1, 10.0)


def test_timer_set_twice_is_set_once(database: Database, clock: ManualClock) -> None:
    with database.write() as db:
        assert timers.put(db, timer_id="t1", kind="clock", object_id="case-1", due_at=clock.now())
        assert not timers.put(db, timer_id="t2", kind="clock", object_id="case-1", due_at=clock.now())
    assert _names(_claim(database)) == ["t1"]


def test_row_that_a_late_worker_is_just_finishing_is_not_claimed(database: Database, clock: ManualClock) -> None:
    """The lease ran out while its worker was writing: the next claim reads the row as due, waits for the writer, and
    must not take a finished row (which would then be worked on twice)."""
    _put(database, "t1")
    (late,) = _claim(database)
    clock.advance(seconds=31)
    written, claimed = threading.Event(), []

    def claims() -> None:
        assert written.wait(10)
        claimed.append(_claim(database))

    other = threading.Thread(target=claims)
    other.start()
    with database.write() as db:
        assert due.finish(db, TimerRow, late)
        db.flush()
        written.set()
        other.join(timeout=1.0)  # long enough to have read the row and to wait for it, or for SQLite's lock
    other.join(timeout=10)
    assert claimed == [[]]
    with database.write() as db:
        assert not due.retry(db, TimerRow, late, error="too_late", tries=5)
        row = db.get_one(TimerRow, "t1")
        assert (row.due_at, row.last_error) == (None, None), "a finished row stays finished"
