"""`qunzhu-evals questions`: what it prints, and how it compares."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from agent.steps.question_parse.interpretation import Days, Interpretation, Period
from evals.cli import main
from evals.questions import compared

CASES = Path(__file__).parents[2] / "evals" / "cases"
THIS_WEEK = {"start": "2026-11-16", "end": "2026-11-18"}
LAST_WEEK = {"start": "2026-11-09", "end": "2026-11-15"}


def _run(*args: str) -> Any:
    return CliRunner().invoke(main, ["questions", *args])


def test_our_own_cases_hold() -> None:
    names = str(CASES / "questions_names.json")
    ran = _run("--data", str(CASES / "questions.jsonl"), "--names", names, "--floor", "interpretation_accuracy=0.95")
    assert ran.exit_code == 0, ran.output
    told = json.loads(ran.stdout)
    assert told["rows"] >= 60 and told["refusal_accuracy"]["value"] >= 0.95
    assert set(told["per_part"]["parts"]) >= {"metric", "period", "base", "group_by", "filters"}


@pytest.mark.parametrize(
    ("row", "named"),
    [
        ({"id": "a", "question": "多少人", "today": "2026-11-18"}, "expect"),
        ({"id": "a", "question": "多少人", "expect": {}, "today": "gestern"}, "today"),
        ({"id": "a", "question": "多少人", "expect": {}}, "today"),
        ({"id": "a", "expect": {}, "today": "2026-11-18"}, "question"),
    ],
)
def test_a_bad_row_is_named(tmp_path: Path, row: dict[str, Any], named: str) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text(json.dumps(row), "utf-8")
    ran = _run("--data", str(data))
    assert ran.exit_code == 2 and f"field '{named}'" in ran.stderr and "line 1" in ran.stderr


def _found(**more: Any) -> Interpretation:
    period = Period.model_validate({"kind": "compare", **THIS_WEEK, "base": Days.model_validate(LAST_WEEK)})
    return Interpretation.model_validate({"metric": "interaction_rate", "period": period} | more)


def _expected(**more: Any) -> dict[str, Any]:
    return {"metric": "interaction_rate", "period": THIS_WEEK | {"base": LAST_WEEK}, "group_by": None} | more


def test_every_part_must_be_right() -> None:
    assert all(compared(_expected(), _found()).values())
    assert not compared(_expected(metric="members"), _found())["metric"]
    assert not compared(_expected(), _found(group_by="day"))["group_by"]
    assert not compared(_expected(filters={"community": ["a"]}), _found())["filters"]
    assert not compared(_expected(limit=3), _found())["limit"]


def test_other_right_readings_are_taken() -> None:
    assert compared(_expected(metric="speakers"), _found(), accepted=["interaction_rate"])["metric"]
    other = {"start": "2026-11-01", "end": "2026-11-02", "accept": [THIS_WEEK]}
    assert compared(_expected(period=other), _found())["period"]
    assert "period" not in compared(_expected(period=None), _found())


def test_a_refusal_is_right_by_being_one() -> None:
    got = Interpretation(tool="refuse", reason="no_data")
    assert compared({"tool": "refuse", "reason": "privacy"}, got) == {"metric": True}
    assert not compared(_expected(), got)["metric"]
