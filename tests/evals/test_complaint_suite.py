"""The suite of complaints: what it counts, and which files it refuses."""

import json
from pathlib import Path
from typing import Any

import pytest

from evals import complaint
from evals.rows import BadFile


def row(n: int, text: str, **values: Any) -> dict[str, Any]:
    clean = {"kind": "chatter", "is_complaint": False, "category": None, "severity": None}
    return {"id": str(n), "text": text} | clean | values


def written(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in rows), "utf-8")
    return path


COMPLAINT = {"kind": "complaint", "is_complaint": True, "category": "product_quality", "severity": "high"}


# scope: 20
def test_figures_of_a_small_file(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", row(1, "买了三天就坏没人管", **COMPLAINT), row(2, "早上好"), row(3, " "))
    report = complaint.run(file, None, lambda *_: None, embedder=None)
    assert report.figure("detection_f1").value == 1
    assert report.figure("severity_within_one").value == 1
    assert report.figure("product_quality.f1").value == 1
    assert report.unscored == {"empty_text": 1}
    assert report.rows[0]["got"]["quote"] == "买了三天就坏没人管"


@pytest.mark.parametrize("field", ["category", "severity"])
def test_complaint_without_its_labels_is_refused(tmp_path: Path, field: str) -> None:
    file = written(tmp_path / "rows.jsonl", row(1, "坏了", **COMPLAINT | {field: None}))
    with pytest.raises(BadFile, match=field):
        complaint.run(file, None, lambda *_: None, embedder=None)


def test_part_without_rows_is_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", row(1, "早上好"))
    with pytest.raises(BadFile, match="part"):
        complaint.run(file, "dev", lambda *_: None, embedder=None)
