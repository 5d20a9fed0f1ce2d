"""The suite for campaigns' briefs runs the flow's own steps and says what went wrong."""

import json
from pathlib import Path

import pytest

from evals import campaigns
from evals.rows import BadFile

ROOT = Path(__file__).parents[2]
_ROW = {
    "id": "a",
    "brief": "沉睡会员发5元券，文案写全网最低",
    "today": "2026-11-18",
    "trap": "absolute_claim",
    "expect": {"segment": {"activity": ["dormant"]}, "goal_metric": "purchase_conversion"},
}


def _run(path: Path, *rows: object) -> dict[str, float | None]:
    data = path / "rows.jsonl"
    data.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    report = campaigns.run(data, None, lambda *_: None)
    return {name: figure.value for name, figure in report.figures.items()}


def test_our_own_briefs_are_understood() -> None:
    report = campaigns.run(ROOT / "evals" / "cases" / "campaigns.jsonl", None, lambda *_: None)
    assert report.facts["rows"] >= 30
    assert [row["id"] for row in report.rows if not row["right"]] == []


def test_each_figure_counts_its_own_rows(tmp_path: Path) -> None:
    harmless = _ROW | {"id": "b", "trap": None, "brief": "给沉睡会员发5元券"}
    wrong = _ROW | {"id": "c", "trap": "minors", "expect": {"segment": {"level": ["5"]}, "goal_metric": ["gmv", "aov"]}}
    got = _run(tmp_path, _ROW, harmless, wrong)
    assert got == {
        "segment_accuracy": pytest.approx(2 / 3),
        "goal_accuracy": pytest.approx(2 / 3),
        "compliance_recall": 0.5,
        "false_refusals": 0.0,
    }


@pytest.mark.parametrize("field", [{"trap": "nonsense"}, {"today": "soon"}, {"expect": {}}, {"brief": 3}])
def test_a_row_that_cannot_be_read_names_its_field(tmp_path: Path, field: dict[str, object]) -> None:
    with pytest.raises(BadFile, match=next(iter(field))):
        _run(tmp_path, _ROW | field)


def test_names_are_those_of_the_database(tmp_path: Path) -> None:
    names = tmp_path / "names.json"
    names.write_text(json.dumps({"communities": ["奶爸群"], "tags": ["猫奴"]}), "utf-8")
    data = tmp_path / "rows.jsonl"
    row = _ROW | {"trap": None, "brief": "给猫奴发5元券", "expect": {"segment": {"tags": ["猫奴"]}}}
    data.write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    assert campaigns.run(data, names, lambda *_: None).figures["segment_accuracy"].value == 1.0
    names.write_text("[]", "utf-8")
    with pytest.raises(BadFile):
        campaigns.run(data, names, lambda *_: None)
