"""What the staff's group is told about a clock: neither the words nor the name of a member."""

from collections.abc import Sequence
from typing import NamedTuple

from core import catalogue
from core.vocabulary import ClockKind, ClockMark
from prompts.loader import render


class Told(NamedTuple):
    """`number` clocks at once, one of which is about `object_id`; `limit` and `left` in minutes. `people` are names of
    the staff who are called, `role` whose turn it is on the ladder."""

    community: str
    kind: ClockKind
    mark: ClockMark
    number: int
    limit: int
    left: int
    object_id: str
    people: Sequence[str]
    role: str | None


def alert(told: Told) -> str:
    """The text."""
    known = catalogue.load("zh-CN")
    roles = [] if told.role is None else [known.get(f"role.{told.role}", told.role)]
    return render(
        "clock/alert",
        community=told.community,
        complaint=told.kind is ClockKind.COMPLAINT,
        mark=told.mark.value,
        count=told.number,
        limit=told.limit,
        left=told.left,
        object=told.object_id,
        people=list(told.people),
        roles=roles,
    )
