"""Which questions ask the same, and what people answered to them, for candidates of the knowledge base (候选).

Pure: vectors and texts in, groups out. What is stored and who decides is in `agent.flows.candidates`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import numpy as np

from agent.steps.follow_up import is_nudge
from agent.steps.likeness import taken_from
from agent.steps.triage import classify, questions
from core.text import normalize
from core.vocabulary import MessageKind
from knowledge.embeddings import Vector

ALIKE: Final = 0.48
"""Mean cosine (embedded encoder) from which two groups of questions ask the same. Chosen on 80 colloquial questions of
our own about 16 subjects, some of them close (补卡 and 退卡), beside 10 that stand alone, in 12 random orders: there
the F1 of pairs is best (0.82: precision 0.78, recall 0.86; 0.80 at 0.45, 0.82 at 0.51). On 50 others about 10 subjects:
precision 1.0, recall 0.81. Both are in `tests/agent/steps/candidate_questions.yaml`."""
REWRITTEN: Final = 0.25
"""Share of a person's text that stands in the suggestion, up to which it is another answer and not an edit: of 16 pairs
of our own, edits keep 0.45 or more, other answers have 0.10 or less in common."""
SUBSTANTIAL: Final = 12
"""Characters from which an answer by hand says something of its own; 可以的 may well say what the draft said."""
_JOINERS: Final = "\u200d\ufe0f"  # hold emoji together
MOST_WORDING: Final = 500
CLEAR: Final = 8
"""Characters from which a question says by itself what it is about; 能换吗 needs what was said before it."""
SHORT: Final = 80
"""Characters up to which all that was said may stand for such a question."""
_ASKING: Final = (MessageKind.QUESTION, MessageKind.COMPLAINT)


@dataclass(slots=True, eq=False)
class Group:
    """Questions that ask the same. `total` is the sum of the vectors of its `size` questions; `key` is None for one
    that is new. `joined` are the keys of questions that came to it now, `absorbed` groups that it took in."""

    key: str | None
    size: int
    total: Vector
    joined: list[str] = field(default_factory=list)
    absorbed: list[str] = field(default_factory=list)

    def likeness(self, other: "Group") -> float:
        """The mean cosine between the questions of both."""
        return float(self.total @ other.total) / (self.size * other.size)


def place(groups: list[Group], asked: Mapping[str, Vector], alike: float = ALIKE) -> list[Group]:
    """Put every question with the group that it is most like, else into one of its own; groups that have become alike
    meanwhile become one. Returns all groups; `groups` itself is used up."""
    for key, vector in asked.items():
        group = Group(None, 1, vector.copy(), [key])
        while (nearest := _nearest(groups, group, alike)) is not None:
            groups.remove(nearest)
            group = _merged(nearest, group)
        groups.append(group)
    return groups


def _nearest(groups: Sequence[Group], group: Group, alike: float) -> Group | None:
    best = max(groups, key=group.likeness, default=None)
    return best if best is not None and group.likeness(best) >= alike else None


def _merged(left: Group, right: Group) -> Group:
    """Both as one; the larger of two that are stored stays."""
    keep, give = (
        (right, left) if left.key is None or (right.key is not None and right.size > left.size) else (left, right)
    )
    gone = [give.key] if give.key is not None else []
    return Group(
        keep.key,
        keep.size + give.size,
        keep.total + give.total,
        [*keep.joined, *give.joined],
        [*keep.absorbed, *give.absorbed, *gone],
    )


def typical(vectors: Sequence[Vector]) -> int:
    """Which wording is most like all the others and may stand for them; of equals the first."""
    rows = np.stack(vectors)
    return int((rows @ rows.sum(axis=0)).argmax())


@dataclass(frozen=True, slots=True)
class Heard:
    """One message of those that a draft answers, masked."""

    id: str
    text: str


def askings(heard: Sequence[Heard]) -> dict[str, str]:
    """The wordings of what was asked, by the message that asks. In a burst with one question everything said belongs
    to it; saying the same again, or only calling for attention, asks nothing new."""
    said = [one for one in heard if one.text.strip() and not is_nudge(one.text)]
    asking = [one for one in said if classify(one.text).kind in _ASKING]
    if len(asking) > 1:
        found = {one.id: wording(one.text) for one in asking}
    else:
        found = {one.id: wording("\n".join(each.text for each in said)) for one in (asking or said)[:1]}
    first = {plain(text): key for key, text in reversed(found.items())}
    return {key: text for key, text in found.items() if first[plain(text)] == key}


def wording(text: str) -> str:
    """What a text asks, on one line; without the greetings and stories around it, where the question is clear."""
    asked, whole = _on_one_line(" ".join(questions(text))), _on_one_line(text)
    unclear = len(asked) < CLEAR and len(whole) <= SHORT
    return (whole if unclear else asked)[:MOST_WORDING]


def _on_one_line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() or char in _JOINERS else " " for char in text).split())


def plain(text: str) -> str:
    """For telling whether two wordings are the same: letters and digits only."""
    return "".join(char for char in normalize(text).text if char.isalnum())


def rewritten(suggested: str, final: str) -> bool:
    """Whether a person put another answer in the place of the suggested one."""
    return taken_from(final, [suggested]) <= REWRITTEN


@dataclass(frozen=True, slots=True)
class Answered:
    """What a person answered: a decided draft's final text or a staff message, masked, with the message it was for."""

    source: str
    source_id: str
    message_id: str
    text: str
    at: datetime


def best_answer(answers: Sequence[Answered]) -> Answered | None:
    """The answer that was given most often, of those the newest; word for word."""
    times: dict[str, list[Answered]] = {}
    for one in answers:
        times.setdefault(plain(one.text), []).append(one)
    same = max(times.values(), key=lambda given: (len(given), max(one.at for one in given)), default=[])
    return max(same, key=lambda one: one.at, default=None)
