"""What the checks on complaints, clocks, incidents and risks find right and wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.vocabulary import CaseAction, CaseState, DraftStatus
from evals.dialogue_checks import judge
from evals.dialogue_rows import dialogues
from evals.replay import Recording, Replay
from evals.rows import BadFile
from evals.seen import CaseSeen, ClockSeen, IncidentSeen, MessageSeen, RiskSeen, Snapshot
from evals.verdicts import Verdict
from tests.evals.spoken import dialogue, file_of, turns
from tests.house import House

GOOD = {"sender": "珍珍", "role": "member", "text": "能退不", "at": "10:00:00"}
COUNTED = {"type": "draft_count", "expect": 1}
SAID = turns(
    ("甲妈", "member", "奶瓶漏水", "10:00:00"),
    ("乙妈", "member", "我家的也漏", "10:20:00"),
    ("甲妈", "member", "再不处理我打12315", "10:55:00"),
    ("豆苗", "moderator", "非常抱歉，马上给您换新", "11:00:00"),
)
RISK = RiskSeen("high", frozenset({"scam"}), "remove", 2)
CLEAN = RiskSeen("none", frozenset(), "none", None)


def message(turn: int, **values: Any) -> MessageSeen:
    plain: dict[str, Any] = {"turn": turn, "burst": turn, "waiting": False, "kind": "complaint", "no_draft": None}
    return MessageSeen(**(plain | {"risk": CLEAN} | values))


def case(*own: int, **values: Any) -> CaseSeen:
    plain: dict[str, Any] = {
        "id": f"cas_{own[0]}",
        "opened_by": own[0],
        "turns": frozenset(own),
        "category": "product_quality",
        "severity": "medium",
        "state": CaseState.NEW,
    }
    return CaseSeen(**(plain | values))


def snapshot(*found: CaseSeen, clocks: Sequence[ClockSeen] = (), **values: Any) -> Snapshot:
    held = sorted({one.incident for one in found if one.incident})
    incidents = [IncidentSeen(one, "product_quality") for one in held]
    return Snapshot(values.get("messages") or {turn: message(turn) for turn in range(4)}, [], found, clocks, incidents)


def judged(folder: Path, check: dict[str, Any], *settled: Snapshot, late: Snapshot | None = None) -> Verdict:
    """How it stood once each of the turns was settled; the last one stays where there are fewer."""
    every = [*settled, *[settled[-1]] * (len(SAID) - len(settled))]
    played = dialogue(folder, SAID, check)
    recording = Recording(played, [Snapshot({}, []), *every[:-1]], every, every[-1], late)
    return judge(played.checks[0], recording, {})


def test_complaint(tmp_path: Path) -> None:
    seen = snapshot(case(0, 2, severity="high"), case(1, category="logistics"))
    check = {"type": "complaint", "category": "product_quality", "min_severity": "high"}
    assert judged(tmp_path, check, seen) == (
        True,
        "[0, 2] product_quality high new; [1] logistics medium new",
    )
    assert judged(tmp_path, check | {"min_severity": "critical"}, seen).right is False
    assert judged(tmp_path, check | {"turn": 1}, seen).right is False
    assert judged(tmp_path, check | {"turn": 1, "min_severity": "low", "accept": ["logistics"]}, seen).right is True
    assert judged(tmp_path, {"type": "complaint"}, snapshot()) == (False, "no case")


def test_dismissed_case_is_no_complaint(tmp_path: Path) -> None:
    dismissed = snapshot(case(0, state=CaseState.DISMISSED))
    assert judged(tmp_path, {"type": "complaint", "category": "product_quality"}, dismissed).right is False


def test_no_complaint(tmp_path: Path) -> None:
    asked = {turn: message(turn, kind="question") for turn in range(4)}
    check = {"type": "no_complaint", "turns": [1]}
    assert judged(tmp_path, check, snapshot(case(0), messages=asked)).right is True
    assert judged(tmp_path, check, snapshot(case(1), messages=asked)).right is False
    assert judged(tmp_path, check, snapshot()).found == "no case; turns [1] were read as complaints"


def path(folder: Path, expect: Sequence[str], *got: str) -> Verdict:
    seen = [snapshot(case(0, 2, severity=one)) for one in got]
    return judged(folder, {"type": "severity_path", "turns": [0, 2], "expect": expect}, seen[0], seen[0], seen[-1])


def test_severity_path(tmp_path: Path) -> None:
    assert path(tmp_path, ["medium", "critical"], "medium", "critical") == (True, "medium→critical")
    assert path(tmp_path, ["low", "critical"], "medium", "critical").right is True
    assert path(tmp_path, ["low", "critical"], "high", "critical").right is False
    assert path(tmp_path, ["medium", "critical"], "medium", "high").right is False
    assert path(tmp_path, ["high", "medium"], "high", "medium").right is False


def test_severity_path_without_a_case(tmp_path: Path) -> None:
    check = {"type": "severity_path", "turns": [0, 2], "expect": ["low", "low"]}
    assert judged(tmp_path, check, snapshot(), snapshot(), snapshot(case(2, severity="low"))).found == "none→low"
    assert judged(tmp_path, check | {"expect": ["low"]}, snapshot()).right is None


def test_severity_of_a_turn_that_only_asks_again(tmp_path: Path) -> None:
    check = {"type": "severity_path", "turns": [2], "expect": ["high"]}
    assert judged(tmp_path, check, snapshot(case(0, severity="high"), case(1, severity="low"))).right is True


def test_severity_min(tmp_path: Path) -> None:
    seen = snapshot(case(0, severity="low"), case(1, severity="high"))
    assert judged(tmp_path, {"type": "severity_min", "expect": "high"}, seen).right is True
    assert judged(tmp_path, {"type": "severity_min", "expect": "high", "turn": 0}, seen).right is False


def test_incident(tmp_path: Path) -> None:
    together = snapshot(case(0, incident="inc_1"), case(1, incident="inc_1"))
    check = {"type": "incident", "count": 1, "members": 2, "category": "product_quality", "window_min": 30}
    assert judged(tmp_path, check, together) == (True, "product_quality of ['乙妈', '甲妈']")
    assert judged(tmp_path, check | {"members": ["甲妈", "乙妈"]}, together).right is True
    wrong: list[dict[str, Any]] = [{"members": 3}, {"count": 2}, {"category": "refund"}, {"window_min": 10}]
    assert all(judged(tmp_path, check | one, together).right is False for one in wrong)


def test_no_incident(tmp_path: Path) -> None:
    check = {"type": "incident", "count": 0, "window_min": 30}
    assert judged(tmp_path, check, snapshot(case(0))) == (True, "none")
    assert judged(tmp_path, check, snapshot(case(0, incident="inc_1"))).right is False


def test_not_in_incident(tmp_path: Path) -> None:
    seen = snapshot(case(0, incident="inc_1"), case(1))
    assert judged(tmp_path, {"type": "not_in_incident", "senders": ["乙妈"]}, seen).right is True
    assert judged(tmp_path, {"type": "not_in_incident", "senders": ["甲妈"]}, seen).found == "in an incident: 甲妈"


def test_state(tmp_path: Path) -> None:
    seen = [snapshot(case(0)), snapshot(case(0), case(1)), snapshot(case(0), case(1))]
    answered = snapshot(case(0, state=CaseState.ACKNOWLEDGED), case(1))
    check = {"type": "state", "after_turn": 3, "expect": "acknowledged"}
    assert judged(tmp_path, check, *seen, answered).right is True
    assert judged(tmp_path, check | {"turn": 1}, *seen, answered).right is False
    assert judged(tmp_path, check | {"turn": 1, "accept": ["new"]}, *seen, answered).right is True
    # A member's turn speaks of their own case.
    assert judged(tmp_path, check | {"after_turn": 1, "expect": "new"}, *seen, answered).right is True


def test_sla_breach_counts_once_all_clocks_have_run_out(tmp_path: Path) -> None:
    def seen(breached: bool) -> Snapshot:
        return snapshot(case(0, 2), clocks=[ClockSeen("complaint", frozenset({0, 2}), breached)])

    check = {"type": "sla_breach", "turn": 0, "clock": "complaint"}
    assert judged(tmp_path, check, seen(False), late=seen(True)) == (True, "breached")
    assert judged(tmp_path, check, seen(False), late=seen(False)) == (False, "in time")
    assert judged(tmp_path, check | {"expect": False}, seen(False)).right is True
    assert judged(tmp_path, check | {"clock": "group_question", "expect": False}, seen(False)) == (
        False,
        "no clock ran",
    )


def test_clock_of_a_question_that_began_with_a_greeting(tmp_path: Path) -> None:
    clock = ClockSeen("group_question", frozenset({0}), breached=True)
    seen = snapshot(messages={0: message(0), 1: message(1, burst=0)}, clocks=[clock])
    assert judged(tmp_path, {"type": "sla_breach", "turn": 1, "clock": "group_question"}, seen).right is True


def test_risk(tmp_path: Path) -> None:
    seen = snapshot(messages={0: message(0, risk=RISK), 1: message(1)})
    check = {"type": "risk", "turn": 0, "label": "scam", "level_min": "medium", "action": "remove", "offence": 2}
    assert judged(tmp_path, check, seen) == (True, "high scam, remove, offence 2")
    wrong: list[dict[str, Any]] = [{"label": "porn"}, {"action": "mute"}, {"offence": 1}, {"turn": 1}]
    assert all(judged(tmp_path, check | one, seen).right is False for one in wrong)
    assert judged(tmp_path, check | {"label": "porn", "accept": ["scam"]}, seen).right is True
    assert judged(tmp_path, check | {"action": "mute", "accept": ["remove"]}, seen).right is True


def test_no_risk(tmp_path: Path) -> None:
    seen = snapshot(messages={0: message(0, risk=RISK), 1: message(1)})
    assert judged(tmp_path, {"type": "no_risk", "turn": 1}, seen).right is True
    assert judged(tmp_path, {"type": "no_risk", "turn": 0}, seen).right is False


DEED = {"sender": "豆苗", "role": "moderator", "at": "10:05:00", "does": "dismiss", "case_of": 0, "note": "看错了"}


@pytest.mark.parametrize(
    ("deed", "field"),
    [
        ({"does": "forget"}, "does"),
        ({"role": "member"}, "does"),
        ({"case_of": None}, "case_of"),
        ({"case_of": 1}, "case_of"),
        ({"answer": "maybe"}, "answer"),
        ({"note": 7}, "note"),
    ],
)
def test_bad_deed_is_named(deed: dict[str, Any], field: str, tmp_path: Path) -> None:
    row = {"id": "d", "turns": [GOOD, DEED | deed], "checks": [COUNTED]}
    with pytest.raises(BadFile) as caught:
        dialogues(file_of(tmp_path, row))
    assert f"field 'turns[1].{field}'" in str(caught.value)


@pytest.mark.parametrize(
    ("check", "field"),
    [
        ({"type": "complaint", "category": "weather"}, "category"),
        ({"type": "severity_path", "turns": [0], "expect": []}, "expect"),
        ({"type": "incident", "count": 1, "members": ["谁"]}, "members"),
        ({"type": "state", "after_turn": 0, "expect": "done"}, "expect"),
        ({"type": "sla_breach", "turn": 0}, "clock"),
        ({"type": "risk", "turn": 0, "label": "scam", "accept": [1]}, "accept"),
    ],
)
def test_bad_check_is_named(check: dict[str, Any], field: str, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=rf"checks\[0\].{field}"):
        dialogues(file_of(tmp_path, {"id": "d", "turns": [GOOD], "checks": [check]}))


@pytest.fixture
def house(services: Services, clock: ManualClock, owner: Caller, bot: Caller, community: str) -> House:
    return House(services, clock, owner, bot, community)


def test_a_person_works_on_a_case(house: House, tmp_path: Path) -> None:
    said = turns(("珍珍", "member", "买了三天就坏没人管", "10:00:00"))
    played = Replay(house.services, house.clock, house.community).play(dialogue(tmp_path, [*said, DEED], COUNTED), 1)
    assert [one.state for one in played.before[1].cases] == [CaseState.NEW]
    assert [(one.state, sorted(one.turns)) for one in played.end.cases] == [(CaseState.DISMISSED, [0])]
    assert played.dialogue.turns[1].deed is not None and played.dialogue.turns[1].deed.action is CaseAction.DISMISS


def test_what_a_state_forbids_is_not_done(house: House, tmp_path: Path) -> None:
    said = turns(("珍珍", "member", "买了三天就坏没人管", "10:00:00"))
    deed = DEED | {"does": "resolve", "note": "已换新"}
    played = Replay(house.services, house.clock, house.community).play(dialogue(tmp_path, [*said, deed], COUNTED), 1)
    assert [one.state for one in played.end.cases] == [CaseState.NEW]


def test_clock_runs_out_once_the_dialogue_is_over(house: House, tmp_path: Path) -> None:
    said = turns(("珍珍", "member", "买了三天就坏没人管", "10:00:00"), ("路人", "member", "哈哈哈", "10:20:00"))
    played = Replay(house.services, house.clock, house.community).play(dialogue(tmp_path, said, COUNTED), 1)
    assert [one.breached for one in played.end.clocks if one.kind == "complaint"] == [False]
    assert [one.breached for one in played.outcome.clocks if one.kind == "complaint"] == [True]
    # What people have before them stays as it was when the last word was said.
    assert {draft.status for draft in played.end.drafts} == {DraftStatus.PENDING}
