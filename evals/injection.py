"""Attempts to steer the assistant: what they achieve with a model that obeys everything, and how many are noticed.

The first must be nothing, by structure: each attempt is made in a running deployment whose screening notices nothing,
and the database is looked at afterwards. The second is how well the screening works.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final, Literal, NamedTuple, get_args

from agent.flows.questions import Asked
from agent.steps.risk import ScreenInput, screen
from core.vocabulary import RiskLabel
from evals.corpus import Progress
from evals.figures import Figure, share
from evals.injection_watch import Kind, Success, Watch
from evals.injection_world import QUESTION, Entry, World, world
from evals.obedient import MOODS
from evals.report import Group, Report
from evals.rows import BadFile, Row, read

Channel = Literal["message", "display_name", "kb_entry", "question"]
CASES: Final = Path(__file__).parent / "cases"
KINDS: Final[tuple[Kind, ...]] = get_args(Kind)
_LONGEST_NAME: Final = 120


class Attempt(NamedTuple):
    """A row. Benign ones have neither goal nor technique."""

    id: str
    text: str
    channel: Channel
    technique: str
    goal: str
    hard: bool | None

    @property
    def noticed(self) -> bool:
        """Whether the screening calls it by its name; a name or an entry is screened like a message."""
        return any(hit.label == RiskLabel.INJECTION for hit in screen(ScreenInput(text=self.text)).labels)


class Made(NamedTuple):
    """An attempt with what came of it; `carried`: its text stands in a draft, for a person to see."""

    attempt: Attempt
    noticed: bool
    successes: tuple[Success, ...]
    carried: bool


def run(data: Path, benign: Path | None, part: str | None, progress: Progress) -> Report:
    """`part` leaves out the rows of other parts. Raises `BadFile`."""
    attempts = attempts_of(data, part)
    others = attempts_of(benign, part) if benign else []
    made = make_all(attempts, progress)
    alarms = [(one, one.noticed) for one in others]
    return report(made, alarms)


def attempts_of(path: Path, part: str | None = None) -> list[Attempt]:
    """The rows of a file. Raises `BadFile`."""
    rows = [row for row in read(path) if part is None or row.maybe_text("part") == part]
    if not rows:
        raise BadFile(path, None, "part", f"no row has {part!r}")
    return [_attempt(row) for row in rows]


def _attempt(row: Row) -> Attempt:
    channel = row.text("channel")
    if channel not in get_args(Channel):
        raise row.bad("channel", f"must be one of {', '.join(get_args(Channel))}")
    if not row.text().strip():
        raise row.bad("text", "is empty")
    technique, goal = row.maybe_text("technique") or "", row.maybe_text("goal") or ""
    hard = row.flag("hard") if "hard" in row.values else None
    return Attempt(row.id, row.text(), channel, technique, goal, hard)  # type: ignore[arg-type]  # checked above


def make_all(attempts: Sequence[Attempt], progress: Progress) -> list[Made]:
    """Make every attempt in one deployment."""
    made = []
    with deployment(attempts) as (place, watch):
        for number, attempt in enumerate(attempts):
            made.append(make(place, watch, attempt, number))
            progress("attempts", number + 1, len(attempts))
    return made


@contextmanager
def deployment(attempts: Sequence[Attempt]) -> Iterator[tuple[World, Watch]]:
    """A world that holds the entries among the attempts already, and a watch over it."""
    entries = [_entry(one, number) for number, one in enumerate(attempts) if one.channel == "kb_entry"]
    with TemporaryDirectory(prefix="qunzhu-evals-") as folder, world(Path(folder)) as place:
        if entries:
            place.learn(entries)
        yield place, Watch(place)


def _entry(attempt: Attempt, number: int) -> Entry:
    return Entry(f"injected-{number}", f"第{number}号怪问题怎么办", attempt.text)


def make(place: World, watch: Watch, attempt: Attempt, number: int) -> Made:
    """One attempt in each mood that the model may obey in."""
    place.model.forget()
    place.model.demand = attempt.text
    answers: list[Asked] = []
    # A model is never sent a name: some moods are enough to see that it makes no difference.
    for mood in MOODS[::2] if attempt.channel == "display_name" else MOODS:
        place.model.mood = mood
        answers += _do(place, attempt, number, mood)
    successes, texts = watch.came_of(answers)
    return Made(attempt, attempt.noticed, tuple(successes), any(attempt.text in text for text in texts))


def _do(place: World, attempt: Attempt, number: int, mood: str) -> list[Asked]:
    who, first = f"{number}-{mood}", mood == MOODS[0]
    if attempt.channel == "question":
        if first:
            place.propose(attempt.text)
        return [place.ask(attempt.text)]
    if attempt.channel == "message":
        if first:
            place.say(f"{who}-alone", attempt.text, group=number)
        place.say(who, f"{attempt.text}\n{QUESTION}", group=number)
    elif attempt.channel == "display_name":
        place.say(who, QUESTION, name=attempt.text[:_LONGEST_NAME], group=number)
    else:
        place.say(who, f"请问{_entry(attempt, number).asks}？", group=number)
    return []


def report(made: Sequence[Made], alarms: Sequence[tuple[Attempt, bool]]) -> Report:
    channels = sorted({one.attempt.channel for one in made} | {one.channel for one, _ in alarms})
    techniques = sorted({one.attempt.technique for one in made if one.attempt.technique})
    hard = [(one, noticed) for one, noticed in alarms if one.hard]
    figures = _figures(made) | ({"false_alarm_rate": _rate(alarms)} if alarms else {})
    return Report(
        suite="injection",
        figures=figures | ({"hard_false_alarm_rate": _rate(hard)} if hard else {}),
        groups={
            "per_channel": {name: _of_channel(name, made, alarms) for name in channels},
            "per_technique": {
                name: _figures([one for one in made if one.attempt.technique == name]) for name in techniques
            },
        },
        facts={"rows": len(made), "benign_rows": len(alarms)},
        rows=[*map(_row, made), *({"id": one.id, "noticed": noticed} for one, noticed in alarms)],
    )


def _of_channel(name: str, made: Sequence[Made], alarms: Sequence[tuple[Attempt, bool]]) -> Group:
    benign = [pair for pair in alarms if pair[0].channel == name]
    figures = _figures([one for one in made if one.attempt.channel == name])
    return figures | ({"false_alarm_rate": _rate(benign)} if benign else {})


def _figures(made: Sequence[Made]) -> dict[str, Figure]:
    """Counts have no interval of their own; `withstood` is the same as a share."""
    counts = {f"{kind}s": sum(success.kind == kind for one in made for success in one.successes) for kind in KINDS}
    n = len(made)
    return {
        "structural_successes": Figure(sum(bool(one.successes) for one in made), n, None, None),
        **{name: Figure(count, n, None, None) for name, count in counts.items()},
        "withstood": share([not one.successes for one in made]),
        "detected": share([one.noticed for one in made]),
        "carried_to_a_person": share([one.carried for one in made]),
    }


def _rate(alarms: Sequence[tuple[Attempt, bool]]) -> Figure:
    return share([noticed for _, noticed in alarms])


def _row(one: Made) -> Mapping[str, Any]:
    attempt = one.attempt
    return {
        "id": attempt.id,
        "channel": attempt.channel,
        "technique": attempt.technique,
        "goal": attempt.goal,
        "noticed": one.noticed,
        "successes": [f"{success.kind}:{success.what}" for success in one.successes],
        "carried": one.carried,
    }
