"""What a broken language model costs: `python -m evals.bench.model_down`.

A worker with its threads works off the same messages while a stand-in endpoint behaves well, then badly in each of its
ways. Told are, for each: seconds until the messages that need no model were done (the ratio to the well-behaved
endpoint says whether anybody else is held up), the longest wait of one that wanted the model, how many ended degraded,
how many requests the endpoint got, and whether the breaker stood open at the end.
"""

import json
import tempfile
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import click

from agent.flows import access, inbox, intake
from agent.flows import settings as settings_flow
from agent.flows.incoming import IncomingMessage
from agent.model import Model
from agent.services import Services
from core.settings import Environment
from evals.inside import demo_services
from evals.stub_model import MODES, StubModel
from evals.texts import cases, everyday
from store import drafts, due, model_calls
from store.messages import MessageRow

COMMUNITY: Final = "hemiao-mama"
TIME_LIMIT: Final = 2.0
LATENCY: Final = 0.2
_GIVE_UP: Final = 120.0


@dataclass(slots=True)
class Times:
    """Moments at which messages were finished, written by the worker's threads."""

    finished: dict[str, float]
    lock: threading.Lock

    def note(self, ids: Sequence[str]) -> None:
        now = time.monotonic()
        with self.lock:
            self.finished.update(dict.fromkeys(ids, now))


def run(services: Services, stub: StubModel, mode: str, number: int) -> dict[str, Any]:
    """Work off all messages with the endpoint in this mode, from a closed breaker."""
    stub.mode, stub.latency = mode, LATENCY if mode == "ok" else 0.0  # type: ignore[assignment]
    _close_breaker(services)
    env = services.env
    model = Model(env, services.database, services.clock)
    services.model = model
    before = stub.count
    ids = _received(services, number)
    times = Times({}, threading.Lock())
    begun = time.monotonic()
    stop = threading.Event()
    threads = [_thread(services, times, stop, with_model=False)]
    threads += [_thread(services, times, stop, with_model=True) for _ in range(env.worker_model_threads)]
    while len(times.finished) < len(ids) and time.monotonic() - begun < _GIVE_UP:
        time.sleep(0.05)
    stop.set()
    for thread in threads:
        thread.join()
    model.close()
    return {"mode": mode} | _told(services, ids, times, begun) | {"requests": stub.count - before}


def _thread(services: Services, times: Times, stop: threading.Event, *, with_model: bool) -> threading.Thread:
    def job() -> None:
        which = inbox.MODEL_QUEUE if with_model else inbox.OWN_QUEUE
        lease = timedelta(seconds=60)
        while not stop.is_set():
            with services.database.write() as db:
                name, most = threading.current_thread().name, 1 if with_model else 16
                claims = due.claim(
                    db, MessageRow, worker=name, lease=lease, most=most, which=which, in_order=not with_model
                )
            if claims:
                times.note(inbox.handle(services, claims, with_model=with_model))
            else:
                stop.wait(0.05)

    thread = threading.Thread(target=job, name=f"bench-{'model' if with_model else 'own'}", daemon=True)
    thread.start()
    return thread


def _received(services: Services, number: int) -> list[str]:
    owner = access.caller_of_login(services, None)
    texts = [*(row["text"] for row in cases("wordings")), *(row["text"] for row in cases("outside")), *everyday()]
    ids = []
    for place, text in enumerate(texts):
        wire = {
            "channel": "wecom",
            "community_id": COMMUNITY,
            "message_id": f"bench-{number}-{place}",
            "sender": {"id": f"bench-{number}-{place}"},
            "text": text,
            "sent_at": datetime.now(UTC),
        }
        ids.append(intake.receive(services, owner, IncomingMessage.model_validate(wire)).message_id)
    return ids


def _close_breaker(services: Services) -> None:
    with services.database.write() as db:
        for row in model_calls.breakers(db):
            db.delete(row)


def _told(services: Services, ids: Sequence[str], times: Times, begun: float) -> dict[str, Any]:
    with services.database.read() as db:
        made = {id_: drafts.of_message(db, id_) for id_ in ids}
        asked = {id_ for id_ in ids if model_calls.of_object(db, id_)}
        is_open = any(row.open_until is not None for row in model_calls.breakers(db))
    wanted = {
        id_ for id_, draft in made.items() if id_ in asked or (draft and (draft.degraded or draft.engine == "llm"))
    }
    own = [times.finished[id_] - begun for id_ in ids if id_ not in wanted and id_ in times.finished]
    waited = [times.finished[id_] - begun for id_ in wanted if id_ in times.finished]
    return {
        "messages": len(ids),
        "unfinished": len(set(ids) - set(times.finished)),
        "embedded_seconds": round(max(own, default=0.0), 2),
        "wanted_model": len(wanted),
        "longest_wait_seconds": round(max(waited, default=0.0), 2),
        "degraded": sum(bool(draft and draft.degraded) for draft in made.values()),
        "breaker_open": is_open,
    }


@click.command()
@click.option("--mode", "modes", multiple=True, type=click.Choice(MODES), help="default: all")
def main(modes: tuple[str, ...]) -> None:
    """Each mode beside a well-behaved endpoint in the same run; JSON on stdout, a table on stderr."""
    stub = StubModel("ok")
    with tempfile.TemporaryDirectory(prefix="qunzhu-bench-") as folder, demo_services(Path(folder)) as services:
        services.env = Environment(
            env="test", data_dir=Path(folder), llm_base_url=stub.start(), llm_model="stub", llm_timeout=TIME_LIMIT
        )
        settings_flow.change(services, access.caller_of_login(services, None), "inbox.burst_seconds", 0)
        services.knowledge.warm()
        rows = []
        for number, mode in enumerate(("ok", "ok", *(modes or [one for one in MODES if one != "ok"]))):
            rows.append(run(services, stub, mode, number))
            healthy = rows[min(1, len(rows) - 1)]["embedded_seconds"] or 1
            rows[-1]["embedded_ratio"] = round(rows[-1]["embedded_seconds"] / healthy, 2)
            click.echo(json.dumps(rows[-1], ensure_ascii=False), err=True)
    with suppress(Exception):
        stub.stop()
    click.echo(json.dumps(rows, ensure_ascii=False))


if __name__ == "__main__":
    main()
