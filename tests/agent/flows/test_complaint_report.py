"""Complaints of a week in figures, and the same by question."""

from datetime import date, timedelta

import pytest

from agent.flows import complaint_report, questions
from agent.flows.surveys import Given, receive
from core.errors import BadInput, Forbidden
from core.ids import new_id
from core.vocabulary import SurveyKind
from store.cases import CaseEventRow, CompensationRow
from store.clocks import ClockRow
from tests.agent.flows.test_incidents import case_row, member, person
from tests.house import House

FIRST, LAST = date(2026, 11, 9), date(2026, 11, 15)


def clock(house: House, case_id: str, started: timedelta, minutes: float | None, **values: object) -> ClockRow:
    at = house.clock.now() - started
    plain = {
        "id": new_id("clk"),
        "kind": "complaint",
        "object_id": case_id,
        "community_id": house.community,
        "since": at,
        "started_at": at,
        "runs_since": at,
        "warn_seconds": 1500,
        "limit_seconds": 1800,
        "step_seconds": 600,
        "used_seconds": 0.0,
        "respond_by": at + timedelta(minutes=30),
        "stopped_at": None if minutes is None else at + timedelta(minutes=minutes),
        "why": None if minutes is None else "answered",
        "step": 0,
    }
    return ClockRow(**(plain | values))


def week(house: House) -> None:
    """Eight days ago: four cases, one dismissed, one closed, answered after 10, 20 and 45 minutes."""
    ago = timedelta(days=8)
    people = [member(house, f"m{n}") for n in range(4)]
    with house.services.database.write() as db:
        at = db.now - ago
        plain = {"opened_at": at, "owner_id": house.owner.id}
        one = case_row(db, house, people[0], at, "发霉", **plain, state="closed", closed_at=at + timedelta(hours=2))
        two = case_row(db, house, people[1], at, "发霉", **plain, severity="high")
        late = case_row(db, house, people[2], at, "没发货", **plain, category="logistics", breached=True)
        none = case_row(db, house, people[3], at, "谢谢", opened_at=at, state="dismissed")
        for case_id, minutes in ((one, 10), (two, 20), (late, 45)):
            db.add(clock(house, case_id, ago, minutes))
        db.add(clock(house, none, ago, 5, why="dismissed"))
        db.add(CaseEventRow(id=new_id("cev"), case_id=none, at=at, by="u", kind="dismissed", to_state="dismissed"))
        for status, cents in (("approved", 1_200), ("rejected", 99_900)):
            made = {"case_id": two, "kind": "refund", "cents": cents, "status": status, "proposed_by": "u"}
            db.add(CompensationRow(id=new_id("cmp"), proposed_at=at, **made))


def test_a_week_per_group_and_owner(house: House) -> None:
    week(house)
    found = complaint_report.report(house.services, house.owner, None, None)
    assert (found.start, found.end) == (FIRST, LAST)
    (group,) = found.communities
    assert (group.id, group.due, group.kept, group.sla_hit_rate, group.small) == ("mama", 3, 2, 0.6667, True)
    assert (group.answered, group.first_response_median, group.first_response_p90) == (3, 20.0, 40.0)
    assert (group.opened, group.closed, group.dismissed, group.open_now, group.breached) == (3, 1, 1, 2, 1)
    assert group.by_category == {"product_quality": 2, "logistics": 1}
    assert group.by_severity == {"medium": 2, "high": 1}
    assert group.compensation_cents == 1_200
    assert [(one.id, one.due) for one in found.owners] == [(house.owner.id, 3), (None, 0)]
    assert found.total.due == 3


def test_nothing_happened(house: House) -> None:
    found = complaint_report.report(house.services, house.owner, date(2026, 1, 5), date(2026, 1, 11))
    assert (found.total.due, found.total.sla_hit_rate, found.total.first_response_median) == (0, None, None)
    assert found.communities == [] and found.owners == []


def test_who_may_not_read_reports(house: House) -> None:
    with pytest.raises(Forbidden):
        complaint_report.report(house.services, person(house, "answerer"), None, None)


def test_days_the_wrong_way_round(house: House) -> None:
    with pytest.raises(BadInput, match="report_period"):
        complaint_report.report(house.services, house.owner, LAST, FIRST)


@pytest.mark.parametrize(
    ("question", "metric", "value"),
    [
        ("上周投诉数是多少？", "complaints", 3),
        ("上周投诉结案率是多少？", "complaint_close_rate", pytest.approx(1 / 3, abs=1e-4)),
        ("上周按时响应率是多少？", "sla_hit_rate", pytest.approx(2 / 3, abs=1e-4)),
        ("上周首次响应时间是多少？", "first_response_minutes", 20.0),
        ("上周净推荐值是多少？", "nps", 30.0),
        ("上周满意度是多少？", "csat", 0.5),
    ],
)
def test_the_same_by_question(house: House, question: str, metric: str, value: object) -> None:
    # scope: 120
    week(house)
    at = house.clock.now() - timedelta(days=8)
    given = [("nps", score) for score in (10, 10, 9, 9, 9, 8, 7, 7, 6, 0)] + [("csat", 5), ("csat", 3)]
    answers = [Given("wecom", "mama", f"a{n}", SurveyKind(kind), score, at) for n, (kind, score) in enumerate(given)]
    receive(house.services, house.bot, answers)
    answer = questions.ask(house.services, house.owner, question)
    assert [(one.metric, one.value) for one in answer.figures] == [(metric, value)]


@pytest.mark.parametrize("question", ["上周投诉数按投诉类型拆分", "上周各类型投诉数", "上周投诉分类，各有多少投诉"])
def test_complaints_by_category(house: House, question: str) -> None:
    week(house)
    answer = questions.ask(house.services, house.owner, question)
    assert answer.table is not None, answer.answer
    assert {tuple(row[:2]) for row in answer.table.rows} == {("产品质量", 2), ("物流", 1)}
