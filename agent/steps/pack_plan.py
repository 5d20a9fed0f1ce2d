"""What a group type is given when it starts: read from `agent/lexicons/packs.yaml`, by type, Chinese name or theme."""

from functools import cache
from importlib.resources import files
from typing import Annotated, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from core.errors import BadInput
from core.vocabulary import CommunityType, Scene
from core.yaml_text import load_yaml

FALLBACK: Final = CommunityType.INTEREST
"""The type of a group of which only a theme is known."""
_FILE: Final = "packs.yaml"
_ENDINGS: Final = ("社群", "群组", "用户群", "群", "组")


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Day(_Data):
    """One day of the first week: the scripts of `scenes`, those with `tags` first; `time` as HH:MM."""

    goal: str
    time: Annotated[str, StringConstraints(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")]
    scenes: tuple[Scene, ...]
    tags: frozenset[str]


class Duty(_Data):
    """An item of the operator's check list."""

    when: str
    what: str


class TypePlan(_Data):
    """A group type. `topics` are words of the entries that its members ask for first."""

    name: str
    words: tuple[str, ...]
    topics: tuple[str, ...]
    week: Annotated[tuple[Day, ...], Field(min_length=7, max_length=7)]
    duties: tuple[Duty, ...]


class Theme(_Data):
    """A subject of groups, with the type that groups of this subject mostly are."""

    type: CommunityType
    words: tuple[str, ...]
    topics: tuple[str, ...]


class Plans(_Data):
    """The whole file; `slots` are what people read for a slot that has no value yet."""

    slots: dict[str, str]
    types: dict[CommunityType, TypePlan]
    themes: dict[str, Theme]


class Wanted(NamedTuple):
    """What was asked for. `theme` is the subject as it is shown, `topics` its words; `unknown` a subject that the file
    doesn't have, which counts as no subject."""

    type: CommunityType
    theme: str | None = None
    topics: tuple[str, ...] = ()
    unknown: str | None = None


@cache
def shipped() -> Plans:
    """The plans that ship with the package."""
    return Plans.model_validate(load_yaml(files("agent").joinpath("lexicons", _FILE).read_text("utf-8")))


def label(slot: str) -> str:
    """What a person reads for a slot: 群主名 for `group_manager`; a slot of one's own is its own name."""
    return shipped().slots.get(slot, slot)


def read(group_type: str, theme: str | None = None) -> Wanted:
    """Who asks for `fans`, 粉丝群 or 母婴, and perhaps for a theme beside it.

    Raises `BadInput` `group_type_unknown` for an English word that is no type, and for 总群.
    """
    found = _type(group_type)
    if theme:
        return _themed(found, theme) if found else _named(group_type, theme)
    return Wanted(found) if found else _themed(None, group_type)


def _type(text: str) -> CommunityType | None:
    """Raises as `read`."""
    word = text.strip().lower()
    plans = shipped().types
    if word in plans:
        return CommunityType(word)
    if word.isascii() or word in (CommunityType.ORGANISATION, "总群"):
        raise BadInput("group_type_unknown", extra={"field": "group_type"}, types="、".join(plans))
    bare = _bare(word)
    return next((one for one, plan in plans.items() if word == plan.name or bare in plan.words), None)


def _bare(word: str) -> str:
    """粉丝 for 粉丝社群."""
    ending = next((one for one in _ENDINGS if word.endswith(one) and word != one), "")
    return word.removesuffix(ending)


def _named(group_type: str, theme: str) -> Wanted:
    """The type is a theme itself (母婴), and a theme stands beside it: the beside one is the finer, if it is known."""
    finer = _themed(None, theme)
    return finer if finer.unknown is None else _themed(None, group_type)


def _themed(found: CommunityType | None, theme: str) -> Wanted:
    for name, known in shipped().themes.items():
        if any(word in theme for word in known.words):
            return Wanted(found or known.type, name, known.topics)
    return Wanted(found or FALLBACK, unknown=theme.strip())
