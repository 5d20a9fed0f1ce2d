"""The cold-start pack of a group type (冷启动话术包) and the kit of its operators (新人工具包), chosen from entries
that exist. Nothing is made up: what no entry or prompt gives is named as missing.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from pydantic import BaseModel, Field

from agent.steps.pack_plan import Day, Duty, Wanted, label, shipped
from core.vocabulary import Audience, CommunityType, EntryKind, Requires, Scene, Tone
from knowledge.entries import Entry
from knowledge.slots import fill
from prompts.loader import load

MOST_FAQ: Final = 15
LEAST_FAQ: Final = 10
SAME_TOPIC: Final = 2
"""Entries of one first tag, before the pack is filled up with more of the same."""
RULE_PARTS: Final = ("admission", "speech", "ads", "penalties")
_HEADINGS: Final = {"准入": "admission", "发言": "speech", "广告": "ads", "处罚": "penalties"}
_PART: Final = re.compile(r"^(准入|发言|广告|处罚)[:：]\s*(.+)$", re.MULTILINE)
_TAG, _TITLE, _WORDING = 3.0, 2.0, 1.0
_OPENING: Final = "开群"


@dataclass(frozen=True, slots=True, kw_only=True)
class Material(Entry):
    """An approved entry that holds today, with what a pack looks at beside its texts."""

    tags: tuple[str, ...] = ()
    hits: int = 0

    @property
    def own(self) -> bool:
        """It belongs to the community itself, or to one above it."""
        return self.community_id is not None

    def fits(self, group_type: CommunityType) -> bool:
        return not self.group_types or group_type in self.group_types


class Rule(BaseModel):
    """A part of the rules. `source` is the script, or `prompt:` and the prompt file, that it was made from."""

    text: str
    source: str


class Rules(BaseModel):
    admission: Rule
    speech: Rule
    ads: Rule
    penalties: Rule


class Question(BaseModel):
    id: str
    version: int
    title: str
    answer: str


class ScriptText(BaseModel):
    """A script, filled. `requires` says whose approval it needs before it goes out."""

    id: str
    title: str
    text: str
    scene: Scene
    tone: Tone | None
    requires: Requires = Requires.MODERATOR


class Welcome(BaseModel):
    kind: Literal["new_member", "announcement"]
    script_id: str | None
    text: str


class WeekDay(BaseModel):
    """A day of the first week; `script_id` is None where no script of its scenes is there."""

    day: int = Field(ge=1, le=7)
    goal: str
    time: str
    script_id: str | None
    text: str


class Missing(BaseModel):
    """A slot without a value; in the texts it stands as 「待填：…」."""

    slot: str
    label: str


class Pack(BaseModel):
    """`notes` are keys of `pack.note` in the catalogues."""

    group_type: CommunityType
    type_name: str
    theme: str | None
    rules: Rules
    faq: list[Question]
    missing: list[Missing]
    notes: list[str]


class ColdStart(Pack):
    kind: Literal["cold_start"] = "cold_start"
    welcome: list[Welcome]
    first_week: list[WeekDay]


class OperatorKit(Pack):
    kind: Literal["operator_kit"] = "operator_kit"
    crisis: list[ScriptText]
    complaints: list[ScriptText]
    duties: list[Duty]


@dataclass(slots=True)
class _Filler:
    """Fills slots and remembers which had no value."""

    values: Mapping[str, str]
    missing: dict[str, str] = field(default_factory=dict)

    def text(self, text: str) -> str:
        filled = fill(text, self.values)
        named = {name: pending(name) for name in filled.missing}
        self.missing |= {name: label(name) for name in named}
        return fill(text, {**self.values, **named}).text

    def listed(self) -> list[Missing]:
        return [Missing(slot=slot, label=shown) for slot, shown in self.missing.items()]


def pending(slot: str) -> str:
    """How a slot without a value is shown to the person who fills it: 「待填：群主名」."""
    return f"「待填：{label(slot)}」"


def cold_start(wanted: Wanted, entries: Sequence[Material], values: Mapping[str, str], tone: Tone) -> ColdStart:
    """The pack for a new group; `values` fill slots, and `tone` is taken where scripts exist in both."""
    filler = _Filler(values)
    scripts = _scripts(wanted, entries, tone)
    rules, faq = _rules(wanted, scripts, filler), _faq(wanted, entries, filler)
    welcome = _welcome(scripts, filler)
    week = _week(wanted, scripts, filler)
    return ColdStart.model_validate(
        _common(wanted, rules, faq) | {"missing": filler.listed(), "welcome": welcome, "first_week": week}
    )


def operator_kit(wanted: Wanted, entries: Sequence[Material], values: Mapping[str, str], tone: Tone) -> OperatorKit:
    """What somebody who begins to run such a group needs at hand."""
    filler = _Filler(values)
    scripts = _scripts(wanted, entries, tone)
    rules, faq = _rules(wanted, scripts, filler), _faq(wanted, entries, filler)
    crisis = [_shown(one, filler, Requires.MANAGER) for one in scripts if one.scene is Scene.CRISIS]
    complaints = [_shown(one, filler) for one in scripts if one.scene is Scene.COMPLAINT]
    own = {"missing": filler.listed(), "crisis": crisis, "complaints": complaints}
    return OperatorKit.model_validate(
        _common(wanted, rules, faq) | own | {"duties": shipped().types[wanted.type].duties}
    )


def _common(wanted: Wanted, rules: Rules, faq: list[Question]) -> dict[str, object]:
    notes = ["theme_unknown"] if wanted.unknown else []
    notes += ["few_faq"] if len(faq) < LEAST_FAQ else []
    return {
        "group_type": wanted.type,
        "type_name": shipped().types[wanted.type].name,
        "theme": wanted.theme,
        "rules": rules,
        "faq": faq,
        "notes": notes,
    }


def _scripts(wanted: Wanted, entries: Iterable[Material], tone: Tone) -> list[Material]:
    """Scripts that fit the type, the community's own and the type's own first, then in the wanted tone."""
    fitting = [one for one in entries if one.kind is EntryKind.SCRIPT and one.fits(wanted.type)]
    return sorted(fitting, key=lambda one: (not one.own, not one.group_types, one.tone is not tone, one.id))


def _rules(wanted: Wanted, scripts: Iterable[Material], filler: _Filler) -> Rules:
    """From a rules script of the type (or the community) that has all four parts, else from the prompts."""
    for script in scripts:
        parts = rule_parts(script.answer)
        if script.scene is Scene.RULES and (script.group_types or script.own) and len(parts) == len(RULE_PARTS):
            return _as_rules({name: (text, script.id) for name, text in parts.items()}, filler)
    made = {name: _prompted(name, wanted) for name in RULE_PARTS}
    return _as_rules({name: (text, f"prompt:pack/{name}") for name, text in made.items()}, filler)


def _prompted(part: str, wanted: Wanted) -> str:
    prompt = load(f"pack/{part}")
    given = {"group_type": wanted.type.value, "theme": wanted.theme}
    return prompt.render(**{name: given[name] for name in prompt.head.variables})


def rule_parts(text: str) -> dict[str, str]:
    """The parts of a rules script that are written as 准入：…, one on a line."""
    return {_HEADINGS[heading]: part.strip() for heading, part in _PART.findall(text)}


def _as_rules(parts: Mapping[str, tuple[str, str]], filler: _Filler) -> Rules:
    return Rules(**{name: Rule(text=filler.text(text), source=source) for name, (text, source) in parts.items()})


def _faq(wanted: Wanted, entries: Iterable[Material], filler: _Filler) -> list[Question]:
    """Up to `MOST_FAQ` entries, those of the theme and the type first, then those that drafts used most."""
    usable = [
        one
        for one in entries
        if one.kind is EntryKind.FAQ and one.audience is not Audience.OLD and one.fits(wanted.type)
    ]
    most_hits = max((one.hits for one in usable), default=0) or 1
    ranked = sorted(usable, key=lambda one: (-_interest(one, wanted) - one.hits / most_hits, one.id))
    return [
        Question(id=one.id, version=one.version, title=one.title, answer=filler.text(one.answer))
        for one in _varied(ranked)
    ]


def _interest(entry: Material, wanted: Wanted) -> float:
    """How much of the theme and the type speaks from an entry's tags, title and wordings; a theme weighs double."""
    return 2 * _touches(entry, wanted.topics) + _touches(entry, shipped().types[wanted.type].topics)


def _touches(entry: Material, topics: Sequence[str]) -> float:
    """Of the topic that an entry speaks of most; the first of the topics counts twice as much as the last."""
    worth = ((1 - place / (2 * len(topics))) * _of_topic(entry, topic) for place, topic in enumerate(topics))
    return max(worth, default=0.0)


def _of_topic(entry: Material, topic: str) -> float:
    worded = any(topic in text for text in entry.phrasings)
    return _TAG * (topic in entry.tags) + _TITLE * (topic in entry.title) + _WORDING * worded


def _varied(ranked: Sequence[Material]) -> list[Material]:
    """The first `MOST_FAQ`, at most `SAME_TOPIC` of one first tag as long as others are there."""
    counts: Counter[str] = Counter()
    first: list[Material] = []
    later: list[Material] = []
    for one in ranked:
        topic = one.tags[0] if one.tags else ""
        counts[topic] += 1
        (first if counts[topic] <= SAME_TOPIC else later).append(one)
    return [*first, *later][:MOST_FAQ]


def _welcome(scripts: Sequence[Material], filler: _Filler) -> list[Welcome]:
    new = next((one for one in scripts if one.scene is Scene.WELCOME and one.audience is not Audience.OLD), None)
    opening = next((one for one in scripts if one.scene is Scene.ANNOUNCEMENT and _OPENING in one.tags), None)
    greeting, notice = _text_of(new, filler, Scene.WELCOME), _text_of(opening, filler, Scene.ANNOUNCEMENT)
    return [
        Welcome(kind="new_member", script_id=new and new.id, text=greeting),
        Welcome(kind="announcement", script_id=opening and opening.id, text=notice),
    ]


def _week(wanted: Wanted, scripts: Sequence[Material], filler: _Filler) -> list[WeekDay]:
    used: set[str] = set()
    days = []
    for number, day in enumerate(shipped().types[wanted.type].week, 1):
        chosen = _of_day(day, scripts, used)
        used |= {chosen.id} if chosen else set()
        text = _text_of(chosen, filler, day.scenes[0])
        days.append(WeekDay(day=number, goal=day.goal, time=day.time, script_id=chosen and chosen.id, text=text))
    return days


def _of_day(day: Day, scripts: Sequence[Material], used: set[str]) -> Material | None:
    """The script of a day: of its first scene if it can be, with most of its tags, for newcomers or everyone."""
    open_ = [one for one in scripts if one.scene in day.scenes and one.audience is not Audience.OLD]
    fresh = [one for one in open_ if one.id not in used]
    return min(fresh or open_, key=lambda one: _distance(day, one), default=None)


def _distance(day: Day, script: Material) -> tuple[int, int]:
    assert script.scene is not None
    return -len(day.tags.intersection(script.tags)), day.scenes.index(script.scene)


def _shown(script: Material, filler: _Filler, requires: Requires = Requires.MODERATOR) -> ScriptText:
    assert script.scene is not None
    return ScriptText(
        id=script.id,
        title=script.title,
        text=filler.text(script.answer),
        scene=script.scene,
        tone=script.tone,
        requires=requires,
    )


def _text_of(script: Material | None, filler: _Filler, scene: Scene) -> str:
    """The script filled; where there is none, the gap that somebody must fill, named as missing."""
    if script is None:
        filler.missing.setdefault(f"script_{scene.value}", scene.value)
        return pending(f"script_{scene.value}")
    return filler.text(script.answer)
