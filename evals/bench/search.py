"""`python -m evals.bench.search [--entries N …]`: what a search costs in a knowledge base of that size, part by part,
beside the least that any search by vectors costs (encode the question, ask Chroma once); how quickly the index is
filled, made anew and an edit found; memory. JSON on stdout, progress on stderr.

Processor time of all threads stands beside the clock's: on a machine that does other things too it is the steadier
figure. The questions are distinct and nothing remembers their vectors; the commonest words of the knowledge are warm,
as in a service that has run for a minute.
"""

import json
import os
import resource
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from agent.flows import access
from agent.flows import knowledge as flow
from agent.services import Services
from core.caller import Caller
from core.clock import SystemClock
from evals.bench.figures import ratio, spread
from evals.bench.many_entries import MOST, entries, questions
from evals.bench.work import Spent, both
from evals.inside import empty_services
from knowledge.base import KnowledgeBase
from knowledge.batcher import MicroBatcher
from knowledge.coverage import Coverage
from knowledge.entries import Entry
from knowledge.index import VectorIndex
from knowledge.lexical import LexicalIndex
from knowledge.retriever import Scope

Answer = TypeVar("Answer")
Tell = Callable[[str], None]
SIZES: Final = (200, 20_000)
QUESTIONS: Final = 400
_WARM: Final = 20
_FILE: Final = 1_000  # entries of one import
_FOUND: Final = 5
_BETWEEN: Final = 0.2
_NEW_WORDS: Final = "翡翠雨靴"
_PARTS: Final = (
    ("encode", MicroBatcher, "embed"),
    ("vectors", VectorIndex, "query"),
    ("words", LexicalIndex, "search"),
    ("coverage", Coverage, "of"),
)


def measure(size: int, count: int, tell: Tell, *, rebuild: bool) -> dict[str, Any]:
    """Everything for one size; with `rebuild` the index is made anew too, which takes as long as filling it."""
    with (
        tempfile.TemporaryDirectory(prefix="qunzhu-bench-") as folder,
        empty_services(Path(folder), SystemClock()) as services,
    ):
        caller = access.caller_of_login(services, None)
        _import(services, caller, size)
        result: dict[str, Any] = {"entries": size, "filling": _filled(services.knowledge, tell)}
        services.knowledge.warm()
        tell(f"{size} entries: {result['filling']}")
        result |= _searched(services, questions(count + _WARM, size), tell)
        result["edit_found_after_ms"] = _edited(services, caller)
        tell(f"edit: {result['edit_found_after_ms']} ms, memory {_memory()}")
        if rebuild:
            result["rebuild"] = _rebuilt(services, questions(count, size), tell)
        return result | {"memory_mb": _memory()}


def _import(services: Services, caller: Caller, size: int) -> None:
    every = [_row(entry) for entry in entries(size)]
    for first in range(0, size, _FILE):
        data = "\n".join(every[first : first + _FILE]).encode()
        done = flow.import_file(services, caller, data, "jsonl", dry_run=False, only_new=True)
        assert not done.errors, done.errors[:3]


def _row(entry: Entry) -> str:
    row = {"id": entry.id, "kind": "faq", "title": entry.title, "phrasings": entry.phrasings, "answer": entry.answer}
    return json.dumps(row, ensure_ascii=False)


def _filled(knowledge: KnowledgeBase, tell: Tell) -> dict[str, float]:
    begun, cpu = time.perf_counter(), time.process_time()
    done = knowledge.refresh(_told("filling", tell))
    return _rate(done.added if done else 0, begun, cpu)


def _rate(passages: int, begun: float, cpu: float) -> dict[str, float]:
    seconds = time.perf_counter() - begun
    used = time.process_time() - cpu
    rates = {"per_second": round(passages / seconds, 1), "per_cpu_second": round(passages / used, 1)}
    return {"passages": passages, "seconds": round(seconds, 1), **rates}


def _told(what: str, tell: Tell) -> Callable[[int, int], None]:
    told = -1

    def progress(done: int, total: int) -> None:
        nonlocal told
        if (tenth := done * 10 // total) > told:
            told = tenth
            tell(f"{what}: {done}/{total}")

    return progress


def _searched(services: Services, asked: Sequence[tuple[str, str]], tell: Tell) -> dict[str, Any]:
    """Ours and the plain search take turns, so that a busy machine slows both alike."""
    ours, plain, right = list[Spent](), list[Spent](), 0
    parts: dict[str, list[float]] = defaultdict(list)
    scope = Scope(None, services.clock.now().date())
    for number, (text, wanted) in enumerate(asked):
        with _parted() as spent:
            hits, whole = timed(services.knowledge.retriever.search, text, scope, _FOUND)
        _, least = timed(_plain, services.knowledge, text)
        if number >= _WARM:
            ours.append(whole)
            plain.append(least)
            for name, milliseconds in (spent | {"the rest": whole.wall - sum(spent.values())}).items():
                parts[name].append(milliseconds)
            right += bool(hits) and hits[0].entry.id == wanted
    search, beside = both(ours), both(plain)
    tell(f"search {search}, plain {beside}")
    return {
        "search": search,
        "parts": {name: spread(some) for name, some in parts.items()},
        "plain": beside,
        "ratios": {
            f"search / plain search, {name}": ratio(search[key], beside[key])
            for name, key in (
                ("p50", "p50_ms"),
                ("p95", "p95_ms"),
                ("CPU p50", "cpu_p50_ms"),
                ("CPU p95", "cpu_p95_ms"),
            )
        },
        "right_first": round(right / len(ours), 3),
    }


def timed(call: Callable[..., Answer], *arguments: Any) -> tuple[Answer, Spent]:
    """What it returned, and what it cost."""
    cpu, begun = time.process_time(), time.perf_counter()
    answer = call(*arguments)
    return answer, Spent((time.perf_counter() - begun) * 1000, (time.process_time() - cpu) * 1000)


def _plain(knowledge: KnowledgeBase, text: str) -> None:
    knowledge._index.query(knowledge.embedder.embed([text])[0], _FOUND)


@contextmanager
def _parted() -> Iterator[dict[str, float]]:
    """Milliseconds of this thread by part; a part inside another (words that coverage encodes) counts to the outer."""
    spent: dict[str, float] = {name: 0.0 for name, _, _ in _PARTS}
    inside, thread = [False], threading.get_ident()

    def watched(name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            if inside[0] or threading.get_ident() != thread:
                return real(*arguments, **named)
            inside[0], begun = True, time.perf_counter()
            try:
                return real(*arguments, **named)
            finally:
                spent[name] += (time.perf_counter() - begun) * 1000
                inside[0] = False

        return call

    reals = [(owner, method, getattr(owner, method)) for _, owner, method in _PARTS]
    for name, owner, method in _PARTS:
        setattr(owner, method, watched(name, getattr(owner, method)))
    try:
        yield spent
    finally:
        for owner, method, real in reals:
            setattr(owner, method, real)


def _edited(services: Services, caller: Caller) -> float:
    """From the end of an edit to the end of the search that finds it."""
    answer = f"{_NEW_WORDS}请到前台领取。"
    ways = {"title": f"{_NEW_WORDS}在哪领", "phrasings": [f"怎么领{_NEW_WORDS}"]}
    row = {"id": "many-00007", "kind": "faq", "answer": answer} | ways
    data = json.dumps(row, ensure_ascii=False).encode()
    done = flow.import_file(services, caller, data, "jsonl", dry_run=False)
    assert done.changed == 1
    begun = time.perf_counter()
    scope = Scope(None, services.clock.now().date())
    hits = services.knowledge.retriever.search(f"{_NEW_WORDS}去哪里拿", scope, k=1)
    assert hits[0].entry.answer == answer
    return round((time.perf_counter() - begun) * 1000, 1)


def _rebuilt(services: Services, asked: Sequence[tuple[str, str]], tell: Tell) -> dict[str, Any]:
    """Searches, a few a second, while the index is made anew."""
    knowledge = services.knowledge
    scope = Scope(None, services.clock.now().date())
    failed: list[BaseException] = []

    def rebuild() -> None:
        try:
            knowledge.rebuild(_told("rebuilding", tell))
        except BaseException as error:
            failed.append(error)

    begun, cpu = time.perf_counter(), time.process_time()
    thread = threading.Thread(target=rebuild)
    thread.start()
    spent, number = list[float](), 0
    while thread.is_alive():
        since = time.perf_counter()
        assert knowledge.retriever.search(asked[number % len(asked)][0], scope, k=_FOUND)
        spent.append((time.perf_counter() - since) * 1000)
        number += 1
        thread.join(_BETWEEN)
    if failed:
        raise failed[0]
    return {**_rate(knowledge._index.count(), begun, cpu), "search_meanwhile": spread(spent)}


def _memory() -> dict[str, int]:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return {"now": pages * resource.getpagesize() // 2**20, "peak": peak}


@click.command()
@click.option("--entries", "sizes", multiple=True, type=click.IntRange(20, MOST), help="may be repeated  [200, 20000]")
@click.option("--questions", "count", default=QUESTIONS, show_default=True, type=click.IntRange(10, 2_000))
@click.option("--rebuild/--no-rebuild", default=True, show_default=True, help="make the index anew too")
def main(sizes: tuple[int, ...], count: int, rebuild: bool) -> None:
    """Measure searches in knowledge of these sizes. Nothing is passed or failed here."""
    load = round(os.getloadavg()[0], 2)
    found = [measure(size, count, _to_people, rebuild=rebuild) for size in sizes or SIZES]
    click.echo(json.dumps({"cores": os.cpu_count(), "load_before": load, "sizes": found}, ensure_ascii=False))


def _to_people(line: str) -> None:
    click.echo(line, err=True)


if __name__ == "__main__":
    main()
