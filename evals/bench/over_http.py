"""Ingest over HTTP with durable storage: one long load at the budget's rate, the highest rate that is borne, and the
same for the baseline that only stores."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import httpx2

from evals.bench.figures import ratio
from evals.service import Service, cpu_seconds, free_port, lay_down_demo, new_key

MOST_P99_MS: Final = 150.0
_BORNE: Final = 0.97
"""Share of the rate that must have been answered for a rate to count as borne."""
_DRAIN_SECONDS: Final = 300.0
Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Load:
    """`steps` are rates tried in turn, each for `step_seconds`, until one isn't borne."""

    rate: float = 160.0
    seconds: float = 60.0
    steps: Sequence[float] = (100, 150, 200, 250, 300, 350, 400, 500, 600)
    baseline_steps: Sequence[float] = (300, 500, 700, 900, 1100, 1300, 1600, 2000)
    step_seconds: float = 15.0


def measure(load: Load, data_dir: Path, tell: Tell) -> dict[str, Any]:
    """Everything that is measured over HTTP."""
    service = Service(data_dir)
    try:
        started = service.start()
        lay_down_demo(service)
        service.kill()
        restarted = service.start()
        key = new_key(service, "bench", "bot")
        tell(f"started in {started:.1f} s, after a kill in {restarted:.1f} s")
        sustained = _loaded(service, key, load.rate, load.seconds, tell)
        borne = _stepped(lambda rate: _loaded(service, key, rate, load.step_seconds, tell), load.steps)
        now, peak = service.memory_mb()
    finally:
        service.stop()
    return {
        "start_seconds": round(started, 2),
        "restart_seconds": round(restarted, 2),
        "sustained": sustained,
        "highest": borne,
        "resident_mb": round(now),
        "peak_mb": round(peak),
        "plain_store": _baseline(load, data_dir, tell),
    }


def ratios(http: dict[str, Any]) -> dict[str, float | None]:
    ours, theirs = http["sustained"], http["plain_store"]["sustained"]
    highest, theirs_highest = http["highest"] or {}, http["plain_store"]["highest"] or {}
    return {
        "highest rate / plain store": ratio(highest.get("per_second"), theirs_highest.get("per_second")),
        "p50 at the same rate / plain store": ratio(ours.get("p50_ms"), theirs.get("p50_ms")),
        "p99 at the same rate / plain store": ratio(ours.get("p99_ms"), theirs.get("p99_ms")),
        "CPU a message / plain store": ratio(ours["cpu_ms_a_message"], theirs["cpu_ms_a_message"]),
    }


def _stepped(fire: Callable[[float], dict[str, Any]], steps: Sequence[float]) -> dict[str, Any] | None:
    """The figures of the highest rate that was borne; None where none was."""
    best = None
    for rate in steps:
        found = fire(rate)
        if found["failed"] or found["p99_ms"] > MOST_P99_MS or found["per_second"] < _BORNE * rate:
            break
        best = found
    return best


def _loaded(service: Service, key: str, rate: float, seconds: float, tell: Tell) -> dict[str, Any]:
    """One load with the time until its backlog is worked off, and the processor time it cost the service."""
    before = service.cpu_seconds()
    figures = fired(service.url, key, rate, seconds)
    during = service.cpu_seconds() - before
    begun = time.perf_counter()
    _drain(service.url)
    figures["drain_seconds"] = round(time.perf_counter() - begun, 1)
    spent = service.cpu_seconds() - before
    figures["cpu_share_during"] = round(during / figures["seconds"], 2)
    figures["cpu_ms_a_message"] = round(spent * 1000 / max(1, figures["answered"]), 2)
    tell(_line("service", figures))
    return figures


def fired(url: str, key: str, rate: float, seconds: float) -> dict[str, Any]:
    """What the load generator measured, in a process of its own."""
    command = [sys.executable, "-m", "evals.bench.load", "--url", url, "--rate", str(rate), "--seconds", str(seconds)]
    done = subprocess.run(command, env=os.environ | {"QUNZHU_KEY": key}, capture_output=True, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def _drain(url: str) -> None:
    end = time.monotonic() + _DRAIN_SECONDS
    with httpx2.Client(timeout=30, trust_env=False) as client:
        while _backlog(client.get(f"{url}/metrics").text) and time.monotonic() < end:
            time.sleep(0.25)


def _backlog(exposition: str) -> float:
    """Messages that are due or being worked on."""
    lines = [line for line in exposition.splitlines() if line.startswith("qunzhu_backlog{")]
    wanted = [line for line in lines if 'table="messages"' in line and 'state="dead"' not in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in wanted)


def _baseline(load: Load, data_dir: Path, tell: Tell) -> dict[str, Any]:
    with plain_store(data_dir / "plain.db") as (url, pid):

        def fire(rate: float, seconds: float) -> dict[str, Any]:
            before = cpu_seconds(pid)
            figures = fired(url, "none", rate, seconds)
            spent = cpu_seconds(pid) - before
            figures["cpu_ms_a_message"] = round(spent * 1000 / max(1, figures["answered"]), 2)
            tell(_line("plain store", figures))
            return figures

        sustained = fire(load.rate, load.step_seconds)
        return {
            "sustained": sustained,
            "highest": _stepped(lambda rate: fire(rate, load.step_seconds), load.baseline_steps),
        }


@contextmanager
def plain_store(path: Path) -> Iterator[tuple[str, int]]:
    """The baseline's URL and process id while it runs."""
    port = free_port()
    process = subprocess.Popen([sys.executable, "-m", "evals.bench.plain_store", str(path), str(port)])
    try:
        _wait(f"http://127.0.0.1:{port}/readyz")
        yield f"http://127.0.0.1:{port}", process.pid
    finally:
        process.terminate()
        process.wait(timeout=30)


def _wait(url: str) -> None:
    """Raises `TimeoutError` after 30 s."""
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            if httpx2.get(url, timeout=2, trust_env=False).status_code == 200:
                return
        except httpx2.HTTPError:
            time.sleep(0.05)
    raise TimeoutError(url)


def _line(who: str, figures: dict[str, Any]) -> str:
    drained = f", drained after {figures['drain_seconds']} s" if "drain_seconds" in figures else ""
    return (
        f"{who} at {figures['rate']:.0f}/s: {figures['per_second']}/s answered, p50 {figures.get('p50_ms')} ms, "
        f"p99 {figures.get('p99_ms')} ms, {figures['cpu_ms_a_message']} ms CPU a message{drained}"
    )
