"""Judges what became of complaints, of their clocks, of incidents, and of the risk of a message."""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from core.vocabulary import CaseState, MessageKind, RiskLevel, Severity
from evals.replay import Recording
from evals.seen import CaseSeen, Snapshot
from evals.verdicts import Verdict, moment_after

_ORDER: Final = list(Severity)
_LEVELS: Final = list(RiskLevel)

Values = Mapping[str, Any]


def _several(value: object) -> list[Any]:
    """A value that may stand alone or in a list."""
    return value if isinstance(value, list) else [] if value is None else [value]


def _complaint(values: Values, recording: Recording) -> Verdict:
    """A case of this kind, or of one that is right too, at least as grave; of this turn where one is named."""
    found = _of_turn(recording.end, values.get("turn"))
    wanted = {*_several(values.get("category")), *_several(values.get("accept"))}
    least = Severity(values.get("min_severity", Severity.LOW))
    right = any((not wanted or one.category in wanted) and Severity(one.severity).at_least(least) for one in found)
    return Verdict(right, _cases_told(found))


def _no_complaint(values: Values, recording: Recording) -> Verdict:
    """These turns belong to no case, and nothing of them was read as a complaint of its own."""
    found = [one for turn in values["turns"] for one in _of_turn(recording.end, turn)]
    messages = recording.end.messages
    read = [turn for turn in values["turns"] if turn in messages and messages[turn].kind == MessageKind.COMPLAINT]
    said = f"; turns {read} were read as complaints" if read else ""
    return Verdict(not found and not read, _cases_told(found) + said)


def _of_turn(snapshot: Snapshot, turn: int | None) -> list[CaseSeen]:
    """The cases that a turn belongs to, without dismissed ones where none is named."""
    if turn is None:
        return [one for one in snapshot.cases if one.state != CaseState.DISMISSED]
    return [one for one in snapshot.cases if turn in one.turns]


def _severity_path(values: Values, recording: Recording) -> Verdict:
    """How grave the sender's complaint was after each of these turns: never less than before, each at most one step
    from what was expected, and the last as expected."""
    expected = [Severity(one) for one in _several(values["expect"])]
    turns: Sequence[int] = values["turns"]
    if len(expected) != len(turns):
        return Verdict(None, "turns_and_expect_differ_in_length")
    path = [_gravity(recording, turn) for turn in turns]
    told = "→".join(one or "none" for one in path)
    got = [one for one in path if one is not None]
    if len(got) < len(path):
        return Verdict(False, told)
    near = all(abs(_ORDER.index(one) - _ORDER.index(want)) <= 1 for one, want in zip(got, expected, strict=True))
    rises = all(later.at_least(one) for one, later in pairwise(got))
    return Verdict(near and rises and got[-1] is expected[-1], told)


def _gravity(recording: Recording, turn: int) -> Severity | None:
    """Of the case that the turn belongs to; where it belongs to none, of its sender's newest."""
    snapshot = moment_after(recording, turn, [turn])
    found = _of_turn(snapshot, turn) or _of_sender(recording, snapshot, recording.dialogue.turns[turn].sender)
    return Severity(found[-1].severity) if found else None


def _of_sender(recording: Recording, snapshot: Snapshot, sender: str) -> list[CaseSeen]:
    return [one for one in snapshot.cases if _member(recording, one) == sender]


def _member(recording: Recording, case: CaseSeen) -> str:
    return recording.dialogue.turns[case.opened_by].sender


def _severity_min(values: Values, recording: Recording) -> Verdict:
    """The gravest case is at least this grave."""
    least = max(_several(values["expect"]), key=_ORDER.index)
    found = _of_turn(recording.end, values.get("turn"))
    return Verdict(any(Severity(one.severity).at_least(Severity(least)) for one in found), _cases_told(found))


def _incident(values: Values, recording: Recording) -> Verdict:
    """This many incidents; one of them, where that is said, with these members, of this category, its complaints no
    further apart than the window. Several may have the same number of members: then all that are counted have."""
    snapshot = recording.end
    held = {one.id: [case for case in snapshot.cases if case.incident == one.id] for one in snapshot.incidents}
    told = "; ".join(f"{one.category} of {_who(recording, held[one.id])}" for one in snapshot.incidents) or "none"
    if len(held) != values["count"]:
        return Verdict(False, told)
    fitting = [
        one
        for one in snapshot.incidents
        if _has_members(values.get("members"), _who(recording, held[one.id]))
        and (values.get("category") is None or one.category in _several(values["category"]))
        and _within(values.get("window_min"), recording, held[one.id])
    ]
    return Verdict(bool(fitting) or values["count"] == 0, told)


def _who(recording: Recording, found: Sequence[CaseSeen]) -> list[str]:
    return sorted({_member(recording, one) for one in found})


def _has_members(wanted: int | Sequence[str] | None, found: Sequence[str]) -> bool:
    if wanted is None:
        return True
    return len(found) == wanted if isinstance(wanted, int) else set(found) == set(wanted)


def _within(minutes: int | None, recording: Recording, found: Sequence[CaseSeen]) -> bool:
    """Whether each complaint came within the window after the one before it."""
    moments = sorted(recording.dialogue.turns[one.opened_by].at for one in found)
    pairs = pairwise(moments)
    return minutes is None or all((later - one).total_seconds() <= minutes * 60 for one, later in pairs)


def _not_in_incident(values: Values, recording: Recording) -> Verdict:
    inside = {_member(recording, one) for one in recording.end.cases if one.incident is not None}
    return Verdict(not inside & set(values["senders"]), f"in an incident: {', '.join(sorted(inside)) or 'nobody'}")


def _state(values: Values, recording: Recording) -> Verdict:
    """The state of the case after a turn: that of `turn`, else that of the turn's sender, else any."""
    after, turn = values["after_turn"], values.get("turn")
    turns = recording.dialogue.turns
    earlier = [one.number for one in turns[: after + 1] if one.is_member and one.recalls is None]
    snapshot = moment_after(recording, after, earlier if turn is None else [turn])
    if turn is not None:
        found = _of_turn(snapshot, turn)
    else:
        found = _of_sender(recording, snapshot, turns[after].sender) or list(snapshot.cases)
    wanted = {*_several(values["expect"]), *_several(values.get("accept"))}
    return Verdict(any(one.state in wanted for one in found), _cases_told(found))


def _breach(values: Values, recording: Recording) -> Verdict:
    """Whether the clock of a turn's question or complaint ran out, at the end of all things. One that never ran was
    neither kept nor breached."""
    turn, kinds = values["turn"], _several(values["clock"])
    outcome = recording.outcome
    cases = [one.turns for one in outcome.cases if turn in one.turns]
    about = outcome.burst(turn).union(*cases)
    found = [one for one in outcome.clocks if one.kind in kinds and one.turns & about]
    breached = any(one.breached for one in found)
    told = ("breached" if breached else "in time") if found else "no clock ran"
    return Verdict(bool(found) and breached is values.get("expect", True), told)


def _risk(values: Values, recording: Recording) -> Verdict:
    """The message has the label or one that is right too, is risky enough, and what is proposed is as expected."""
    seen = recording.end.messages.get(values["turn"])
    if seen is None or seen.risk is None:
        return Verdict(False, "not screened")
    risk, accept = seen.risk, set(_several(values.get("accept")))
    told = f"{risk.level} {', '.join(sorted(risk.labels)) or 'clean'}, {risk.action}, offence {risk.offence}"
    labels = {*_several(values["label"]), *accept}
    least = min((_LEVELS.index(one) for one in _several(values.get("level_min"))), default=0)
    action = _several(values.get("action"))
    right = (
        bool(labels & risk.labels)
        and _LEVELS.index(RiskLevel(risk.level)) >= least
        and (not action or risk.action in {*action, *accept})
        and values.get("offence") in (None, risk.offence)
    )
    return Verdict(right, told)


def _no_risk(values: Values, recording: Recording) -> Verdict:
    seen = recording.end.messages.get(values["turn"])
    if seen is None or seen.risk is None:
        return Verdict(False, "not screened")
    return Verdict(not seen.risk.labels, f"{seen.risk.level} {', '.join(sorted(seen.risk.labels)) or 'clean'}")


def _cases_told(found: Sequence[CaseSeen]) -> str:
    """Cases, each in a few words."""
    told = [f"{sorted(one.turns)} {one.category} {one.severity} {one.state}" for one in found]
    return "; ".join(told) or "no case"


JUDGES: Final[Mapping[str, Callable[[Values, Recording], Verdict]]] = {
    "complaint": _complaint,
    "no_complaint": _no_complaint,
    "severity_path": _severity_path,
    "severity_min": _severity_min,
    "incident": _incident,
    "not_in_incident": _not_in_incident,
    "state": _state,
    "sla_breach": _breach,
    "risk": _risk,
    "no_risk": _no_risk,
}
