"""Which complaints are one incident (群体性事件), and what is to be done about one, step by step."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from core.vocabulary import ComplaintCategory

LIKE: Final = 0.45
"""Cosine of two complaints of one category from which they are about the same, by the built-in encoder: of pairs of our
own (`tests/agent/steps/test_incidents.py`) the five about one trouble lie at 0.49–0.74, the five about two troubles at
0.24–0.37."""
_VAGUE: Final = frozenset({ComplaintCategory.OTHER.value})
"""A topic that says nothing of what is complained about: the words have to be alike."""


class Said(NamedTuple):
    """A complaint as it is compared: who, when, about what. `topic` is the category and what it is about, where that
    is known (`product_quality:奶粉`)."""

    case_id: str
    member_id: str | None
    category: str
    topic: str | None
    at: datetime


Cosine = Callable[[str, str], float]
"""Of the words of two cases, by their ids."""


def same_topic(one: Said, other: Said) -> bool:
    """Whether the topics alone say that two complaints are about the same."""
    return one.topic is not None and one.topic == other.topic and one.topic not in _VAGUE


def alike(one: Said, other: Said, cosine: Cosine | None = None) -> bool:
    """Whether two complaints are about the same: by topic, or where category or thing agree, by their words."""
    if same_topic(one, other):
        return True
    thing, others = _thing(one), _thing(other)
    if thing and others and thing != others:
        return False
    related = one.category == other.category or (thing is not None and thing == others)
    return related and cosine is not None and cosine(one.case_id, other.case_id) >= LIKE


def _thing(said: Said) -> str | None:
    return (said.topic or "").partition(":")[2] or None


def crowd(case: Said, related: Sequence[Said], *, window: timedelta, least: int) -> list[Said]:
    """The complaints that make an incident with `case`: of those alike, the most members within one `window`
    (both ends included) that holds it; empty where fewer than `least` different members complain."""
    near = sorted([case, *(one for one in related if one.case_id != case.case_id)], key=lambda one: one.at)
    best: list[Said] = []
    for first in near:
        within = [one for one in near if first.at <= one.at <= first.at + window]
        if case in within and _members(within) > _members(best):
            best = within
    return best if _members(best) >= least else []


def _members(said: Sequence[Said]) -> int:
    return len({one.member_id for one in said if one.member_id is not None})


_FIRST: Final = ("facts", "owner", "evidence")
_LAST: Final = ("statement", "private", "department", "next_update", "solution", "tell", "review")
_OWN: Final[dict[ComplaintCategory, tuple[str, ...]]] = {
    ComplaintCategory.PRODUCT_QUALITY: ("stop_batch", "health"),
    ComplaintCategory.LOGISTICS: ("trace_parcels",),
    ComplaintCategory.REFUND: ("check_orders",),
    ComplaintCategory.SERVICE_ATTITUDE: ("change_contact",),
    ComplaintCategory.PRICE_PROMOTION: ("hold_promotion",),
    ComplaintCategory.POINTS_ACCOUNT: ("freeze_rules",),
    ComplaintCategory.FALSE_ADVERTISING: ("take_down",),
    ComplaintCategory.PRIVACY_HARASSMENT: ("stop_leak",),
    ComplaintCategory.COMMUNITY_ORDER: ("calm_group",),
    ComplaintCategory.OTHER: (),
}


def plan(category: str) -> tuple[str, ...]:
    """The steps (风险预案) for an incident of this category, in order; their words are `incident_step.<key>`."""
    return (*_FIRST, *_OWN[ComplaintCategory(category)], *_LAST)
