"""What later messages do to an open question: a person answered it, the asker needs it no more, or meant another.

A holding reply (稍等), a question back, an answer to one of several parts, and another member's guess do not end the
need for a draft. Whom a staff message is for is read, in this order, from what it quotes, whom it mentions, and which
open question it resembles; a short one that resembles none (可以的, 两天内) is for the newest question.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, Final

from core.text import normalize
from core.vocabulary import ExpiredReason, SenderRole, Severity
from core.yaml_text import load_yaml

Likeness = Callable[[str, str], float]
"""Cosine of two texts, -1 to 1."""

ALIKE: Final = 0.42
"""From which a staff message is about a question: tried on pairs of questions and replies of our own, those that
belong together lie from 0.50 up and others below 0.40 (the embedded encoder)."""
ALIKE_IN_GROUP: Final = 0.3
"""From which a word to everybody is about a complaint of one of them: such a word speaks of the thing, and of much
else."""
SHORT: Final = 14
"""Characters up to which a reply may answer the newest question without resembling it."""
SOON: Final = timedelta(minutes=10)
LONG_PAUSE: Final = timedelta(hours=4)
"""Half a working day: an asker who then talks about something else does not wait any more."""

_FILE = "follow_up.yaml"
_EDGES: Final = " ,。.!?~:"


@dataclass(frozen=True, slots=True)
class Part:
    """One question of a message, and the text that the knowledge base would answer (empty where it has none)."""

    question: str
    answer: str = ""


@dataclass(frozen=True, slots=True)
class Open:
    """A question that nobody has answered yet. `key` is the caller's; `called` holds what a mention of the asker looks
    like (their hash on the channel, @ and their name). `complains`: it is a complaint, whose first answer may be an
    apology or a question back."""

    key: str
    member_id: str | None
    asked_at: datetime
    external_ids: frozenset[str]
    parts: tuple[Part, ...]
    called: frozenset[str] = frozenset()
    complains: bool = False


@dataclass(frozen=True, slots=True)
class Said:
    """A later message."""

    role: SenderRole
    member_id: str | None
    at: datetime
    text: str
    reply_to: str | None = None
    mentions: tuple[str, ...] = ()


@dataclass(slots=True)
class _State:
    """How far an open question is answered while the later messages are read in order."""

    question: Open
    covered: set[int] = field(default_factory=set)
    helped: bool = False
    ended: ExpiredReason | None = None


def outcomes(questions: Sequence[Open], later: Sequence[Said], likeness: Likeness) -> dict[str, ExpiredReason]:
    """By key, why a question needs no draft any more; those that still need one are left out."""
    states = [_State(question) for question in questions]
    for said in sorted(later, key=lambda one: one.at):
        waiting = [s for s in states if s.ended is None and s.question.asked_at <= said.at]
        if said.role == SenderRole.STAFF:
            _by_staff(waiting, said, likeness)
        else:
            meant = _about(waiting, said, likeness)
            for state in meant:
                _by_member(state, said)
    return {state.question.key: state.ended for state in states if state.ended is not None}


def _by_staff(waiting: list[_State], said: Said, likeness: Likeness) -> None:
    text = normalize(said.text).text
    answers = bool(text) and not (is_holding(text) or _rule("asks_back").search(text))
    # Who only says what is being done about a complaint has answered it, and still owes what we drafted.
    responds = responds_to_complaint(text) and not is_holding(text)
    waiting = [state for state in waiting if (responds if state.question.complains else answers)]
    for state in _meant(waiting, said, text, likeness) if waiting else []:
        state.helped = True
        if state.question.complains:
            state.ended = ExpiredReason.HUMAN_ANSWERED
            continue
        state.covered |= _covered(state.question, said.text, text, likeness)
        if len(state.covered) == len(state.question.parts):
            state.ended = ExpiredReason.HUMAN_ANSWERED


def first_answers(questions: Sequence[Open], later: Sequence[Said], likeness: Likeness) -> dict[str, datetime]:
    """By key, when staff first answered a complaint, be it only by an apology or by what is being done about it."""
    found: dict[str, datetime] = {}
    states = [_State(question) for question in questions if question.complains]
    for said in sorted(later, key=lambda one: one.at):
        text = normalize(said.text).text
        if said.role != SenderRole.STAFF or not responds_to_complaint(text):
            continue
        waiting = [one for one in states if one.question.key not in found and one.question.asked_at <= said.at]
        for state in _meant(waiting, said, text, likeness) if waiting else []:
            found[state.question.key] = said.at
    return found


def _meant(waiting: list[_State], said: Said, text: str, likeness: Likeness) -> list[_State]:
    """The questions that a staff message is for."""
    if said.reply_to is not None:
        return [state for state in waiting if said.reply_to in state.question.external_ids]
    called = [state for state in waiting if _calls(state.question, said)]
    if called or said.mentions:
        return called
    scored = [(_nearness(state.question, said.text, likeness), state) for state in waiting]
    alike = [state for score, state in scored if score >= ALIKE]
    if alike and complaints_too(waiting, text):
        return [state for score, state in scored if score >= (ALIKE_IN_GROUP if state.question.complains else ALIKE)]
    if alike:
        best = max(score for score, _ in scored)
        return [state for score, state in scored if score >= max(ALIKE, best - 0.1)]
    complaints = [state for state in waiting if state.question.complains]
    if complaints and _rule("consoles").search(text):
        if _rule("announcement").search(text):
            return [state for score, state in scored if state.question.complains and score >= ALIKE_IN_GROUP]
        return [max(complaints, key=lambda state: state.question.asked_at)]
    if _rule("announcement").search(text) or (len(text) > SHORT and not _rule("referral").search(text)):
        return []
    recent = [state for state in waiting if said.at - state.question.asked_at <= SOON]
    return [max(recent, key=lambda state: state.question.asked_at)] if recent else []


def _calls(question: Open, said: Said) -> bool:
    return bool(question.called & set(said.mentions)) or any(
        name.startswith("@") and name in said.text for name in question.called
    )


def _nearness(question: Open, text: str, likeness: Likeness) -> float:
    return max((_part_nearness(part, text, likeness) for part in question.parts), default=0.0)


def _part_nearness(part: Part, text: str, likeness: Likeness) -> float:
    return max(likeness(part.question, text), likeness(part.answer, text) if part.answer else -1.0)


def _covered(question: Open, raw: str, text: str, likeness: Likeness) -> set[int]:
    """Which parts of a question a staff message answers."""
    everything = set(range(len(question.parts)))
    if len(everything) == 1 or _rule("whole").search(text) or _rule("referral").search(text):
        return everything
    near = {number: _part_nearness(part, raw, likeness) for number, part in enumerate(question.parts)}
    alike = {number for number, score in near.items() if score >= ALIKE}
    return alike or {max(near, key=lambda number: near[number])}


def _about(waiting: list[_State], said: Said, likeness: Likeness) -> list[_State]:
    """Of several open questions of the speaker those that they name (发票那个我找到了), else all of them."""
    own = [state for state in waiting if said.member_id is not None and state.question.member_id == said.member_id]
    if len(own) < 2:
        return waiting
    named = [state for state in own if _nearness(state.question, said.text, likeness) >= ALIKE]
    return [state for state in waiting if state not in own or state in named] if named else waiting


def _by_member(state: _State, said: Said) -> None:
    if said.member_id is None or said.member_id != state.question.member_id:
        # Another member's guess; it may be what the asker thanks for.
        state.helped = state.helped or said.reply_to in state.question.external_ids
        return
    state.ended = closing(said.text, helped=state.helped)
    paused = said.at - state.question.asked_at > LONG_PAUSE
    if state.ended is None and paused and not still_waits(said.text):
        state.ended = ExpiredReason.CONVERSATION_MOVED_ON


def closing(text: str, *, helped: bool) -> ExpiredReason | None:
    """Why a later message of the asker ends their question; `helped` says that somebody had replied to it."""
    plain = normalize(text).text
    if _rule("correction").search(plain):
        return ExpiredReason.CONVERSATION_MOVED_ON
    if _rule("unresolved").search(plain):
        return None
    if _rule("found").search(plain):
        return ExpiredReason.ASKER_FOUND_ANSWER
    if _rule("resolved").search(plain) or (helped and _rule("thanks").search(plain)):
        return ExpiredReason.ASKER_RESOLVED
    return None


def correction(text: str) -> str | None:
    """What a correction (不对，我问的是换货) asks instead; None where the text corrects nothing."""
    plain = normalize(text).text
    found = _rule("correction").search(plain)
    if found is None:
        return None
    rest = _rule("corrected").sub("", plain[found.end() :]).strip(_EDGES)
    return rest if len(rest) > 1 else None


def still_waits(text: str) -> bool:
    """Whether the asker asks for attention or says that nothing is solved (有人吗, 还没解决)."""
    return is_nudge(text) or _rule("unresolved").search(normalize(text).text) is not None


def is_nudge(text: str) -> bool:
    """Whether a text is nothing but a call for attention."""
    lines = [line for line in normalize(text).text.splitlines() if line.strip()]
    return bool(lines) and all(_rule("nudge").fullmatch(line.strip(_EDGES + "!") or line) for line in lines)


def unheard(text: str) -> bool:
    """Whether somebody who has complained says that nobody answers."""
    return _rule("unheard").search(normalize(text).text) is not None


def threat(text: str) -> Severity | None:
    """How grave it makes a complaint that its member says where they go with it next; None where they don't."""
    plain = normalize(text).text
    if _rule("threat_critical").search(plain):
        return Severity.CRITICAL
    return Severity.HIGH if _rule("threat_high").search(plain) else None


def complaints_too(waiting: Sequence[_State], text: str) -> bool:
    """Whether staff speak to everybody about what several complain of."""
    return bool(_rule("announcement").search(text)) and any(state.question.complains for state in waiting)


def responds_to_complaint(text: str) -> bool:
    """Whether a staff message is a first answer to a complaint: more than 稍等, and be it only an apology, a question
    back or the way to a private conversation."""
    plain = normalize(text).text
    if not plain.strip() or _rule("bare_wait").fullmatch(plain.strip()):
        return False
    return not is_holding(plain) or len(plain) > SHORT or _rule("consoles").search(plain) is not None


def is_holding(text: str) -> bool:
    """Whether a staff message only gains time (稍等, 我问下仓库)."""
    plain = normalize(text).text
    return any(rule.search(plain) for rule in _rules("holding"))


@cache
def _file() -> dict[str, Any]:
    loaded: dict[str, Any] = load_yaml(files("agent.lexicons").joinpath(_FILE).read_text("utf-8"))
    return loaded


@cache
def _rule(name: str) -> re.Pattern[str]:
    return re.compile(_file()[name])


@cache
def _rules(name: str) -> tuple[re.Pattern[str], ...]:
    return tuple(map(re.compile, _file()[name]))


def points_back(text: str) -> bool:
    """Whether a question can only be understood from what was said before (那个还能用吗, 那邮费谁出)."""
    plain = normalize(text).text.strip()
    return any(rule.search(plain) for rule in _rules("reference"))
