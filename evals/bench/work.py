"""Work per message inside one process, without a database in the way: the verdict, and the verdict with its draft.
Beside it, text by text so that a busy machine slows both alike, a plain retrieval chain over the same knowledge.
Processor time stands beside the clock's: on a machine that does other things too it is the steadier figure."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from agent.flows import community, inbox
from agent.flows.community import CommunityView
from agent.flows.turns import Read, Turn, overall
from agent.services import Services
from agent.steps.risk import ScreenInput, screen
from agent.steps.triage import classify
from core.masking import mask
from core.vocabulary import MessageType
from evals.bench.chain import plain_chain
from evals.bench.figures import ratio, spread
from evals.texts import WANTING, everyday, gate_questions
from store.messages import MessageRow

COMMUNITY = "hemiao-mama"
_WARM = 8
_OF_CPU = ("p50_ms", "p95_ms")


class Spent(NamedTuple):
    """Milliseconds by the clock, and of the processor in all threads of this process."""

    wall: float
    cpu: float

    def __add__(self, other: "Spent") -> "Spent":  # type: ignore[override]
        return Spent(self.wall + other.wall, self.cpu + other.cpu)


def measure(services: Services, most: int) -> dict[str, Any]:
    """p50 and p95 of up to `most` texts, and the chain's."""
    everything = [*everyday(), *gate_questions()]
    step = max(1, len(everything) // most)
    texts = everything[::step][:most]
    verdicts = [_timed(_verdict, text) for text in (*texts[:_WARM], *texts)][min(_WARM, len(texts)) :]
    wanting = [text for text in texts if classify(text).kind in WANTING]
    drafts, chains, drafted = _drafts(services, wanting)
    return {
        "verdict": both(verdicts),
        "draft": both(drafts) | {"with_text": drafted},
        "plain_chain": both(chains),
    }


def ratios(work: dict[str, Any]) -> dict[str, float | None]:
    ours, theirs = work["draft"], work["plain_chain"]
    return {
        "draft work / plain chain, p50": ratio(ours.get("p50_ms"), theirs.get("p50_ms")),
        "draft work / plain chain, p95": ratio(ours.get("p95_ms"), theirs.get("p95_ms")),
        "draft CPU / plain chain, p50": ratio(ours.get("cpu_p50_ms"), theirs.get("cpu_p50_ms")),
        "draft CPU / plain chain, p95": ratio(ours.get("cpu_p95_ms"), theirs.get("cpu_p95_ms")),
    }


def both(spent: Sequence[Spent]) -> dict[str, float]:
    """The spread by the clock, and median and p95 of the processor's time."""
    by_processor = spread([one.cpu for one in spent])
    return spread([one.wall for one in spent]) | {f"cpu_{name}": by_processor.get(name, 0.0) for name in _OF_CPU}


def _drafts(services: Services, texts: Sequence[str]) -> tuple[list[Spent], list[Spent], int]:
    with services.database.read() as db:
        view = community.view(db, COMMUNITY)
    chain = plain_chain(services)
    now = services.clock.now()
    ours: list[Spent] = []
    theirs: list[Spent] = []
    drafted = 0
    for number, text in enumerate((*texts[:_WARM], *texts)):
        read = _read(text, view, now)
        spent = _timed(_verdict, text) + _timed(inbox.think, services, read)
        spent_by_chain = _timed(chain, text)
        if number >= min(_WARM, len(texts)):
            ours.append(spent)
            theirs.append(spent_by_chain)
            reply = inbox.think(services, read).reply
            drafted += reply is not None and reply.text is not None
    return ours, theirs, drafted


def _read(text: str, view: CommunityView, now: datetime) -> Read:
    row = _row(text, now)
    turn = Turn(row, (row,))
    return Read(turn, overall(turn), due=True, at=now, community=view, has_name=True)


def _verdict(text: str) -> None:
    screen(ScreenInput(text=text))
    classify(mask(text).text)


def _row(text: str, now: datetime) -> MessageRow:
    verdict = screen(ScreenInput(text=text)).model_dump(mode="json")
    return MessageRow(
        id="bench", text=mask(text).text, type=MessageType.TEXT, recalled=False, risk=verdict, sent_at=now
    )


def _timed(call: Callable[..., object], *arguments: Any) -> Spent:
    cpu, begun = time.process_time(), time.perf_counter()
    call(*arguments)
    return Spent((time.perf_counter() - begun) * 1000, (time.process_time() - cpu) * 1000)
