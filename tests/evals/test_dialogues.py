import json
import logging
from collections import Counter
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

import pytest
import structlog
from click.testing import CliRunner

from agent.services import Services
from core import log
from core.caller import Caller
from core.clock import ManualClock
from core.vocabulary import Audience, DraftStatus, EntryKind
from evals.cli import main
from evals.dialogue_case_checks import JUDGES as CASE_JUDGES
from evals.dialogue_checks import judge
from evals.dialogue_kinds import SCORED, UNSCORED
from evals.dialogue_rows import dialogues
from evals.replay import Recording, Replay
from evals.rows import BadFile
from evals.seen import DraftSeen, MessageSeen, Snapshot
from evals.verdicts import Verdict
from knowledge.entries import Entry
from tests.evals.spoken import dialogue, file_of, turns
from tests.house import House

ASKED = ("珍珍", "member", "买错了 能退不", "10:00:00")
GUESSED = ("路人", "member", "能退的吧", "10:01:00")
ANSWERED = ("豆苗", "moderator", "七天内可以退", "10:02:00")


def message(turn: int, kind: str | None = "question", **values: Any) -> MessageSeen:
    plain: dict[str, Any] = {"turn": turn, "burst": turn, "waiting": False, "kind": kind, "no_draft": None}
    return MessageSeen(**(plain | values))


def draft(*answered: int, id: str = "drf_1", **values: Any) -> DraftSeen:
    plain: dict[str, Any] = {
        "id": id,
        "turns": frozenset(answered),
        "open": values.get("expired") is None,
        "status": DraftStatus.EXPIRED if values.get("expired") else DraftStatus.PENDING,
        "expired": None,
        "abstained": None,
        "text": "七天内点退款。",
        "used": ("refund",),
        "nearest": "refund",
        "unanswered": False,
    }
    return DraftSeen(**(plain | values))


def snapshot(seen: list[MessageSeen], *made: DraftSeen) -> Snapshot:
    return Snapshot({one.turn: one for one in seen}, list(made))


NOTHING = snapshot([])
REFUND = Entry(
    id="refund",
    version=1,
    kind=EntryKind.FAQ,
    title="买错了怎么退款",
    phrasings=("拍错了想退钱",),
    answer="七天内点退款。",
    scene=None,
    variables=(),
    audience=Audience.ALL,
    tone=None,
    community_id=None,
    valid_from=None,
    valid_until=None,
)
SHIPPING = Entry(**{name: getattr(REFUND, name) for name in REFUND.__slots__} | {"id": "ship", "title": "多久发货"})


class Case:
    """One dialogue of three turns (asked, another member's guess, staff's answer) and how it stood at each."""

    def __init__(self, folder: Path, *settled: Snapshot, at_once: tuple[Snapshot, ...] = ()) -> None:
        self._folder = folder
        self._settled = settled
        self._at_once = at_once or settled

    def judge(self, **check: Any) -> Verdict:
        said = turns(ASKED, GUESSED, ANSWERED)[: len(self._settled)]
        played = dialogue(self._folder, said, check)
        recording = Recording(played, [NOTHING, *self._settled[:-1]], self._at_once, self._settled[-1])
        return judge(played.checks[0], recording, {"refund": REFUND, "ship": SHIPPING})


ASKING = message(0)
CHATTING = message(1, "chatter", no_draft="not_a_question")
STAFF = message(2, None, no_draft="not_from_member")
OPEN = snapshot([ASKING], draft(0))
KEPT = snapshot([ASKING, CHATTING], draft(0))
STILL = snapshot([ASKING, CHATTING, STAFF], draft(0))
GONE = snapshot([ASKING, CHATTING, STAFF], draft(0, expired="human_answered"))


def test_merged_burst(tmp_path: Path) -> None:
    one = snapshot([message(0, burst=0), message(1, burst=0)], draft(0, 1))
    check = {"type": "merged_question", "turns": [0, 1], "count": 1}
    assert Case(tmp_path, one, one).judge(**check).right is True
    two = snapshot([message(0), message(1)], draft(0), draft(1, id="drf_2"))
    assert Case(tmp_path, two, two).judge(**check).right is False


def test_merged_burst_whose_draft_names_only_the_question(tmp_path: Path) -> None:
    one = snapshot([message(0, burst=0), message(1, burst=0)], draft(1))
    assert Case(tmp_path, one, one).judge(type="merged_question", turns=[0, 1], count=1).right is True


def test_merged_burst_with_a_turn_left_out(tmp_path: Path) -> None:
    verdict = Case(tmp_path, OPEN, KEPT).judge(type="merged_question", turns=[0, 1], count=1)
    assert verdict == (False, "1 drafts for [0, 1], none for [1]")


def test_questions_are_assigned_to_who_asked(tmp_path: Path) -> None:
    both = snapshot([message(0), message(1)], draft(0), draft(1, id="drf_2"))
    check = {"type": "questions", "count": 2, "assign": {"珍珍": [0], "路人": [1]}}
    assert Case(tmp_path, both, both).judge(**check).right is True
    mixed = snapshot([message(0), message(1)], draft(0, 1, used=("refund", "ship")))
    assert Case(tmp_path, mixed, mixed).judge(**check) == (False, "turn 0 is answered together with others' messages")
    assert Case(tmp_path, OPEN, KEPT).judge(**check).right is False


def test_two_questions_in_one_draft_count_as_two(tmp_path: Path) -> None:
    one = snapshot([message(0)], draft(0, used=("refund", "ship")))
    assert Case(tmp_path, one).judge(type="questions", count=2).right is True
    assert Case(tmp_path, one).judge(type="questions", count=3).right is False


def test_question(tmp_path: Path) -> None:
    assert Case(tmp_path, OPEN).judge(type="question", turn=0).right is True
    missed = snapshot([message(0, "chatter", no_draft="not_a_question")])
    assert Case(tmp_path, missed).judge(type="question", turn=0).right is False


def test_chatter_is_no_question(tmp_path: Path) -> None:
    assert Case(tmp_path, OPEN, KEPT).judge(type="not_question", turns=[1]).right is True
    taken = snapshot([ASKING, message(1)], draft(0), draft(1, id="drf_2"))
    assert Case(tmp_path, OPEN, taken).judge(type="not_question", turns=[1]).right is False


def test_chatter_within_a_burst_that_asks(tmp_path: Path) -> None:
    one = snapshot([message(0, "chatter", burst=0), message(1, burst=0)], draft(0, 1))
    assert Case(tmp_path, one, one).judge(type="not_question", turns=[0]).right is True


def test_reference_is_resolved(tmp_path: Path) -> None:
    right, wrong = snapshot([ASKING], draft(0)), snapshot([ASKING], draft(0, used=("ship",), nearest="ship"))
    check = {"type": "resolve_reference", "turn": 0, "refers_to": "退款"}
    assert Case(tmp_path, right).judge(**check).right is True
    assert Case(tmp_path, wrong).judge(**check) == (False, "retrieved ship")
    assert Case(tmp_path, wrong).judge(**check, entries=["ship"]).right is True


def test_reference_by_the_nearest_entry_of_an_abstention(tmp_path: Path) -> None:
    held = snapshot([ASKING], draft(0, text=None, used=(), abstained="related_but_not_answering"))
    assert Case(tmp_path, held).judge(type="resolve_reference", turn=0, refers_to="退款").right is True


def test_reference_to_what_the_knowledge_lacks_is_unscored(tmp_path: Path) -> None:
    verdict = Case(tmp_path, OPEN).judge(type="resolve_reference", turn=0, refers_to="股票")
    assert verdict == (None, "nothing_in_knowledge_shares_the_words")


def test_draft_count(tmp_path: Path) -> None:
    assert Case(tmp_path, OPEN).judge(type="draft_count", expect=1).right is True
    assert Case(tmp_path, OPEN).judge(type="draft_count", expect=0).right is False


def test_edited_and_recalled_drafts_are_not_counted(tmp_path: Path) -> None:
    edited = snapshot([ASKING], draft(0, expired="message_edited"), draft(0, id="drf_2"))
    recalled = snapshot([ASKING], draft(0, expired="message_recalled"))
    assert Case(tmp_path, edited).judge(type="draft_count", expect=1).right is True
    assert Case(tmp_path, recalled).judge(type="draft_count", expect=0).right is True


def test_no_draft_with_its_reason(tmp_path: Path) -> None:
    answered = snapshot([message(0, no_draft="human_answered"), CHATTING, STAFF])
    check = {"type": "no_draft", "reason": "human_answered"}
    assert Case(tmp_path, OPEN, KEPT, answered).judge(**check).right is True
    assert Case(tmp_path, OPEN, KEPT, answered).judge(**check, after_turn=2).right is True
    assert Case(tmp_path, OPEN, KEPT, GONE).judge(**check).right is True
    assert Case(tmp_path, OPEN, KEPT, STILL).judge(**check).right is False
    other = snapshot([message(0, no_draft="not_a_question"), CHATTING, STAFF])
    assert Case(tmp_path, OPEN, KEPT, other).judge(**check).right is False


def test_no_draft_for_the_very_message(tmp_path: Path) -> None:
    check = {"type": "no_draft", "reason": "not_a_question"}
    assert Case(tmp_path, OPEN, KEPT).judge(**check, after_turn=1).right is True
    assert Case(tmp_path, OPEN, KEPT).judge(**check, after_turn=0).right is False


def test_burst_not_finished(tmp_path: Path) -> None:
    waiting = snapshot([message(0, None, waiting=True)])
    check = {"type": "no_draft", "reason": "burst_not_finished", "after_turn": 0}
    assert Case(tmp_path, OPEN, at_once=(waiting,)).judge(**check).right is True
    assert Case(tmp_path, OPEN, at_once=(OPEN,)).judge(**check).right is False


def test_no_draft_before_a_turn(tmp_path: Path) -> None:
    check = {"type": "no_draft_before_turn", "turn": 2}
    waiting = snapshot([message(0, None, waiting=True)])
    assert Case(tmp_path, waiting, waiting, STILL).judge(**check).right is True
    assert Case(tmp_path, OPEN, KEPT, STILL).judge(**check).right is False
    # Another member's earlier draft does not count for this member's burst.
    assert Case(tmp_path, OPEN, KEPT).judge(type="no_draft_before_turn", turn=1).right is True


def test_draft_kept(tmp_path: Path) -> None:
    check = {"type": "draft_kept", "after_turn": 2, "reason": "holding_reply_is_not_an_answer"}
    assert Case(tmp_path, OPEN, KEPT, STILL).judge(**check).right is True
    assert Case(tmp_path, OPEN, KEPT, GONE).judge(**check).right is False
    assert Case(tmp_path, OPEN, KEPT, STILL).judge(**check, turn=1).right is False


def test_draft_kept_by_a_burst_that_was_still_open(tmp_path: Path) -> None:
    waiting = snapshot([message(0, None, waiting=True), message(1, None, waiting=True)])
    case = Case(tmp_path, waiting, waiting, STILL)
    assert case.judge(type="draft_kept", after_turn=1, reason="member_reply_is_not_moderator").right is True


def test_draft_expires(tmp_path: Path) -> None:
    check = {"type": "draft_expires", "turn": 0, "at_turn": 2, "reason": "human_answered"}
    assert Case(tmp_path, OPEN, KEPT, GONE).judge(**check).right is True
    assert Case(tmp_path, OPEN, KEPT, STILL).judge(**check).right is False
    early = snapshot([ASKING, CHATTING], draft(0, expired="human_answered"))
    assert Case(tmp_path, OPEN, early, GONE).judge(**check).right is False
    resolved = snapshot([ASKING, CHATTING, STAFF], draft(0, expired="asker_resolved"))
    assert Case(tmp_path, OPEN, KEPT, resolved).judge(**check).right is False


def test_a_topic_may_pass_by_time_alone(tmp_path: Path) -> None:
    gone = [snapshot([ASKING, CHATTING], draft(0, expired="conversation_moved_on"))]
    case = Case(tmp_path, OPEN, *gone, *gone, at_once=(OPEN, KEPT, *gone))
    check = {"type": "draft_expires", "turn": 0, "at_turn": 2}
    assert case.judge(**check, reason="conversation_moved_on").right is True


def test_draft_that_was_not_made_for_the_same_reason(tmp_path: Path) -> None:
    waiting = snapshot([message(0, None, waiting=True), CHATTING])
    never = snapshot([message(0, no_draft="human_answered"), CHATTING, STAFF])
    check = {"type": "draft_expires", "turn": 0, "at_turn": 2, "reason": "human_answered"}
    assert Case(tmp_path, waiting, waiting, never).judge(**check).right is True


@pytest.mark.parametrize("type", [*UNSCORED, "something_new"])
def test_unscored_types_say_so(type: str, tmp_path: Path) -> None:
    verdict = Case(tmp_path, OPEN).judge(type=type, turn=0)
    assert verdict == (None, f"{type}_not_scored" if type in UNSCORED else "unknown_type")


GOOD = {"sender": "珍珍", "role": "member", "text": "能退不", "at": "10:00:00"}
COUNTED = {"type": "draft_count", "expect": 1}


@pytest.mark.parametrize(
    ("turn", "check", "field"),
    [
        ({"role": "guest"}, COUNTED, "turns[1].role"),
        ({"at": "ten"}, COUNTED, "turns[1].at"),
        ({"at": "25:00"}, COUNTED, "turns[1].at"),
        ({"at": "09:59:59"}, COUNTED, "turns[1].at"),
        ({"text": None}, COUNTED, "turns[1].text"),
        ({"text": " "}, COUNTED, "turns[1].text"),
        ({"reply_to": 1}, COUNTED, "turns[1].reply_to"),
        ({"recalls": True}, COUNTED, "turns[1].recalls"),
        ({"type": "video"}, COUNTED, "turns[1].type"),
        ({"conversation": []}, COUNTED, "turns[1].conversation"),
        ({"mentions": "豆苗"}, COUNTED, "turns[1].mentions"),
        ({}, {"type": "draft_count"}, "checks[0].expect"),
        ({}, {"type": "draft_count", "expect": "1"}, "checks[0].expect"),
        ({}, {"expect": 1}, "checks[0].type"),
        ({}, {"type": "question", "turn": 2}, "checks[0].turn"),
        ({}, {"type": "not_question", "turns": []}, "checks[0].turns"),
        ({}, {"type": "questions", "count": 1, "assign": {"谁": [0]}}, "checks[0].assign"),
        ({}, {"type": "no_draft", "reason": "because"}, "checks[0].reason"),
        ({}, {"type": "draft_kept", "after_turn": 0, "reason": []}, "checks[0].reason"),
        ({}, {"type": "resolve_reference", "turn": 0, "refers_to": " "}, "checks[0].refers_to"),
    ],
)
def test_bad_field_is_named(turn: dict[str, Any], check: dict[str, Any], field: str, tmp_path: Path) -> None:
    row = {"id": "d", "turns": [GOOD, GOOD | turn], "checks": [check]}
    with pytest.raises(BadFile) as caught:
        dialogues(file_of(tmp_path, row))
    assert f"line 1, field {field!r}" in str(caught.value)


@pytest.mark.parametrize("field", ["turns", "checks"])
def test_dialogue_without_turns_or_checks(field: str, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=f"field '{field}'"):
        dialogues(file_of(tmp_path, {"id": "d", "turns": [GOOD], "checks": [COUNTED]} | {field: []}))


def test_moments(tmp_path: Path) -> None:
    said = turns(
        ("a", "member", "x", "2026-11-18T23:59:50+08:00"),
        ("a", "staff", "x", "23:59:58"),
        ("a", "member", "x", "0:00"),
        ("a", "member", "x", "2026-11-19 00:05:00"),
    )
    found = [turn.at.isoformat() for turn in dialogue(tmp_path, said, COUNTED).turns]
    assert found[1:] == ["2026-11-18T23:59:58+08:00", "2026-11-19T00:00:00+08:00", "2026-11-19T00:05:00+08:00"]


@pytest.fixture
def _own_logs() -> Iterator[None]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    log.clear()


@pytest.mark.usefixtures("_own_logs")
def test_command_says_what_is_wrong(tmp_path: Path) -> None:
    bad = file_of(tmp_path, {"id": "d", "turns": [GOOD | {"at": "ten"}], "checks": [COUNTED]})
    got = CliRunner().invoke(main, ["dialogues", "--data", str(bad)])
    assert got.exit_code == 2 and f"{bad}, line 1, field 'turns[0].at'" in got.stderr
    good = file_of(tmp_path, {"id": "d", "part": "dev", "turns": [GOOD], "checks": [COUNTED]})
    got = CliRunner().invoke(main, ["dialogues", "--data", str(good), "--part", "held"])
    assert got.exit_code == 2 and "field 'part'" in got.stderr


@pytest.mark.usefixtures("_own_logs")
def test_command_over_knowledge_of_its_own(tmp_path: Path) -> None:
    kb, out = tmp_path / "kb.jsonl", tmp_path / "out.jsonl"
    kb.write_text('{"id": "Refund/1", "question": "请问怎么申请退款", "answer": "在订单页申请。"}\n', "utf-8")
    checks = [COUNTED, COUNTED | {"expect": 3}, {"type": "draft_must_include", "text": "订单"}]
    data = file_of(tmp_path, {"id": "d", "turns": [GOOD | {"text": "请问怎么申请退款"}], "checks": checks})
    got = CliRunner().invoke(main, ["dialogues", "--data", str(data), "--kb", str(kb), "--out", str(out)])
    assert got.exit_code == 0, got.output
    shown = json.loads(got.stdout)
    assert shown["passed"]["value"] == 0.5 and shown["per_type"]["draft_count"]["passed"]["n"] == 2
    assert shown["unscored"] == {"n": 1, "reasons": {"draft_must_include_not_scored": 1}}
    assert [(one["id"], one["check"], one["found"]) for one in shown["failed"]] == [("d", 1, "1 drafts: [0] pending")]
    written = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [(row["id"], row["right"]) for row in written] == [("d#0", True), ("d#1", False), ("d#2", None)]


@pytest.mark.usefixtures("_own_logs")
def test_dialogue_in_a_group_that_is_not_there(tmp_path: Path) -> None:
    kb = tmp_path / "kb.jsonl"
    kb.write_text('{"id": "a", "question": "怎么退款", "answer": "在订单页申请。"}\n', "utf-8")
    data = file_of(tmp_path, {"id": "d", "community": "hemiao-vip", "turns": [GOOD], "checks": [COUNTED]})
    got = CliRunner().invoke(main, ["dialogues", "--data", str(data), "--kb", str(kb)])
    assert got.exit_code == 2 and "field 'community'" in got.stderr


@pytest.fixture
def house(services: Services, clock: ManualClock, owner: Caller, bot: Caller, community: str) -> House:
    return House(services, clock, owner, bot, community)


def test_replayed_dialogue(house: House, tmp_path: Path) -> None:
    house.learn()
    said = turns(
        ("珍珍", "member", "在吗", "10:00:00"),
        ("珍珍", "member", "请问买错了怎么退款呀？", "10:00:03"),
        ("珍珍", "member", "请问多久发货呀？", "10:05:00"),
    )
    said.append({"sender": "珍珍", "role": "member", "at": "10:06:00", "recalls": 2})
    played = Replay(house.services, house.clock, house.community).play(dialogue(tmp_path, said, COUNTED), 1)
    assert played.after[0].waiting(0) and not played.before[2].waiting(1)
    assert [sorted(one.turns) for one in played.before[2].drafts] == [[0, 1]]
    assert played.before[2].answering(1)[0].used == ("refund-wrong",)
    assert [one.expired for one in played.end.answering(3)] == ["message_recalled"]


def test_members_of_another_dialogue_are_strangers(house: House, tmp_path: Path) -> None:
    house.learn()
    replay = Replay(house.services, house.clock, house.community)
    asked = dialogue(tmp_path, turns(("珍珍", "member", "请问多久发货呀？", "10:00:00")), COUNTED)
    first, second = (replay.play(asked, number) for number in (1, 2))
    assert len(first.end.drafts) == len(second.end.drafts) == 1


def test_shipped_dialogues() -> None:
    """Known check types, every scored one in both parts, and enough of them to measure."""
    with as_file(files("evals").joinpath("cases", "dialogues.jsonl")) as path:
        found = dialogues(path)
    checks = [(row.part, check.type) for row in found for check in row.checks]
    types = {part: {type for its, type in checks if its == part} for part in ("dev", "held")}
    assert all(types[part] <= {*SCORED, *UNSCORED} and types[part] >= set(SCORED) for part in types)
    parts = Counter(row.part for row in found)
    assert set(parts) == {"dev", "held"} and min(parts.values()) >= 60
    assert all(2 <= len(row.checks) <= 6 for row in found)
    assert len({row.scene for row in found}) >= 12


@pytest.mark.parametrize("part", ["dev", "held"])
def test_shipped_dialogues_about_complaints(part: str) -> None:
    """Paths that get graver, incidents and what is none, clocks kept and run out, states that people set."""
    with as_file(files("evals").joinpath("cases", "dialogues.jsonl")) as path:
        found = [row for row in dialogues(path) if row.part == part]
    checks = [check for row in found for check in row.checks]
    types = Counter(check.type for check in checks)
    assert sum(any(check.type in CASE_JUDGES for check in row.checks) for row in found) >= 20
    assert min(types[type] for type in ("severity_path", "incident", "state", "sla_breach", "no_complaint")) >= 3
    assert {check.values["count"] > 0 for check in checks if check.type == "incident"} == {True, False}
    assert {check.values.get("expect", True) for check in checks if check.type == "sla_breach"} == {True, False}
    assert any(turn.deed for row in found for turn in row.turns)
