"""A segment (人群): a typed tree that says which members are meant. It holds no consent: who may be written to is
decided by the rules of whoever writes (`agent/steps/campaign_rules.py`), so that no definition can leave an opt-out
aside.

    {"op": "and", "of": [{"op": "activity", "in": ["dormant"]}, {"op": "joined", "days_ago_least": 180}]}

Days are full days of 24 hours before the moment of asking. Everything is seen from within the communities that the
asker may see: stays, messages and events elsewhere count for nothing.
"""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Final, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from core.errors import BadInput
from core.vocabulary import Activity, EventType

MOST_DEPTH: Final = 6
MOST_NODES: Final = 60
_MOST_NAMES: Final = 50
FIRST_YEAR: Final = 1990
_YEARS: Final = range(FIRST_YEAR, 9_000)


def _plausible(day: date) -> date:
    # The ends of the calendar overflow when a day is added or the day is turned into UTC.
    if day.year not in _YEARS:
        raise ValueError(f"a year from {FIRST_YEAR} to 8999")
    return day


_Day = Annotated[date, AfterValidator(_plausible)]
_Days = Annotated[int, Field(ge=0, le=36_500)]
_Name = Annotated[str, Field(min_length=1, max_length=120)]
_Names = Annotated[tuple[_Name, ...], Field(min_length=1, max_length=_MOST_NAMES)]


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class And(_Node):
    """All of these hold."""

    op: Literal["and"] = "and"
    of: Annotated[tuple["Node", ...], Field(min_length=1, max_length=20)]


class Or(_Node):
    """At least one of these holds."""

    op: Literal["or"] = "or"
    of: Annotated[tuple["Node", ...], Field(min_length=1, max_length=20)]


class Not(_Node):
    """This doesn't hold."""

    op: Literal["not"] = "not"
    of: "Node"


class Everyone(_Node):
    """Whoever has, or had, a stay."""

    op: Literal["everyone"] = "everyone"


class InCommunity(_Node):
    """Has, or had, a stay in one of these communities, by id (their sub-groups are not meant)."""

    op: Literal["community"] = "community"
    in_: _Names = Field(alias="in")


class OnChannel(_Node):
    """Can be reached on one of these channels: has an identity there."""

    op: Literal["channel"] = "channel"
    in_: _Names = Field(alias="in")


class HasActivity(_Node):
    """The activity axis: exited, dormant, lapsed, new, core, active, silent."""

    op: Literal["activity"] = "activity"
    in_: Annotated[tuple[Activity, ...], Field(min_length=1, max_length=len(Activity))] = Field(alias="in")


class Joined(_Node):
    """A stay (in one of the communities of `in`, if given) began between two days (both inclusive, in the reporting
    time zone), or so many full days ago."""

    op: Literal["joined"] = "joined"
    in_: _Names | None = Field(None, alias="in")
    from_: _Day | None = Field(None, alias="from")
    to: _Day | None = None
    days_ago_least: _Days | None = None
    days_ago_most: _Days | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        _some(self.from_, self.to, self.days_ago_least, self.days_ago_most)
        _ordered(self.from_, self.to)
        _ordered(self.days_ago_least, self.days_ago_most)
        return self


class LastActive(_Node):
    """The last sign of the member is so many full days old; who never gave one counts from joining."""

    op: Literal["last_active"] = "last_active"
    days_ago_least: _Days | None = None
    days_ago_most: _Days | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        _some(self.days_ago_least, self.days_ago_most)
        _ordered(self.days_ago_least, self.days_ago_most)
        return self


Deed = Literal["message"] | EventType


class Performed(_Node):
    """Did this at least so often, ever or within the last days: wrote a message, or an event of this type came in."""

    op: Literal["performed"] = "performed"
    what: Deed
    times: Annotated[int, Field(ge=1, le=100_000)] = 1
    within_days: Annotated[int, Field(ge=1, le=36_500)] | None = None


class NotPerformed(_Node):
    """Didn't do this at all, ever or within the last days."""

    op: Literal["not_performed"] = "not_performed"
    what: Deed
    within_days: Annotated[int, Field(ge=1, le=36_500)] | None = None


class FromSource(_Node):
    """Came by one of these sources (the stay's, or the member's)."""

    op: Literal["source"] = "source"
    in_: _Names = Field(alias="in")


Node = Annotated[
    And
    | Or
    | Not
    | Everyone
    | InCommunity
    | OnChannel
    | HasActivity
    | Joined
    | LastActive
    | Performed
    | NotPerformed
    | FromSource,
    Field(discriminator="op"),
]
for _model in (And, Or, Not):
    _model.model_rebuild()


def _bounded(raw: object) -> object:
    """Refuses a tree that is too deep or too large before it is walked by anything recursive."""
    nodes, todo = 0, [(raw, 1)]
    while todo:
        node, depth = todo.pop()
        nodes += 1
        if depth > MOST_DEPTH or nodes > MOST_NODES:
            raise ValueError(f"a segment has at most {MOST_NODES} conditions, {MOST_DEPTH} deep")
        below = node.get("of") if isinstance(node, dict) else getattr(node, "of", None)
        inner = below if isinstance(below, list | tuple) else [] if below is None else [below]
        todo += [(one, depth + 1) for one in inner]
    return raw


Segment = Annotated[Node, BeforeValidator(_bounded)]
"""The field type of a whole definition."""
_ADAPTER: TypeAdapter[Any] = TypeAdapter(Segment)


def parse(raw: object) -> Node:
    """A definition from plain data. Raises `BadInput` `segment_invalid` with the place and what is wrong there."""
    try:
        found: Node = _ADAPTER.validate_python(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "segment"
        raise BadInput("segment_invalid", extra={"field": place}, place=place, why=first["msg"]) from None
    return found


def dump(segment: Node) -> dict[str, Any]:
    """Plain data that `parse` reads back."""
    plain: dict[str, Any] = _ADAPTER.dump_python(segment, mode="json", by_alias=True, exclude_none=True)
    return plain


def leaves(segment: Node) -> Iterator[Node]:
    """All conditions, without the `and`, `or` and `not` that join them."""
    if isinstance(segment, And | Or):
        for inner in segment.of:
            yield from leaves(inner)
    elif isinstance(segment, Not):
        yield from leaves(segment.of)
    else:
        yield segment


def communities(segment: Node) -> frozenset[str]:
    """The ids of all communities that are named in it."""
    named = (leaf.in_ or () for leaf in leaves(segment) if isinstance(leaf, InCommunity | Joined))
    return frozenset(one for ids in named for one in ids)


def _some(*values: object) -> None:
    if all(value is None for value in values):
        raise ValueError("at least one limit is needed")


def _ordered(low: Any, high: Any) -> None:
    if low is not None and high is not None and low > high:
        raise ValueError("the lower limit is above the upper one")
