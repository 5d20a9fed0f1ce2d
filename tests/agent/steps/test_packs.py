"""Packs, made from the demo's own entries and from none at all."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from agent.steps import pack_plan, packs
from agent.steps.packs import RULE_PARTS, ColdStart, Material, OperatorKit
from core.errors import BadInput
from core.vocabulary import Audience, CommunityType, Scene, Tone
from knowledge.entry_in import EntryIn
from knowledge.slots import slots

PLAIN: dict[str, Any] = {"version": 1, "variables": (), "community_id": None, "valid_from": None, "valid_until": None}
DEMO = Path(__file__).parents[3] / "knowledge" / "demo"
TYPES = [one for one in CommunityType if one is not CommunityType.ORGANISATION]
VALUES = {"group_manager": "豆苗", "community_name": "新手妈妈群", "service_hours": "每天9:00–21:00"}


def _entries() -> list[EntryIn]:
    rows = [row for name in ("faq", "scripts") for row in yaml.safe_load((DEMO / f"{name}.yaml").read_text("utf-8"))]
    return [EntryIn.model_validate(row) for row in rows if row["community"] is None]


def _material(entry: EntryIn, **values: Any) -> Material:
    given: dict[str, Any] = {
        name: getattr(entry, name) for name in ("id", "kind", "title", "answer", "scene", "audience", "tone")
    }
    listed = {name: tuple(getattr(entry, name)) for name in ("phrasings", "group_types", "tags")}
    return Material(**(PLAIN | given | listed | values))


ENTRIES = [_material(entry) for entry in _entries()]


def _start(group_type: str, theme: str | None = None, entries: list[Material] = ENTRIES) -> ColdStart:
    return packs.cold_start(pack_plan.read(group_type, theme), entries, VALUES, Tone.FRIENDLY)


def _kit(group_type: str) -> OperatorKit:
    return packs.operator_kit(pack_plan.read(group_type), ENTRIES, VALUES, Tone.FRIENDLY)


def _texts(pack: ColdStart) -> list[str]:
    rules = [getattr(pack.rules, part).text for part in RULE_PARTS]
    days = [day.text for day in pack.first_week]
    return [*rules, *days, *(one.text for one in pack.welcome), *(one.answer for one in pack.faq)]


# scope: 4
def test_one_call_makes_the_pack_of_a_theme() -> None:
    pack = _start("母婴")
    assert (pack.group_type, pack.theme, pack.notes) == (CommunityType.INTEREST, "母婴", [])
    assert 10 <= len(pack.faq) <= 15
    assert [one.kind for one in pack.welcome] == ["new_member", "announcement"]
    assert [one.day for one in pack.first_week] == list(range(1, 8))
    assert all(re.fullmatch(r"\d\d:\d\d", one.time) and one.goal and one.script_id for one in pack.first_week)
    about = "宝宝|奶|纸尿裤|婴儿床|尺码|床|推车|讲师|妈妈|尿"
    assert sum(bool(re.search(about, one.title + one.answer)) for one in pack.faq) >= 8


# scope: 4
@pytest.mark.parametrize("group_type", TYPES)
def test_every_type_has_a_whole_pack_of_scripts_that_fit_it(group_type: CommunityType) -> None:
    pack = _start(group_type.value)
    by_id = {one.id: one for one in ENTRIES}
    ids = [day.script_id for day in pack.first_week] + [one.script_id for one in pack.welcome]
    used = [by_id[one] for one in ids if one]
    assert len(used) == 9 and len({one.script_id for one in pack.first_week}) == 7
    assert all(group_type in one.group_types or not one.group_types for one in used)
    assert Audience.OLD not in {one.audience for one in used}
    assert 10 <= len({one.id for one in pack.faq}) <= 15
    assert not any(by_id[one.id].audience is Audience.OLD for one in pack.faq)


# scope: 9, 100
@pytest.mark.parametrize("entries", [ENTRIES, []], ids=["scripts", "prompts"])
def test_type_sets_rules_with_four_parts_of_their_own(entries: list[Material]) -> None:
    wanted = {"admission": "进群|可进", "speech": "不", "ads": "广告|推广", "penalties": "30天内再犯.*第三次"}
    texts: dict[str, set[str]] = {part: set() for part in RULE_PARTS}
    for group_type in TYPES:
        rules = _start(group_type.value, entries=entries).rules
        for part, pattern in wanted.items():
            text = getattr(rules, part).text
            assert re.search(pattern, text), (group_type, part, text)
            texts[part].add(text)
    assert {part: len(some) for part, some in texts.items()} == dict.fromkeys(RULE_PARTS, len(TYPES))


# scope: 9
def test_rules_come_from_the_type_s_script_and_else_from_prompts() -> None:
    assert {getattr(_start("fans").rules, part).source for part in RULE_PARTS} == {"script-rules-fans"}
    without = [one for one in ENTRIES if one.id != "script-rules-fans"]
    sources = {getattr(_start("fans", entries=without).rules, part).source for part in RULE_PARTS}
    assert sources == {f"prompt:pack/{part}" for part in RULE_PARTS}


def test_a_community_s_own_rules_go_before_those_of_the_type() -> None:
    own = next(entry for entry in _entries() if entry.id == "script-rules-full")
    pack = _start("fans", entries=[*ENTRIES, _material(own, id="script-own", community_id="mama")])
    assert pack.rules.ads.source == "script-own"


# scope: 10
@pytest.mark.parametrize("group_type", TYPES)
def test_kit_holds_rules_questions_crisis_complaints_and_duties(group_type: CommunityType) -> None:
    kit = _kit(group_type.value)
    assert len(kit.faq) >= 10 and len(kit.duties) >= 5
    assert len(kit.crisis) >= 3 and {one.requires for one in kit.crisis} == {"manager"}
    assert len(kit.complaints) >= 8 and {one.scene for one in kit.complaints} == {Scene.COMPLAINT}
    assert "「待填：负责人」" in kit.crisis[0].text


# scope: 4
@pytest.mark.parametrize("group_type", ["interest", "母婴", "partner"])
def test_no_placeholder_is_left_and_each_gap_is_named(group_type: str) -> None:
    pack = _start(group_type)
    gaps = set(re.findall("「待填：([^」]+)」", "\n".join(_texts(pack))))
    assert [text for text in _texts(pack) if slots(text)] == []
    assert gaps == {one.label for one in pack.missing}
    assert "成员称呼" in gaps and "群主名" not in gaps and not any("_" in label for label in gaps)
    assert any("豆苗" in text for text in _texts(pack))


def test_a_value_that_looks_like_a_slot_is_not_filled_again() -> None:
    values = VALUES | {"member_name": "{group_manager}"}
    pack = packs.cold_start(pack_plan.read("interest"), ENTRIES, values, Tone.FRIENDLY)
    assert "{group_manager}" in pack.welcome[0].text


def test_without_any_knowledge_the_gaps_are_named() -> None:
    pack = _start("interest", entries=[])
    assert pack.faq == [] and pack.notes == ["few_faq"]
    assert {one.script_id for one in pack.first_week} == {None}
    assert pack.welcome[0].text == "「待填：欢迎话术」"
    assert "script_welcome" in {one.slot for one in pack.missing}


def test_what_drafts_used_most_comes_first_among_equals() -> None:
    plain = next(entry for entry in _entries() if entry.id == "faq-track")
    rows = [_material(plain, id=f"faq-{n}", hits=n, tags=(str(n),)) for n in range(20)]
    assert [one.id for one in _start("service", entries=rows).faq][:2] == ["faq-19", "faq-18"]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("fans", "fans"),
        ("FANS ", "fans"),
        ("粉丝群", "fans"),
        ("会员粉丝群", "fans"),
        ("客服", "service"),
        ("知识社群", "knowledge"),
        ("合作伙伴群", "partner"),
        ("产品线", "product"),
        ("宝妈群", "interest"),
        ("读书会", "knowledge"),
    ],
)
def test_a_type_is_read_by_wire_value_chinese_name_or_theme(said: str, found: str) -> None:
    assert pack_plan.read(said).type == found


def test_a_theme_stands_beside_a_type() -> None:
    wanted = pack_plan.read("fans", "母婴用品")
    assert (wanted.type, wanted.theme, wanted.unknown) == (CommunityType.FANS, "母婴", None)
    assert pack_plan.read("母婴", "钓鱼").theme == "母婴"


def test_an_unknown_theme_falls_back_to_the_type_with_a_note() -> None:
    assert (_start("fans", "钓鱼").group_type, _start("fans", "钓鱼").notes) == ("fans", ["theme_unknown"])
    assert (_start("钓鱼").group_type, _start("钓鱼").notes) == ("interest", ["theme_unknown"])


@pytest.mark.parametrize("said", ["organisation", "总群", "intrest", "  "])
def test_no_group_type(said: str) -> None:
    with pytest.raises(BadInput, match="group_type_unknown"):
        pack_plan.read(said)


def test_plans_name_every_slot_of_the_demo_and_every_scene() -> None:
    used = {name for one in ENTRIES for name in slots(one.answer)}
    assert used | {f"script_{scene.value}" for scene in Scene} <= set(pack_plan.shipped().slots)
    assert set(pack_plan.shipped().types) == set(TYPES)
