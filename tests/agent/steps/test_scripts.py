"""Which script suits a scene, a group, a member."""

from typing import Any

import pytest

from agent.steps import scenes, scripts
from agent.steps.scripts import Place
from core.vocabulary import Audience, CommunityType, EntryKind, Scene, Tone
from knowledge.entries import Entry
from tests.made import candidate, entry

PLACE = Place(CommunityType.FANS, ("vip", "root"), Tone.FRIENDLY, {"group_manager": "小穗", "member_name": "果果"})


def _script(script_id: str, answer: str = "欢迎 {member_name}", **values: Any) -> Entry:
    return entry(
        answer, script_id, **({"kind": EntryKind.SCRIPT, "scene": Scene.WELCOME, "tone": Tone.FRIENDLY} | values)
    )


def _chosen(*given: Entry, audience: Audience | None = None, tone: Tone | None = None) -> list[str]:
    return [one.id for one in scripts.choose(given, Scene.WELCOME, PLACE, audience, tone)]


# scope: 7
@pytest.mark.parametrize(("audience", "expected"), [(Audience.NEW, "入门"), (Audience.OLD, "进阶")])
def test_new_members_get_the_beginning_and_old_ones_more(audience: Audience, expected: str) -> None:
    given = [
        _script("a-all", "大家好"),
        _script("b-new", "入门", audience=Audience.NEW),
        _script("c-old", "进阶", audience=Audience.OLD),
    ]
    chosen = scripts.choose(given, Scene.WELCOME, PLACE, audience, None)
    made = scripts.first_complete(chosen, PLACE.values)
    assert made is not None and (made.text, made.audience) == (expected, audience)
    assert len(chosen) == 2


# scope: 100
def test_the_group_s_own_comes_before_its_type_s_and_other_types_are_out() -> None:
    order = _chosen(
        _script("any"),
        _script("fans", group_types=(CommunityType.FANS,)),
        _script("partner", group_types=(CommunityType.PARTNER,)),
        _script("root", community_id="root"),
        _script("vip", community_id="vip"),
    )
    assert order == ["vip", "root", "fans", "any"]


def test_a_tone_that_is_asked_for_excludes_and_the_group_s_own_prefers() -> None:
    given = (_script("a", tone=Tone.PROFESSIONAL), _script("b"), _script("c", tone=None))
    assert _chosen(*given) == ["b", "c", "a"]
    assert _chosen(*given, tone=Tone.PROFESSIONAL) == ["a", "c"]


def test_without_an_audience_a_welcome_is_for_newcomers_and_never_first_for_old_members() -> None:
    given = (_script("a-old", audience=Audience.OLD), _script("b-all"), _script("c-new", audience=Audience.NEW))
    assert _chosen(*given) == ["c-new", "b-all", "a-old"]


# scope: 3
def test_only_a_script_that_can_be_filled_to_the_last_slot_goes_out() -> None:
    gap, whole = _script("a", "{member_name}，{event_name}见"), _script("b", "{member_name}，我是{group_manager}")
    made = scripts.first_complete([gap, whole], PLACE.values)
    assert made is not None and (made.script_id, made.text) == ("b", "果果，我是小穗")
    assert scripts.first_complete([gap], PLACE.values) is None


# scope: 5
def test_three_are_suggested_best_first_with_what_they_lack() -> None:
    found = [
        candidate(_script("complaint", "抱歉，{case_owner}跟进", scene=Scene.COMPLAINT), 0.5),
        candidate(_script("welcome"), 0.55),
        candidate(_script("old", scene=Scene.COMPLAINT), 0.9, expired=True),
        candidate(_script("partner", group_types=(CommunityType.PARTNER,)), 0.9),
        *(candidate(_script(f"z{n}"), 0.2) for n in range(3)),
    ]
    made = scripts.suggest(found, {Scene.COMPLAINT: 1.0}, PLACE)
    assert [one.script_id for one in made] == ["complaint", "welcome", "z0"]
    assert made[0].score == pytest.approx(0.5 + scripts.SCENE - scripts.UNFILLED)
    assert made[0].text == "抱歉，「待填：负责人」跟进"
    assert [(one.slot, one.label) for one in made[0].missing] == [("case_owner", "负责人")]
    assert made[1].text == "欢迎 果果" and made[1].missing == []


def test_crisis_scripts_say_that_a_manager_must_approve() -> None:
    found = [candidate(_script("crisis", "说明", scene=Scene.CRISIS), 0.5), candidate(_script("plain", "好"), 0.5)]
    made = {one.script_id: one.requires for one in scripts.suggest(found, {}, PLACE)}
    assert made == {"crisis": "manager", "plain": "moderator"}


@pytest.mark.parametrize(
    ("text", "scene"),
    [
        ("你们客服态度太差了，我要投诉", Scene.COMPLAINT),
        ("大家一起去维权，找記者曝光", Scene.CRISIS),
        ("新人报到，请多关照", Scene.WELCOME),
        ("有人在群里发广告二维码", Scene.WARNING),
        ("今天娃生日啦", Scene.BIRTHDAY),
        ("忘了签到怎么补签", Scene.CHECK_IN),
    ],
)
def test_words_tell_the_scene(text: str, scene: Scene) -> None:
    found = scenes.guess(text)
    assert max(found, key=lambda one: found[one]) is scene


def test_a_text_without_such_words_has_no_scene() -> None:
    assert scenes.guess("阿巴阿巴") == {}
