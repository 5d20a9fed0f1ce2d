"""The behaviour layer: signs from what the sender, and others, did around a message. Facts in, signs out; the facts
come from the store (`store/behaviour.py`).

People who are chatty do no harm: laughter, 收到 by twenty members, 接龙, a question asked again because nobody
answered, a row of photos. What says too little gets no fingerprint and is never "the same text".
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from agent.steps.risk_ladder import NEVER_PUNISHED
from agent.steps.signs import Sign
from agent.steps.triage import classify
from core.text import Normalized
from core.vocabulary import MessageKind, RiskLabel

LAYER: Final = "behaviour"
LEAST: Final = 4
"""Different characters below which a text says too little to be compared: 哈哈哈哈, 收到, 好的好的, 666."""
_PATIENCE: Final = 2
"""So often more may a question or complaint be repeated: nobody has answered it."""
_FORMULA: Final = 30
"""Characters up to which several members may say the same without a link: 我已阅读并遵守群规, 祝老师节日快乐."""

_SAME, _MORE, _CROWD, _CROWD_BARE = 0.55, 0.1, 0.4, 0.3
_VOLUME = 0.55
_NEWCOMER_TODAY, _NEWCOMER = 0.35, 0.25
_EDITED_IN = 0.3
_FORMER, _FORMER_MOST = 0.12, 0.3

_DROP: Final = re.compile(
    r"https?://[^\s\u4e00-\u9fff]{4,}|(?<![a-z0-9@.])www\.[a-z0-9\-]+\.[a-z]{2,}"
    r"|(?<![a-z0-9@./\-])[a-z0-9\-]{2,30}\.(?:com|cn|net|top|xyz|vip|cc|shop|club|site|online|me)(?![a-z0-9])"
    r"|(?<![0-9])1[3-9][0-9][\s\-]?[0-9*]{4}[\s\-]?[0-9]{4}(?![0-9])"
    r"|(?:微信|薇信?|vx|wx|v信|weixin|wechat|qq|扣扣|电报|tg|telegram|加v|加我)"
    r"[号群]?[\s:是为\-]{0,4}[a-z0-9_\-*]{5,20}(?![a-z0-9])"
)
"""Links and contacts; with stars as well, since the text before an edit is only kept masked."""


@dataclass(frozen=True, slots=True)
class Limits:
    """From which number on something is a sign; settings, see `core/tunables.py`."""

    same_times: int = 3
    same_minutes: int = 30
    crowd_members: int = 4
    crowd_minutes: int = 15
    volume_messages: int = 15
    volume_seconds: int = 60
    new_days: int = 14


@dataclass(frozen=True, slots=True)
class Facts:
    """What was seen when the message came. All numbers leave the message itself out; `days_here` is None where it is
    not known since when the sender is here; `staff_said_it`: the same text came from the staff before; `before_edit` is
    the text that an edit replaces; `offences` are confirmed ones by label."""

    same_by_sender: int = 0
    same_by_others: int = 0
    staff_said_it: bool = False
    volume: int = 0
    days_here: float | None = None
    before_edit: Normalized | None = None
    offences: Mapping[RiskLabel, int] = field(default_factory=dict)


NOTHING: Final = Facts()


def content(normalized: Normalized) -> str | None:
    """The letters of a text, by which it is the same as another one whatever numbers and emoji stand between; None
    where they say too little."""
    letters = "".join(char for char in normalized.text if _is_letter(char))
    return letters if len(letters) >= LEAST and len(set(letters)) >= LEAST else None


@lru_cache(maxsize=8192)
def _is_letter(char: str) -> bool:
    return unicodedata.category(char)[0] == "L"


def drops(normalized: Normalized) -> tuple[int, int] | None:
    """Where the first link or contact stands, as a span of the original; None without any."""
    found = _DROP.search(normalized.text)
    return normalized.span(*found.span()) if found else None


def may_be_spread(normalized: Normalized, letters: str | None) -> bool:
    """Whether it would mean anything that several members say this: a link or contact, or more than a formula."""
    return letters is not None and (len(letters) > _FORMULA or drops(normalized) is not None)


def signs(normalized: Normalized, facts: Facts, limits: Limits) -> list[Sign]:
    """What the facts say about a member's message."""
    if facts == NOTHING:
        return []
    place = (0, len(normalized.original))
    dropped = drops(normalized)
    found = [*_repeated(normalized, facts, limits, place), *_former(facts, place)]
    if facts.volume + 1 >= limits.volume_messages:
        found.append(Sign(RiskLabel.FLOODING, _VOLUME, *place, LAYER, "volume"))
    found += _crowd(normalized, facts, limits, dropped, place)
    if dropped is not None:
        found += _dropped(facts, limits, dropped)
    return found


def _repeated(normalized: Normalized, facts: Facts, limits: Limits, place: tuple[int, int]) -> Sequence[Sign]:
    times = facts.same_by_sender + 1
    if times < limits.same_times:
        return ()
    kind = classify(normalized.original).kind
    if kind is MessageKind.NOTICE:
        return ()
    asks = kind in (MessageKind.QUESTION, MessageKind.COMPLAINT)
    over = times - limits.same_times - (_PATIENCE if asks else 0)
    if over < 0:
        return ()
    return (Sign(RiskLabel.FLOODING, min(0.95, _SAME + _MORE * over), *place, LAYER, "same text"),)


def _crowd(
    normalized: Normalized, facts: Facts, limits: Limits, dropped: tuple[int, int] | None, place: tuple[int, int]
) -> Sequence[Sign]:
    """The same text from several members: with a link or contact an advertisement spread by many accounts; without,
    only a faint sign, and none for a short formula."""
    if facts.same_by_others + 1 < limits.crowd_members or facts.staff_said_it:
        return ()
    if not may_be_spread(normalized, content(normalized)):
        return ()
    if classify(normalized.original).kind is MessageKind.NOTICE:
        return ()
    if dropped is None:
        return (Sign(RiskLabel.AD_SPAM, _CROWD_BARE, *place, LAYER, "same text by many"),)
    return (
        Sign(RiskLabel.AD_SPAM, _CROWD, *dropped, LAYER, "same text by many"),
        Sign(RiskLabel.FLOODING, _SAME, *place, LAYER, "same text by many"),
    )


def _dropped(facts: Facts, limits: Limits, dropped: tuple[int, int]) -> Sequence[Sign]:
    found = []
    if facts.days_here is not None and facts.days_here <= limits.new_days:
        weight = _NEWCOMER_TODAY if facts.days_here < 1 else _NEWCOMER
        found.append(Sign(RiskLabel.AD_SPAM, weight, *dropped, LAYER, "newcomer"))
    if facts.before_edit is not None and drops(facts.before_edit) is None:
        found.append(Sign(RiskLabel.AD_SPAM, _EDITED_IN, *dropped, LAYER, "edited in"))
    return found


def _former(facts: Facts, place: tuple[int, int]) -> Sequence[Sign]:
    """Whoever did it before gets less doubt; alone it is below any threshold."""
    return [
        Sign(label, min(_FORMER_MOST, _FORMER * times), *place, LAYER, "former offences")
        for label, times in facts.offences.items()
        if label not in NEVER_PUNISHED
    ]
