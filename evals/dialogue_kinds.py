"""The types of checks of a dialogue, with the keys that each is scored by."""

from collections.abc import Callable, Collection, Mapping
from typing import Final, NamedTuple

from core.vocabulary import (
    AbstainedReason,
    CaseState,
    ClockKind,
    ComplaintCategory,
    ExpiredReason,
    NoDraftReason,
    RiskAction,
    RiskLabel,
    RiskLevel,
    Severity,
)

KEPT_REASONS: Final = (
    "holding_reply_is_not_an_answer",
    "partial_answer",
    "member_reply_is_not_moderator",
    "still_open",
    "re_asked_still_open",
)
REASONS: Final = frozenset((*NoDraftReason, *ExpiredReason, *AbstainedReason, *KEPT_REASONS))


class Said(NamedTuple):
    """What the values of a check may speak of: this many turns, by these senders."""

    turns: int
    senders: frozenset[str]


_Valid = Callable[[object, Said], bool]


def _is_turn(value: object, said: Said) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < said.turns


def _turn_list(value: object, said: Said) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_turn(one, said) for one in value)


def _number(value: object, _said: Said) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _flag(value: object, _said: Said) -> bool:
    return isinstance(value, bool)


def _assigned(value: object, said: Said) -> bool:
    return isinstance(value, dict) and all(key in said.senders and _turn_list(own, said) for key, own in value.items())


def _senders(value: object, said: Said) -> bool:
    return isinstance(value, list) and bool(value) and all(one in said.senders for one in value)


def _words(value: object, said: Said) -> bool:
    return (isinstance(value, str) and bool(value.strip())) or _is_turn(value, said)


def _ids(value: object, _said: Said) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(one, str) for one in value)


WHAT: dict[_Valid, str] = {
    _is_turn: "must be the number of a turn",
    _turn_list: "must be a list of turn numbers",
    _number: "must be a number of 0 or more",
    _flag: "must be true or false",
    _assigned: "must be an object of senders to lists of their turn numbers",
    _senders: "must be a list of senders",
    _words: "must be words or the number of a turn",
    _ids: "must be a list of entry ids",
}
"""What to say of a value that is not valid."""


def _members(value: object, said: Said) -> bool:
    return _number(value, said) or _senders(value, said)


def _texts(value: object, _said: Said) -> bool:
    """One text, or several: the words of another list may stand among those that are right too."""
    return isinstance(value, str) or (isinstance(value, list) and all(isinstance(one, str) for one in value))


WHAT[_members] = "must be a number of members or a list of senders"
WHAT[_texts] = "must be text or a list of texts"


def _of(words: Collection[str]) -> _Valid:
    """One of the words, or a list of them."""

    def valid(value: object, _said: Said) -> bool:
        every = value if isinstance(value, list) else [value]
        return bool(every) and all(isinstance(one, str) and one in words for one in every)

    WHAT[valid] = f"must be one of {', '.join(sorted(words))}"
    return valid


_REASON, _SEVERITY, _CATEGORY = _of(REASONS), _of(list(Severity)), _of(list(ComplaintCategory))

SCORED: Final[Mapping[str, Mapping[str, _Valid]]] = {
    "merged_question": {"turns": _turn_list, "count": _number},
    "questions": {"count": _number, "assign?": _assigned},
    "question": {"turn": _is_turn},
    "not_question": {"turns": _turn_list},
    "resolve_reference": {"turn": _is_turn, "refers_to": _words, "entries?": _ids},
    "draft_count": {"expect": _number},
    "no_draft": {"after_turn?": _is_turn, "turn?": _is_turn, "reason": _REASON},
    "no_draft_before_turn": {"turn": _is_turn},
    "draft_kept": {"after_turn": _is_turn, "turn?": _is_turn, "reason?": _REASON},
    "draft_expires": {"turn": _is_turn, "at_turn": _is_turn, "reason": _REASON},
    "complaint": {"category?": _CATEGORY, "min_severity?": _SEVERITY, "accept?": _texts, "turn?": _is_turn},
    "no_complaint": {"turns": _turn_list},
    "severity_path": {"turns": _turn_list, "expect": _SEVERITY},
    "severity_min": {"expect": _SEVERITY, "turn?": _is_turn},
    "incident": {"count": _number, "members?": _members, "category?": _CATEGORY, "window_min?": _number},
    "not_in_incident": {"senders": _senders},
    "state": {"after_turn": _is_turn, "expect": _of(list(CaseState)), "accept?": _texts, "turn?": _is_turn},
    "sla_breach": {"turn": _is_turn, "clock": _of(list(ClockKind)), "expect?": _flag},
    "risk": {
        "turn": _is_turn,
        "label": _of(list(RiskLabel)),
        "level_min?": _of(list(RiskLevel)),
        "action?": _of(list(RiskAction)),
        "accept?": _texts,
        "offence?": _number,
    },
    "no_risk": {"turn": _is_turn},
}
"""The check types that are scored, with the keys that they are scored by; `?` marks those that may be absent."""
UNSCORED: Final = ("answer_must_include", "draft_must_include", "draft_must_not")
"""Words for people, which nothing scores."""
