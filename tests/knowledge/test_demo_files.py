"""The demo knowledge and its cases hold together: ids, slots, dates and counts, read as plain files."""

import datetime as dt
import itertools
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
import yaml

from core.vocabulary import AbstainedReason, Audience, CommunityType, EntryKind, MessageKind, Scene, Tone

ROOT = Path(__file__).parents[2]
DEMO = ROOT / "knowledge" / "demo"
SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
GIVEN_SLOTS = {"member_name", "community_name"}
NAME_SLOTS = {"surname", "given", "baby"}
# Its slot is filled by nobody on purpose: an unfilled slot must end in an abstention.
UNFILLABLE = "faq-courier-phone"
# The demo's calendar is fixed, so that a case can't turn stale as the real one goes on.
TODAY = dt.date(2026, 11, 21)
ABSOLUTE_CLAIMS = ("最", "第一", "100%", "百分百", "全网", "绝对", "保证", "独家", "顶级", "万能", "疗效", "根治")
FILES = [DEMO / f"{name}.yaml" for name in ("communities", "faq", "scripts", "people")] + [
    ROOT / "evals" / path
    for path in ("cases/wordings.jsonl", "cases/outside.jsonl", "fit/gate.jsonl", "fit/questions.jsonl")
]

Row = dict[str, Any]


def _yaml(name: str) -> Any:
    return yaml.safe_load((DEMO / f"{name}.yaml").read_text(encoding="utf-8"))


def _jsonl(path: str) -> list[Row]:
    return [json.loads(line) for line in (ROOT / "evals" / path).read_text(encoding="utf-8").splitlines()]


COMMUNITIES: list[Row] = _yaml("communities")
FAQ: list[Row] = _yaml("faq")
SCRIPTS: list[Row] = _yaml("scripts")
PEOPLE: Row = _yaml("people")
ENTRIES = FAQ + SCRIPTS
WORDINGS = _jsonl("cases/wordings.jsonl")
OUTSIDE = _jsonl("cases/outside.jsonl")
GATE = _jsonl("fit/gate.jsonl")
# All that the gate is fitted on with the demo knowledge.
FITTED = GATE + _jsonl("fit/questions.jsonl")


def _variables(community_id: str | None) -> set[str]:
    """Slots that a community fills, its ancestors' included; `None` is what every community fills."""
    by_id = {row["id"]: row for row in COMMUNITIES}
    at: str | None = community_id or next(row["id"] for row in COMMUNITIES if row["parent"] is None)
    names: set[str] = set()
    while at is not None:
        names |= set(by_id[at]["variables"])
        at = by_id[at]["parent"]
    return names


def _expired(entry: Row) -> bool:
    return entry["valid_until"] is not None and entry["valid_until"] < TODAY


def _slots(entry: Row) -> set[str]:
    return set(SLOT.findall(entry["answer"]))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_file_is_utf8_with_plain_line_ends(path: Path) -> None:
    raw = path.read_bytes()
    assert b"\r" not in raw
    assert raw.decode("utf-8").endswith("\n")


@pytest.mark.parametrize(
    "rows", [COMMUNITIES, ENTRIES, WORDINGS + OUTSIDE + FITTED], ids=["community", "entry", "case"]
)
def test_no_id_stands_twice(rows: list[Row]) -> None:
    assert [name for name, count in Counter(row["id"] for row in rows).items() if count > 1] == []


def test_community_tree_has_one_root_and_known_types() -> None:
    ids = {row["id"] for row in COMMUNITIES}
    assert [row["id"] for row in COMMUNITIES if row["parent"] is None] == ["hemiao"]
    assert {row["parent"] for row in COMMUNITIES} <= ids | {None}
    assert {row["type"] for row in COMMUNITIES} <= set(CommunityType)
    assert {row["channel"] for row in COMMUNITIES} == {"wecom", "wechat", "feishu"}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_entry_is_complete(entry: Row) -> None:
    assert entry["kind"] in set(EntryKind)
    assert entry["audience"] in set(Audience)
    assert entry["title"] and entry["owner"] and entry["tags"]
    assert len(entry["phrasings"]) >= 2
    assert entry["community"] in {row["id"] for row in COMMUNITIES} | {None}
    assert {type(entry[key]) for key in ("valid_from", "valid_until")} <= {dt.date, type(None)}


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_entry_has_no_brace_but_a_slot(entry: Row) -> None:
    wordings = [entry["title"], *entry["phrasings"], SLOT.sub("", entry["answer"])]
    assert not any(mark in text for text in wordings for mark in "{}%")


def test_no_wording_belongs_to_two_entries() -> None:
    counts = Counter(text for entry in ENTRIES for text in [entry["title"], *entry["phrasings"]])
    assert [text for text, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("entry", FAQ, ids=lambda entry: entry["id"])
def test_answer_is_short_and_its_slots_are_filled(entry: Row) -> None:
    assert 30 <= len(entry["answer"]) <= 160
    missing = _slots(entry) - _variables(entry["community"]) - GIVEN_SLOTS
    assert missing == ({"courier_phone"} if entry["id"] == UNFILLABLE else set())


def test_no_community_fills_the_unfillable_slot() -> None:
    assert not any("courier_phone" in _variables(row["id"]) for row in COMMUNITIES)


def test_faq_has_entries_of_every_validity_and_audience() -> None:
    assert len(FAQ) >= 134
    assert sum(_expired(entry) for entry in FAQ) >= 2
    assert any(entry["valid_until"] and entry["valid_until"] > dt.date(2029, 1, 1) for entry in FAQ)
    assert {entry["audience"] for entry in FAQ} == set(Audience)
    assert len({entry["community"] for entry in FAQ}) >= 3


@pytest.mark.parametrize("entry", SCRIPTS, ids=lambda entry: entry["id"])
def test_script_names_its_scene_tone_and_slots(entry: Row) -> None:
    assert entry["scene"] in set(Scene)
    assert entry["tone"] in set(Tone)
    assert set(entry["variables"]) == _slots(entry)
    assert len(entry["variables"]) == len(set(entry["variables"]))


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry["id"])
def test_text_makes_no_absolute_claim(entry: Row) -> None:
    assert [claim for claim in ABSOLUTE_CLAIMS if claim in entry["answer"]] == []


def test_scripts_cover_the_scenes() -> None:
    assert len(SCRIPTS) >= 85
    assert min(Counter(entry["scene"] for entry in SCRIPTS).values()) >= 3
    assert {(entry["scene"], entry["tone"]) for entry in SCRIPTS} == set(itertools.product(Scene, Tone))


def test_scripts_are_for_new_and_old_members_and_for_every_group_type() -> None:
    audiences = Counter(entry["audience"] for entry in SCRIPTS)
    assert audiences["new"] >= 8 and audiences["old"] >= 6
    types = Counter(type for entry in SCRIPTS for type in entry.get("group_types", []))
    assert set(types) == set(CommunityType) - {"organisation"} and min(types.values()) >= 4


# scope: 7
def test_a_topic_for_newcomers_has_its_sequel_for_old_members() -> None:
    by_id = {entry["id"]: entry for entry in FAQ}
    pairs = {entry["tags"][0]: entry for entry in FAQ if "入门" in entry["tags"]}
    sequels = {entry["tags"][0]: entry for entry in FAQ if "进阶" in entry["tags"] and entry["tags"][0] != "进阶"}
    assert len(pairs) >= 4 and set(pairs) == set(sequels)
    assert {entry["audience"] for entry in pairs.values()} == {"new"}
    assert {entry["audience"] for entry in sequels.values()} == {"old"}
    assert by_id["faq-group-guide-new"]["audience"] == "new" and by_id["faq-group-guide-old"]["audience"] == "old"


# scope: 3
@pytest.mark.parametrize(
    "entry", [entry for entry in SCRIPTS if entry["scene"] == "welcome"], ids=lambda entry: entry["id"]
)
def test_welcome_is_filled_by_its_community_alone(entry: Row) -> None:
    assert _slots(entry) - _variables(entry["community"]) - GIVEN_SLOTS == set()
    assert {"member_name", "rules_name", "highlights_name"} <= _slots(entry)


# scope: 9, 100
@pytest.mark.parametrize("group_type", sorted(set(CommunityType) - {"organisation"}))
def test_every_group_type_has_rules_in_four_parts(group_type: str) -> None:
    rules = [one for one in SCRIPTS if one["scene"] == "rules" and one.get("group_types") == [group_type]]
    assert len(rules) == 1
    headings = [line.partition("：")[0] for line in rules[0]["answer"].split("\n")]
    assert headings == ["准入", "发言", "广告", "处罚"]


# scope: 9
@pytest.mark.parametrize("script_id", ["script-rules-full", "script-rules-short"])
def test_rules_have_admission_speech_ads_and_penalties(script_id: str) -> None:
    text = next(entry["answer"] for entry in SCRIPTS if entry["id"] == script_id)
    parts = {"admission": r"填三(道)?题", "speech": "尊重|说话客气", "ads": "广告.*二维码", "penalties": "禁言.*第三次"}
    assert [name for name, pattern in parts.items() if not re.search(pattern, text)] == []


# scope: 25
def test_complaint_script_names_no_amount() -> None:
    texts = [entry["answer"] for entry in SCRIPTS if entry["scene"] == "complaint"]
    assert [text for text in texts if re.search(r"\d+\s*(元|块|个禾豆|折)|[一二三四五六七八九]折", text)] == []


def test_complaint_script_feels_first_and_leaves_amends_to_a_person() -> None:
    scripts = [entry for entry in SCRIPTS if entry["scene"] == "complaint" and "群内回应" not in entry["tags"]]
    parts = [entry["answer"].split("\n") for entry in scripts]
    assert {len(lines) for lines in parts} == {4}
    assert all(re.search("抱歉|道歉|对不起", feeling) for feeling, _, _, _ in parts)
    assert all("{service_hours}" in plan and "{group_manager}" in plan for _, _, plan, _ in parts)
    assert all("负责人" in amends for *_, amends in parts)


def test_people_suffice_for_two_hundred_members() -> None:
    counts = {"surnames": 40, "given_parts": 60, "nicknames": 60, "join_sources": 6, "baby_names": 30}
    for name, least in counts.items():
        assert len(PEOPLE[name]) >= least
        assert len(set(PEOPLE[name])) == len(PEOPLE[name])
    assert {slot for name in PEOPLE["nicknames"] for slot in SLOT.findall(name)} <= NAME_SLOTS


def test_messages_come_in_every_everyday_kind() -> None:
    messages: dict[str, list[str]] = PEOPLE["messages"]
    assert set(messages) == set(MessageKind) - {"other"}
    texts = [text for rows in messages.values() for text in rows]
    assert len(texts) >= 80
    assert {type(text) for text in texts} == {str}
    assert len(set(texts)) == len(texts)


def test_cases_point_to_entries_that_hold_today() -> None:
    live = {entry["id"] for entry in FAQ if not _expired(entry)}
    cases = WORDINGS + OUTSIDE + GATE
    assert [row["id"] for row in cases if not set(row["relevant_ids"]) <= live] == []
    assert [row["id"] for row in cases if row["in_kb"] is not bool(row["relevant_ids"])] == []
    assert all(row["kind"] and row["text"] for row in cases)


def test_no_case_repeats_a_phrasing_or_another_case() -> None:
    known = {text for entry in ENTRIES for text in [entry["title"], *entry["phrasings"]]}
    counts = Counter(row["text"] for row in WORDINGS + OUTSIDE + FITTED)
    assert known & set(counts) == set()
    assert [text for text, count in counts.items() if count > 1] == []


# scope: 1
def test_wordings_are_three_each_of_thirty_entries() -> None:
    counts = Counter(row["relevant_ids"][0] for row in WORDINGS)
    assert len(counts) == 30
    assert set(counts.values()) == {3}
    assert "faq-refund-how" in counts


# scope: 12
def test_outside_questions_cover_the_reasons() -> None:
    counts = Counter(row["reason"] for row in OUTSIDE)
    least = {
        AbstainedReason.NO_ANSWER_IN_KB: 8,
        AbstainedReason.RELATED_BUT_NOT_ANSWERING: 5,
        AbstainedReason.NEEDS_MEMBER_DATA: 3,
        AbstainedReason.POLICY: 2,
        AbstainedReason.STALE_ENTRY: 1,
    }
    assert len(OUTSIDE) == 20
    assert set(counts) == set(least)
    assert all(counts[reason] >= count for reason, count in least.items())


def test_gate_has_every_live_entry_and_enough_outside() -> None:
    live = {entry["id"] for entry in FAQ if not _expired(entry)}
    asked = {found for row in FITTED if "valid_until" not in row for found in row["relevant_ids"]}
    assert asked == live
    kinds = Counter(row["kind"] for row in FITTED if not row["in_kb"])
    assert len(FITTED) >= 900
    assert sum(row["in_kb"] for row in FITTED) >= 600
    assert kinds["out_of_scope"] >= 160
    assert kinds["near_miss"] >= 150
