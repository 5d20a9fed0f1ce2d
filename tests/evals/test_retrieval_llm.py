"""The retrieval suite with a model: what its answers change, what they cost, and what stands without them."""

import json
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any, Final, cast

import pytest
from click.testing import CliRunner

from agent.scripted import Scripted, ScriptedModel
from agent.steps.asking import Failure, ModelUnavailable
from agent.steps.composing import PROMPT as COMPOSE
from agent.steps.judging import PROMPT as JUDGE
from evals.asking import ask
from evals.cli import main
from evals.corpus import Knowledge, knowledge
from evals.model_door import Door, NoModel, environment
from evals.report import Report
from evals.retrieval import Query, sampled
from evals.retrieval_llm import run
from evals.stub_model import StubModel
from knowledge.embeddings import EmbeddedEncoder
from knowledge.gate import Gate, shipped

TODAY: Final = date(2026, 11, 21)
ENTRIES: Final = (
    {"id": "refund", "question": "怎么退款", "answer": "在订单页申请退款，{service_hours}有人处理。"},
    {"id": "ship", "question": "多久发货", "answer": "付款后四十八小时内发货。"},
    {"id": "ship-abroad", "question": "多久发货", "answer": "国外的订单一周内发货。"},
)
REFUND: Final = Query("q1", "怎么退款呀", frozenset({"refund"}), True, "same")
SHIPPING: Final = Query("q2", "多久发货", frozenset({"ship", "ship-abroad"}), True, "same")
OUTSIDE: Final = Query("q3", "怎么退押金", frozenset(), False, "near_miss")
BOTH: Final = Query("q4", "怎么退款？多久发货？", frozenset({"refund", "ship"}), True, "multi")
OWN_DATA: Final = Query("q5", "帮我查一下我的订单到哪了", frozenset(), False, "needs_data")
UNSURE: Final = replace(shipped(), related=0.0, answers=0.0, sure=1.1)
"""Answers everything, and is sure of nothing."""
RELUCTANT: Final = replace(shipped(), related=0.0, answers=1.1, sure=1.1)
"""Takes everything for merely related."""
SURE: Final = replace(shipped(), related=0.0, answers=0.0, sure=0.0)


def _rows(path: Path, *values: Mapping[str, Any]) -> Path:
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), "utf-8")
    return path


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Knowledge:
    path = _rows(tmp_path_factory.mktemp("kb") / "kb.jsonl", *ENTRIES)
    return knowledge(path, EmbeddedEncoder(), lambda *_: None)


@pytest.fixture
def measured(known: Knowledge) -> Callable[..., Report]:
    def measure(gate: Gate, judge: Callable[[Mapping[str, object]], Scripted], *queries: Query) -> Report:
        return _run(known, gate, ScriptedModel({JUDGE: judge}), *queries)

    return measure


def _run(known: Knowledge, gate: Gate, model: ScriptedModel, *queries: Query) -> Report:
    return run(known, gate, Door(model, "scripted", 20.0, lambda _: 7), queries, TODAY, lambda *_: None)


def _yes(values: Mapping[str, object]) -> Scripted:
    return {"answers": True, "quote": str(values["answer"])[:6]}


def _no(_: Mapping[str, object]) -> Scripted:
    return {"answers": False, "quote": ""}


def _down(_: Mapping[str, object]) -> Scripted:
    return ModelUnavailable(Failure.TIMEOUT)


def _values(report: Report, *names: str) -> list[float | None]:
    return [report.figure(name).value for name in names]


def test_yes_brings_answers_that_the_gate_held_back(measured: Callable[..., Report]) -> None:
    got = measured(RELUCTANT, _yes, REFUND, OUTSIDE)
    assert _values(got, "embedded_cited_right", "cited_right") == [0.0, 1.0]
    assert _values(got, "embedded_abstained", "abstained") == [1.0, 0.0]
    assert _values(got, "asked_model", "calls_per_100", "tokens_per_row", "degraded") == [1.0, 100.0, 7.0, 0.0]
    assert got.figure("near_miss.abstained").value == 0.0
    assert got.shown()["engine"] == "llm" and got.shown()["model"] == "scripted"


def test_no_leaves_everything_alone(measured: Callable[..., Report]) -> None:
    got = measured(UNSURE, _no, REFUND, OUTSIDE)
    assert _values(got, "embedded_wrongful_abstention", "wrongful_abstention") == [0.0, 1.0]
    assert _values(got, "embedded_abstained", "abstained") == [0.0, 1.0]
    assert got.figure("r_at_1").value == 1.0, "what was found is still shown first"


def test_entry_that_the_model_takes_comes_first(known: Knowledge, measured: Callable[..., Report]) -> None:
    first, second = (found.entry for found in ask(known, UNSURE, SHIPPING.text, TODAY).candidates[:2])
    query = SHIPPING._replace(relevant=frozenset({second.id}))
    got = measured(UNSURE, lambda values: _yes(values) if values["answer"] == second.answer else _no(values), query)
    assert _values(got, "embedded_r_at_1", "r_at_1", "cited_right") == [0.0, 1.0, 1.0]
    (row,) = got.rows
    assert row["embedded_got"][:2] == [first.id, second.id] and row["got"][:2] == [second.id, first.id]
    assert row["calls"] == 2 and row["right"] and not row["embedded_right"]


def test_model_that_is_down_changes_nothing(measured: Callable[..., Report]) -> None:
    got = measured(UNSURE, _down, REFUND, SHIPPING, OUTSIDE)
    embedded = {name: figure for name, figure in got.figures.items() if name.startswith("embedded_")}
    assert embedded == {name: got.figures[name.removeprefix("embedded_")] for name in embedded}
    assert embedded.keys() >= {"embedded_r_at_1", "embedded_cited_right", "embedded_calibration_error"}
    assert _values(got, "wrongful_abstention", "degraded", "asked_model") == [0.0, 1.0, 1.0]
    assert got.shown()["failures"] == {"timeout": 3}


class _Shut(ScriptedModel):
    def available(self) -> str | None:
        return Failure.BREAKER_OPEN


def test_model_that_is_not_worth_asking_is_not_asked(known: Knowledge) -> None:
    model = _Shut({})
    got = _run(known, UNSURE, model, REFUND)
    assert not model.calls
    assert _values(got, "degraded", "asked_model", "cited_right") == [1.0, 0.0, 1.0]
    assert got.shown()["failures"] == {"breaker_open": 1}


def test_sure_answers_and_boundaries_cost_nothing(known: Knowledge) -> None:
    model = ScriptedModel({})
    got = _run(known, SURE, model, REFUND, OWN_DATA)
    assert not model.calls
    assert _values(got, "asked_model", "degraded", "seconds_p50", "cited_right", "abstained") == [0, 0, None, 1.0, 1.0]


def _join(values: Mapping[str, object]) -> Scripted:
    passages = cast("list[dict[str, str]]", values["passages"])
    text = "".join(passage["text"] for passage in passages)
    return {"text": text, "used": [n + 1 for n in range(len(passages))], "confidence": "high"}


def test_joined_answers_cite_both(known: Knowledge) -> None:
    model = ScriptedModel({COMPOSE: _join})
    (row,) = _run(known, SURE, model, BOTH).rows
    assert model.prompts() == [COMPOSE] and not row["degraded"], row["failure"]
    assert "refund" in row["got"][:2] and row["right"]


def test_sample_keeps_shares_order_and_itself() -> None:
    kinds = ["a"] * 60 + ["b"] * 30 + ["a", "b", "c"] * 10
    queries = [Query(str(n), "问", frozenset(), False, kind) for n, kind in enumerate(kinds)]
    some = sampled(queries, 24)
    assert some == sampled(queries, 24)
    assert [int(one.id) for one in some] == sorted({int(one.id) for one in some})
    assert Counter(one.kind for one in some) == {"a": 14, "b": 8, "c": 2}
    assert int(some[0].id) < 5 and int(some[-1].id) > 110
    assert sampled(queries, 999) == sampled(queries, None) == queries


def _call(*args: str, **env: str) -> Any:
    cleared: dict[str, str | None] = {
        f"QUNZHU_LLM_{name}": None for name in ("BASE_URL", "MODEL", "API_KEY", "TIMEOUT")
    }
    return CliRunner().invoke(main, args, env={**cleared, **env})


def _files(folder: Path) -> tuple[str, ...]:
    kb = _rows(folder / "kb.jsonl", *ENTRIES)
    asked = [{"id": f"q{n}", "text": "怎么退款", "relevant_ids": ["refund"], "in_kb": True} for n in range(4)]
    return "retrieval", "--kb", str(kb), "--queries", str(_rows(folder / "q.jsonl", *asked))


@pytest.mark.parametrize(
    ("env", "says"),
    [
        ({}, "QUNZHU_LLM_BASE_URL and QUNZHU_LLM_MODEL must be set"),
        ({"QUNZHU_LLM_BASE_URL": "http://127.0.0.1:1/v1"}, "llm: QUNZHU_LLM_MODEL must be set"),
        ({"QUNZHU_LLM_TIMEOUT": "soon"}, "QUNZHU_LLM_TIMEOUT"),
    ],
)
def test_missing_model_is_named(tmp_path: Path, env: dict[str, str], says: str) -> None:
    got = _call(*_files(tmp_path), "--engine", "llm", **env)
    assert got.exit_code == 3 and got.stdout == "" and says in got.stderr


def test_environment_without_a_model(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUNZHU_LLM_BASE_URL", "")
    with pytest.raises(NoModel, match="QUNZHU_LLM_BASE_URL"):
        environment()


def test_rows_without_a_model(tmp_path: Path) -> None:
    got = json.loads(_call(*_files(tmp_path), "--rows", "3").stdout)
    assert (got["engine"], got["rows"], got["cited_right"]["n"]) == ("embedded", 3, 3)
    assert _call(*_files(tmp_path), "--rows", "0").exit_code == 2


def test_through_an_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("knowledge.gate.shipped", lambda: RELUCTANT)
    with StubModel() as stub:
        env = {"QUNZHU_LLM_BASE_URL": stub.url, "QUNZHU_LLM_MODEL": "stub"}
        got = json.loads(_call(*_files(tmp_path), "--engine", "llm", "--rows", "2", **env).stdout)
    assert (got["engine"], got["model"], got["rows"]) == ("llm", "stub", 2)
    assert stub.count == 2 and got["calls_per_100"]["value"] == 100
    assert got["cited_right"]["value"] == 1.0 and got["embedded_cited_right"]["value"] == 0.0
    assert got["tokens_per_row"]["value"] > 100 and got["degraded"]["value"] == 0.0
