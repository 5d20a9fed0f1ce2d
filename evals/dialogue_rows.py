"""Dialogues as they stand in a file: turns with their moment, and what is checked afterwards."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar
from zoneinfo import ZoneInfo

from agent.flows.incoming import MOST_TEXT
from core.vocabulary import CaseAction, CaseAnswer, Conversation, MessageType, SenderRole
from evals.dialogue_kinds import SCORED, WHAT, Said
from evals.rows import Row, read

W = TypeVar("W", MessageType, Conversation, CaseAction, CaseAnswer)

ZONE: Final = ZoneInfo("Asia/Shanghai")
_DAY: Final = datetime(2026, 11, 18, tzinfo=ZONE)
"""Of turns that name no day: a Wednesday, so that service hours and weekdays are everyday ones."""
_HALF_A_DAY: Final = timedelta(hours=12)
_TIME: Final = re.compile(r"(\d{1,2}):(\d{2})(?::(\d{2}))?")
_ROLES: Final = {
    "member": SenderRole.MEMBER,
    "moderator": SenderRole.STAFF,
    "staff": SenderRole.STAFF,
    "bot": SenderRole.BOT,
}


class Deed(NamedTuple):
    """What a person does with the case of a turn, instead of saying something. `note` is the text that goes with it:
    the result, the reason, where it has none nothing."""

    action: CaseAction
    case_of: int
    note: str | None
    answer: CaseAnswer | None


class Turn(NamedTuple):
    """`at` is aware. `reply_to`, `revision_of` and `recalls` are numbers of earlier turns."""

    number: int
    sender: str
    role: SenderRole
    text: str
    at: datetime
    type: MessageType
    conversation: Conversation
    mentions: tuple[str, ...]
    reply_to: int | None
    revision_of: int | None
    recalls: int | None
    deed: Deed | None = None

    @property
    def is_member(self) -> bool:
        return self.role == SenderRole.MEMBER


class Check(NamedTuple):
    """`values` holds the keys that its type is scored by, checked, and whatever else the file says."""

    number: int
    type: str
    values: Mapping[str, Any]


class Dialogue(NamedTuple):
    """`community` is the group that it plays in, None for the deployment's own choice."""

    id: str
    scene: str
    part: str | None
    community: str | None
    turns: tuple[Turn, ...]
    checks: tuple[Check, ...]


def dialogues(path: Path) -> list[Dialogue]:
    """Raises `BadFile`, which names the line and a field such as `turns[2].at`."""
    return [_dialogue(row) for row in read(path)]


def _dialogue(row: Row) -> Dialogue:
    turns: list[Turn] = []
    for number, values in enumerate(_objects(row, "turns")):
        turns.append(_turn(row, number, values, turns))
    checks = tuple(_check(row, number, values, turns) for number, values in enumerate(_objects(row, "checks")))
    scene = row.maybe_text("scene") or "none"
    return Dialogue(row.id, scene, row.maybe_text("part"), row.maybe_text("community"), tuple(turns), checks)


def _objects(row: Row, field: str) -> list[dict[str, Any]]:
    values = row.values.get(field)
    if not isinstance(values, list) or not values or not all(isinstance(value, dict) for value in values):
        raise row.bad(field, "is missing" if field not in row.values else "must be a list of objects, not empty")
    return values


def _turn(row: Row, number: int, values: dict[str, Any], before: list[Turn]) -> Turn:
    inner = Row(row.path, row.line, {f"turns[{number}].{key}": value for key, value in values.items()})
    at = f"turns[{number}]"
    role = inner.text(f"{at}.role")
    if role not in _ROLES:
        raise row.bad(f"{at}.role", f"must be one of {', '.join(_ROLES)}")
    recalls = _earlier(row, f"{at}.recalls", values.get("recalls"), number)
    type = _word(row, f"{at}.type", values.get("type", "text"), MessageType)
    deed = _deed(row, number, values)
    wordless = recalls is not None or deed is not None
    text = (inner.maybe_text(f"{at}.text") or "") if wordless else inner.text(f"{at}.text")
    if len(text) > MOST_TEXT or (not text.strip() and type == MessageType.TEXT and not wordless):
        raise row.bad(f"{at}.text", f"must have 1 to {MOST_TEXT} characters")
    return Turn(
        number=number,
        sender=inner.text(f"{at}.sender"),
        role=_ROLES[role],
        text=text,
        at=_moment(row, f"{at}.at", inner.text(f"{at}.at"), before[-1].at if before else None),
        type=type,
        conversation=_word(row, f"{at}.conversation", values.get("conversation", "group"), Conversation),
        mentions=tuple(inner.texts(f"{at}.mentions")),
        reply_to=_earlier(row, f"{at}.reply_to", values.get("reply_to"), number),
        revision_of=_earlier(row, f"{at}.revision_of", values.get("revision_of"), number),
        recalls=recalls,
        deed=deed,
    )


def _deed(row: Row, number: int, values: dict[str, Any]) -> Deed | None:
    at = f"turns[{number}]"
    if values.get("does") is None:
        return None
    if _ROLES[values["role"]] != SenderRole.STAFF:
        raise row.bad(f"{at}.does", "must be staff's")
    inner = Row(row.path, row.line, {f"{at}.{key}": value for key, value in values.items()})
    answer = values.get("answer")
    case_of = _earlier(row, f"{at}.case_of", values.get("case_of"), number)
    if case_of is None:
        raise row.bad(f"{at}.case_of", "is missing")
    return Deed(
        action=_word(row, f"{at}.does", values["does"], CaseAction),
        case_of=case_of,
        note=inner.maybe_text(f"{at}.note"),
        answer=None if answer is None else _word(row, f"{at}.answer", answer, CaseAnswer),
    )


def _word(row: Row, field: str, value: object, words: type[W]) -> W:
    found = next((word for word in words if word == value), None)
    if found is None:
        raise row.bad(field, f"must be one of {', '.join(words)}")
    return found


def _earlier(row: Row, field: str, value: object, number: int) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < number:
        raise row.bad(field, "must be the number of an earlier turn")
    return value


def _moment(row: Row, field: str, text: str, before: datetime | None) -> datetime:
    """An ISO moment, in Shanghai's time where it names no zone; or a time of day, on the day of the turn before. A
    time far before that turn's is past midnight."""
    found = _time_of_day(text, before or _DAY) or _iso(text)
    if found is None:
        raise row.bad(field, "must be a moment such as 2026-11-18T10:00:05+08:00, or a time such as 10:00:05")
    if _TIME.fullmatch(text.strip()) and before is not None and before - found > _HALF_A_DAY:
        found += timedelta(days=1)
    if before is not None and found < before:
        raise row.bad(field, "must not be before the turn before it")
    return found


def _time_of_day(text: str, day: datetime) -> datetime | None:
    parts = _TIME.fullmatch(text.strip())
    if parts is None:
        return None
    hour, minute, second = (int(part or 0) for part in parts.groups())
    if hour > 23 or minute > 59 or second > 59:
        return None
    return day.astimezone(ZONE).replace(hour=hour, minute=minute, second=second, microsecond=0)


def _iso(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=ZONE)


def _check(row: Row, number: int, values: dict[str, Any], turns: list[Turn]) -> Check:
    type = values.get("type")
    if not isinstance(type, str):
        raise row.bad(f"checks[{number}].type", "must be text")
    said = Said(len(turns), frozenset(turn.sender for turn in turns))
    for key, valid in SCORED.get(type, {}).items():
        name = key.removesuffix("?")
        value = values.get(name)
        if value is None and name != key:
            continue
        if value is None or not valid(value, said):
            raise row.bad(f"checks[{number}].{name}", "is missing" if name not in values else WHAT[valid])
    return Check(number, type, values)
