"""Which complaints are one incident (群体性事件), and what is to be done about one, step by step."""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Final, NamedTuple

from agent.steps.incident_words import Words
from core.vocabulary import ComplaintCategory

LIKE: Final = 0.45
"""Cosine of two complaints of one category from which they are about the same, by the built-in encoder: of pairs of our
own (`tests/agent/steps/test_incidents.py`) the five about one trouble lie at 0.49–0.74, the five about two troubles at
0.24–0.37."""


class Said(NamedTuple):
    """A complaint as it is compared: who, when, about what, in which words. `topic` is the category and what it is
    about, where that is known (`product_quality:奶粉`); the bare category is a vague topic."""

    case_id: str
    member_id: str | None
    category: str
    topic: str | None
    at: datetime
    words: Words = Words(frozenset(), frozenset(), echoes=False)


Cosine = Callable[[str, str], float]
"""Of the words of two cases, by their ids."""
Links = Mapping[str, Collection[str]]
"""Which cases are alike, by their ids, both ways."""


def alike(one: Said, other: Said, cosine: Cosine | None = None, *, next_to: bool = False) -> bool:
    """Whether two complaints are about the same: by topic, by a telling word, by an echo, or where category or thing
    agree, by their words' likeness. `next_to`: nobody complained of anything in between."""
    if not comparable(one, other):
        return False
    thing = _thing(one)
    if one.category == other.category and (
        (thing is not None and thing == _thing(other)) or _told(one, other, next_to)
    ):
        return True
    return not _elsewhere(one, other) and cosine is not None and cosine(one.case_id, other.case_id) >= LIKE


def comparable(one: Said, other: Said) -> bool:
    """Whether two complaints can be about the same: of one category or thing, never about two things."""
    thing, others = _thing(one), _thing(other)
    if thing and others:
        return thing == others
    return one.category == other.category


def _told(one: Said, other: Said, next_to: bool) -> bool:
    """By words: one that tells what it is about is shared, or the later says that it is the same there. What is wrong
    with a product (漏水) tells nothing by itself; of anything else it does (清零)."""
    if one.words.telling & other.words.telling:
        return True
    faulty = bool(one.words.faults & other.words.faults)
    if max(one, other, key=_order).words.echoes:
        return next_to or faulty
    return faulty and one.category != ComplaintCategory.PRODUCT_QUALITY


def _elsewhere(one: Said, other: Said) -> bool:
    """Whether two products have one fault (水杯漏水, 雨鞋漏水): it makes the words alike, but not the matter."""
    ours, theirs = one.words, other.words
    if one.category != ComplaintCategory.PRODUCT_QUALITY or one.category != other.category:
        return False
    return bool(ours.faults & theirs.faults and ours.telling and theirs.telling) and not ours.telling & theirs.telling


def _thing(said: Said) -> str | None:
    return (said.topic or "").partition(":")[2] or None


def _order(said: Said) -> tuple[datetime, str]:
    return said.at, said.case_id


def links(said: Sequence[Said], cosine: Cosine | None = None) -> dict[str, set[str]]:
    """Which of a group's complaints are alike. `said` are all that came in between too."""
    ordered = sorted(said, key=_order)
    found: dict[str, set[str]] = {one.case_id: set() for one in ordered}
    for place, one in enumerate(ordered):
        for distance, other in enumerate(ordered[place + 1 :], 1):
            if alike(one, other, cosine, next_to=distance == 1):
                found[one.case_id].add(other.case_id)
                found[other.case_id].add(one.case_id)
    return found


def chain(case: Said, said: Sequence[Said], linked: Links) -> list[Said]:
    """`case` and what hangs together with it among `said`, by however many steps, the fewest first. A vague complaint
    between two things joins the nearer one: the chain is about one thing."""
    found, thing = [case], _thing(case)
    rest = sorted((one for one in said if one.case_id != case.case_id), key=lambda one: abs(one.at - case.at))
    for one in found:
        for other in [other for other in rest if other.case_id in linked[one.case_id]]:
            if thing and _thing(other) not in (None, thing):
                continue
            thing = thing or _thing(other)
            found.append(other)
            rest.remove(other)
    return found


def crowd(case: Said, said: Sequence[Said], linked: Links, *, window: timedelta, least: int) -> list[Said]:
    """The complaints that make an incident with `case`: of those that hang together with it within one `window` (both
    ends included), the most members; oldest first, empty where fewer than `least` different members complain."""
    near = chain(case, said, linked)
    best: list[Said] = []
    for first in sorted(near, key=_order):
        within = [one for one in near if first.at <= one.at <= first.at + window]
        if case in within and _members(within) > _members(best):
            best = max(best, chain(case, within, linked), key=_members)
    return sorted(best, key=_order) if _members(best) >= least else []


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
