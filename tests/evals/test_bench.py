"""The shape of what the benchmark puts out. How quick anything is, is no test."""

import os
from pathlib import Path

import pytest
import uvloop

from evals.bench import __main__ as command
from evals.bench.figures import ratio, spread, table
from evals.bench.load import Texts, fire
from evals.bench.over_http import Load, _backlog, _stepped, plain_store

TINY = Load(rate=20, seconds=1, steps=(20,), baseline_steps=(20,), step_seconds=1)


def test_spread_of_nothing() -> None:
    assert spread([]) == {"n": 0}


def test_spread_takes_the_nearest_rank() -> None:
    assert spread(range(1, 101)) == {"n": 100, "p50_ms": 51, "p95_ms": 96, "p99_ms": 100, "max_ms": 100}


@pytest.mark.parametrize(("ours", "theirs"), [(None, 1.0), (1.0, None), (1.0, 0.0)])
def test_ratio_without_a_figure(ours: float | None, theirs: float | None) -> None:
    assert ratio(ours, theirs) is None


def test_one_message_in_five_wants_a_draft() -> None:
    texts = Texts()
    bodies = [texts.body(number).decode() for number in range(50)]
    assert sum(any(wanting in body for wanting in texts._wanting) for body in bodies) >= 10


def test_steps_end_at_the_first_rate_that_is_not_borne() -> None:
    tried: list[float] = []

    def fire_at(rate: float) -> dict[str, object]:
        tried.append(rate)
        return {"failed": 0, "p99_ms": 10.0 if rate < 30 else 200.0, "per_second": rate}

    best = _stepped(fire_at, (10, 20, 30, 40))
    assert best is not None
    assert best["per_second"] == 20
    assert tried == [10, 20, 30]


def test_no_rate_is_borne() -> None:
    assert _stepped(lambda rate: {"failed": 1, "p99_ms": 1.0, "per_second": rate}, (10,)) is None


def test_backlog_counts_what_is_due_and_leased() -> None:
    lines = [
        'qunzhu_backlog{state="due",table="messages"} 3.0',
        'qunzhu_backlog{state="leased",table="messages"} 2.0',
        'qunzhu_backlog{state="dead",table="messages"} 7.0',
        'qunzhu_backlog{state="due",table="deliveries"} 9.0',
    ]
    assert _backlog("\n".join(lines)) == 5


def test_load_on_the_plain_store(tmp_path: Path) -> None:
    with plain_store(tmp_path / "plain.db") as (url, _pid):
        found = uvloop.run(fire(url, "none", 50, 1))
    assert found["answered"] == 50
    assert found["failed"] == 0
    assert found["n"] == 50


def test_load_on_a_port_where_nobody_listens() -> None:
    found = uvloop.run(fire("http://127.0.0.1:1", "none", 20, 0.2))
    assert found["answered"] == 0
    assert found["failed"] == 4


@pytest.mark.skipif(os.environ.get("QUNZHU_FAST") == "1", reason="QUNZHU_FAST: starts a real service, half a minute")
def test_whole_run_has_its_figures_and_ratios() -> None:
    told: list[str] = []
    result = command.run(TINY, 6, told.append)
    assert result["work"]["draft"]["n"] > 0
    assert result["work"]["plain_chain"]["n"] == result["work"]["draft"]["n"]
    assert result["http"]["sustained"]["answered"] == 20
    assert result["http"]["sustained"]["drain_seconds"] >= 0
    assert result["http"]["plain_store"]["sustained"]["answered"] == 20
    assert set(result["ratios"]) >= {"draft work / plain chain, p50", "highest rate / plain store"}
    assert "restart after a kill, seconds" in table(result)
