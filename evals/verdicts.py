"""What a check of a dialogue comes to, and the moment that "after turn n" means."""

from collections.abc import Sequence
from typing import NamedTuple

from evals.replay import Recording
from evals.seen import Snapshot


class Verdict(NamedTuple):
    """`right` is None where the check could not be scored; `found` says why, or what was found."""

    right: bool | None
    found: str


def moment_after(recording: Recording, after: int, subjects: Sequence[int]) -> Snapshot:
    """The first moment from this turn on when nobody has to think about it or the subjects any more: a burst may still
    have been open when the next turn came."""
    for turn in range(after, len(recording.dialogue.turns)):
        snapshot = recording.settled(turn)
        if not any(snapshot.waiting(one) for one in (after, *subjects)):
            return snapshot
    return recording.end
