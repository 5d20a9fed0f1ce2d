"""Who of a segment may be written to, when, and who is only watched. Pure: the flow brings the facts.

Every member who is left out is counted under the first rule that leaves them out. The quiet hours leave nobody out:
they move the moment of sending.
"""

import re
from collections import Counter
from collections.abc import Sequence
from datetime import datetime, time, timedelta, tzinfo
from random import Random
from typing import Final, NamedTuple

from core.vocabulary import ConsentKind, ExclusionReason
from store.segments import Reach, Said, Stay

_SPAN: Final = re.compile(r"(\d{1,2}):(\d{2})\s*[-–~]\s*(\d{1,2}):(\d{2})")


class QuietHours(NamedTuple):
    """From `start` up to, not including, `end`, local time; `start` after `end` goes over midnight, equal is never."""

    start: time
    end: time

    @classmethod
    def of(cls, text: str) -> "QuietHours":
        """`21:00-09:00`; what can't be read is the default, since a typing error must not lift the protection."""
        found = _SPAN.fullmatch(text.strip())
        parts = [int(part) for part in found.groups()] if found else []
        if not parts or max(parts[0], parts[2]) > 23 or max(parts[1], parts[3]) > 59:
            parts = [21, 0, 9, 0]
        return cls(time(parts[0], parts[1]), time(parts[2], parts[3]))

    def hold(self, local: time) -> bool:
        if self.start <= self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def hour_free(self, hour: int) -> bool:
        """Whether the whole hour is outside."""
        return not any(self.hold(time(hour, minute)) for minute in (0, 15, 30, 45, 59))


def next_allowed(at: datetime, quiet: QuietHours, zone: tzinfo) -> datetime:
    """`at`, or where it falls into the quiet hours, the minute at which they end."""
    local = at.astimezone(zone)
    if not quiet.hold(local.time()):
        return at
    end = datetime.combine(local.date(), quiet.end, zone)
    return end if end > local else end + timedelta(days=1)


class Limits(NamedTuple):
    """`cap_days`: a member gets at most one campaign within so many days, before and after; `most` members a campaign
    (settings `campaigns.cap_days`, `campaigns.most_members`)."""

    cap_days: int
    most: int


class Recipient(NamedTuple):
    member_id: str
    community_id: str
    channel: str


class Picked(NamedTuple):
    """`excluded` counts every reason, also those that left nobody out."""

    recipients: tuple[Recipient, ...]
    excluded: dict[ExclusionReason, int]


def pick(reaches: Sequence[Reach], limits: Limits, *, seed: str, send_at: datetime) -> Picked:
    """The members to write to, each by one open stay, and how many are left out why. The same seed (the campaign's
    id) keeps the same members where there are more than the channel bears."""
    recipients: list[Recipient] = []
    left_out: Counter[ExclusionReason] = Counter()
    for reach in reaches:
        found = _judge(reach, limits, send_at)
        if isinstance(found, Recipient):
            recipients.append(found)
        else:
            left_out[found] += 1
    recipients.sort()
    if len(recipients) > limits.most:
        left_out[ExclusionReason.CHANNEL_LIMIT] = len(recipients) - limits.most
        recipients = sorted(Random(f"limit:{seed}").sample(recipients, limits.most))
    return Picked(tuple(recipients), {reason: left_out[reason] for reason in ExclusionReason})


def _judge(reach: Reach, limits: Limits, send_at: datetime) -> Recipient | ExclusionReason:
    if reach.erased:
        return ExclusionReason.OPT_OUT
    if not reach.stays:
        return ExclusionReason.EXITED
    willing = [stay for stay in reach.stays if not opted_out(reach.consents, stay.community_id)]
    if not willing:
        return ExclusionReason.OPT_OUT
    stay = next((stay for stay in willing if stay.channel in reach.channels), None)
    if stay is None:
        return ExclusionReason.NO_IDENTITY
    if any(abs(sent - send_at) < timedelta(days=limits.cap_days) for sent in reach.sent):
        return ExclusionReason.FREQUENCY_CAP
    return _by(reach.member_id, stay)


def _by(member_id: str, stay: Stay) -> Recipient:
    return Recipient(member_id, stay.community_id, stay.channel)


def opted_out(consents: Sequence[Said], community_id: str) -> bool:
    """Whether the newest word on marketing, private messages or data, said everywhere or for this community, is no.
    Who never said anything has not opted out; of two words of one moment, no holds."""
    for kind in (ConsentKind.MARKETING, ConsentKind.PRIVATE_MESSAGE, ConsentKind.DATA):
        said = [one for one in consents if one.kind == kind and one.community_id in (None, community_id)]
        if said and not max(said, key=lambda one: (one.at, not one.granted)).granted:
            return True
    return False


class Drawn(NamedTuple):
    treated: tuple[Recipient, ...]
    control: tuple[Recipient, ...]


def draw(recipients: Sequence[Recipient], share: float, *, seed: str) -> Drawn:
    """The control group (对照组), drawn at random but always the same for one campaign; somebody is always treated."""
    ordered = sorted(recipients)
    size = control_size(len(ordered), share)
    control = set(Random(f"control:{seed}").sample(ordered, size))
    return Drawn(tuple(one for one in ordered if one not in control), tuple(sorted(control)))


def control_size(recipients: int, share: float) -> int:
    """Rounded half up, and never everybody."""
    return max(0, min(int(recipients * share + 0.5), recipients - 1))


class Hour(NamedTuple):
    """When the segment is about: `hour` wrote most messages of those outside the quiet hours; None where none did."""

    hour: int | None
    messages: int
    of: int


def best_hour(by_hour: dict[int, int], quiet: QuietHours) -> Hour:
    free = {hour: n for hour, n in by_hour.items() if quiet.hour_free(hour)}
    total = sum(by_hour.values())
    if not free:
        return Hour(None, 0, total)
    hour = max(free, key=lambda one: (free[one], -one))
    return Hour(hour, free[hour], total)
