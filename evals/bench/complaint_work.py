"""`python -m evals.bench.complaint_work`: what a member's message costs from the door to its draft, complaint beside
question beside talk, on a whole SQLite deployment: screening, reading, case, clock, two drafts, incident look."""

import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from agent.flows import access, inbox, intake
from agent.flows.incoming import IncomingMessage, Sender
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.vocabulary import MessageKind
from evals.bench.figures import ratio
from evals.bench.work import Spent, both
from evals.complaint import message
from evals.inside import demo_services
from evals.rows import read
from store import due
from store.messages import MessageRow

CASES: Final = Path(__file__).parents[1] / "cases" / "complaint.jsonl"
_COMMUNITY: Final = "hemiao-mama"
_WARM: Final = 5
_APART: Final = timedelta(minutes=7)
_KINDS: Final = (MessageKind.COMPLAINT, MessageKind.QUESTION, MessageKind.CHATTER)


def measure(texts: Mapping[MessageKind, Sequence[str]]) -> dict[str, Any]:
    """Milliseconds by the clock and of the processor, a message; taken in turns, so that a busy machine slows all
    alike."""
    clock = ManualClock(datetime(2026, 3, 3, 2, 0, tzinfo=UTC))
    with tempfile.TemporaryDirectory() as folder, demo_services(Path(folder), clock=clock) as services:
        caller = access.caller_of_login(services, None)
        spent: dict[MessageKind, list[Spent]] = {kind: [] for kind in texts}
        for number in range(max(map(len, texts.values()))):
            for kind, said in texts.items():
                if number < len(said):
                    spent[kind].append(_one(services, caller, clock, f"{kind}-{number}", said[number]))
    found: dict[str, Any] = {kind.value: both(times[_WARM:]) for kind, times in spent.items()}
    found["complaint / question, CPU p50"] = _ratio(found, "cpu_p50_ms")
    found["complaint / question, CPU p95"] = _ratio(found, "cpu_p95_ms")
    return found


def _ratio(found: dict[str, Any], name: str) -> float | None:
    return ratio(found[MessageKind.COMPLAINT].get(name), found[MessageKind.QUESTION].get(name))


def _one(services: Services, caller: Caller, clock: ManualClock, name: str, text: str) -> Spent:
    sender = Sender(id=f"bench-{name}", name="小满妈妈")
    incoming = IncomingMessage(
        channel="wecom", community_id=_COMMUNITY, message_id=name, sender=sender, text=text, sent_at=clock.now()
    )
    cpu, begun = time.process_time(), time.perf_counter()
    intake.receive(services, caller, incoming)
    clock.advance(seconds=7)
    with services.database.write() as db:
        claims = due.claim(db, MessageRow, worker="bench", lease=timedelta(minutes=5), most=5)
    inbox.handle(services, claims)
    spent = Spent((time.perf_counter() - begun) * 1000, (time.process_time() - cpu) * 1000)
    clock.advance(seconds=_APART.total_seconds())
    return spent


@click.command()
@click.option("--data", type=click.Path(path_type=Path, dir_okay=False), default=CASES, show_default=True)
@click.option("--most", default=60, show_default=True, help="Messages of each kind.")
def main(data: Path, most: int) -> None:
    """Measure on this machine, one message at a time."""
    rows = [one for row in read(data) if (one := message(row)).part != "held"]
    texts = {kind: [one.text for one in rows if one.kind is kind and one.text.strip()][:most] for kind in _KINDS}
    click.echo(json.dumps(measure(texts), ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
