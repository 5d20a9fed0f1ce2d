"""The suite for personal data: its figures, its made sentences, and the bar that the finders hold."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from core.personal_data import PersonalDataKind
from evals import personal_data
from evals.cli import main
from evals.personal_sentences import decoys, positives
from evals.rows import BadFile


def _file(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def negatives(tmp_path: Path) -> Path:
    return _file(tmp_path / "negatives.jsonl", {"id": "n1", "text": "一共138元"}, {"id": "n2", "text": "打13800138000"})


@pytest.fixture
def obfuscated(tmp_path: Path) -> Path:
    return _file(
        tmp_path / "obfuscated.jsonl",
        {"id": "o1", "text": "打一三八零零一三八零零零", "kind": "phone", "start": 1, "end": 12},
        {"id": "o2", "text": "找隔壁老王要", "kind": "phone", "start": 1, "end": 5},
        {"id": "o3", "text": "扣扣12345678", "kind": "wechat_id", "start": 2, "end": 10},
    )


def _call(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["personal", *map(str, args)])


def test_the_bar_is_held() -> None:
    report = personal_data.run(100, personal_data.NEGATIVES, personal_data.OBFUSCATED, lambda *_: None)
    value = {name: report.figure(name).value or 0 for name in report.names()}
    below = {kind: value[f"{kind}.recall"] for kind in PersonalDataKind if value[f"{kind}.recall"] < 0.98}
    loose = {kind: value[f"{kind}.precision"] for kind in PersonalDataKind if value[f"{kind}.precision"] < 0.95}
    assert (below, loose) == ({}, {})
    assert value["negatives_left_alone"] >= 0.98
    assert value["obfuscated_recall"] >= 0.98
    assert value["obfuscated_precision"] >= 0.95


@pytest.mark.parametrize("kind", PersonalDataKind)
def test_made_sentences_are_always_the_same_and_all_different(kind: PersonalDataKind) -> None:
    cases = [*positives(kind, 60), *decoys(kind, 60)]
    assert cases == [*positives(kind, 60), *decoys(kind, 60)]
    assert len({case.text for case in cases}) == len({case.id for case in cases}) == 120
    assert all(
        value.kind in PersonalDataKind and case.text[value.start : value.end] for case in cases for value in case.right
    )
    assert all(any(value.kind is kind for value in case.right) for case in cases[:60])


def test_figures_of_written_texts(negatives: Path, obfuscated: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    got = _call("--cases", "1", "--negatives", negatives, "--obfuscated", obfuscated, "--out", out)
    assert got.exit_code == 0, got.output
    shown = json.loads(got.stdout)
    assert (shown["suite"], shown["negatives"], shown["obfuscated"]) == ("personal", 2, 3)
    assert shown["negatives_left_alone"]["value"] == 0.5
    assert shown["obfuscated_recall"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert shown["obfuscated_precision"]["value"] == 0.5
    assert shown["obfuscated_per_kind"]["obfuscated_phone"]["recall"] == {
        "value": 0.5,
        "n": 2,
        "interval": shown["obfuscated_per_kind"]["obfuscated_phone"]["recall"]["interval"],
    }
    right = {row["id"]: row["right"] for row in map(json.loads, out.read_text("utf-8").splitlines())}
    assert [right[id] for id in ("n1", "n2", "o1", "o2", "o3")] == [True, False, True, False, False]


def test_below_a_floor(negatives: Path, obfuscated: Path) -> None:
    files = ("--cases", "1", "--negatives", negatives, "--obfuscated", obfuscated)
    assert _call(*files, "--floor", "negatives_left_alone=0.9").exit_code == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [({"kind": "name"}, "kind"), ({"start": "1"}, "start"), ({"end": 99}, "end"), ({"start": 5, "end": 5}, "end")],
)
def test_a_row_that_cannot_be_read_names_its_field(
    tmp_path: Path, negatives: Path, change: dict[str, Any], field: str
) -> None:
    row = {"id": "a", "text": "打一三八零零一三八零零零", "kind": "phone", "start": 1, "end": 12} | change
    with pytest.raises(BadFile, match=f"line 1, field '{field}'"):
        personal_data.run(1, negatives, _file(tmp_path / "bad.jsonl", row), lambda *_: None)
