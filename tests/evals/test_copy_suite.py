"""The suite for our own outgoing text: what it counts, and how it says that a row cannot be read."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from agent.steps import copy_check
from core.copy_hits import CopyHit
from core.vocabulary import CopyLabel
from evals import copy_suite
from evals.cli import main
from evals.rows import BadFile

LOWEST = "全网最低"
WORDS = {
    LOWEST: CopyLabel.ABSOLUTE_CLAIM,
    "根治": CopyLabel.MEDICAL_CLAIM,
    "99元": CopyLabel.UNSUPPORTED_FACT,
}


@pytest.fixture
def simple_check(monkeypatch: pytest.MonkeyPatch) -> None:
    """Finds the words above, and 99元 only where no source has it."""

    def check(text: str, sources: list[str]) -> list[CopyHit]:
        at = {word: text.find(word) for word in WORDS if not any(word in source for source in sources)}
        return [
            CopyHit(label=WORDS[word], span=(start, start + len(word)), advice="")
            for word, start in at.items()
            if start >= 0
        ]

    monkeypatch.setattr(copy_check, "check", check)


def _row(id: str, text: str, *marked: tuple[str, str], **more: Any) -> dict[str, Any]:
    spans = [
        {"label": label, "text": words, "start": text.index(words), "end": text.index(words) + len(words)}
        for label, words in marked
    ]
    return {"id": id, "text": text, "labels": sorted({label for label, _ in marked}), "spans": spans, **more}


def _file(folder: Path, *rows: dict[str, Any]) -> Path:
    path = folder / "copy.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), "utf-8")
    return path


def _call(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["copy", *map(str, args)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return _file(
        tmp_path,
        _row("whole", "这是全网最低的价", ("absolute_claim", LOWEST), kind="claim", part="dev"),
        _row("partly", "💊保证根治脚气", ("medical_claim", "保证根治"), kind="cure", part="dev"),
        _row("missed", "一喝就好的茶", ("medical_claim", "一喝就好"), kind="cure", part="held"),
        _row("let-through", "雨靴99元一双", sources=["雨靴 99元"], kind="clean", part="dev"),
        _row("blocked", "本群禁发根治类广告", kind="clean", part="held"),
        _row("empty", " ", part="dev"),
    )


@pytest.mark.usefixtures("simple_check")
def test_each_figure_counts_its_own_rows(data: Path) -> None:
    report = copy_suite.run(data, None, lambda *_: None)
    value = {name: report.figure(name).value for name in report.names()}
    assert value["caught"] == pytest.approx(2 / 3)
    assert (value["clean_false_block_rate"], report.figure("clean_false_block_rate").n) == (0.5, 2)
    assert value["exact"] == pytest.approx(3 / 5)
    assert (value["medical_claim.precision"], value["medical_claim.recall"]) == (0.5, 0.5)
    assert value["absolute_claim.f1"] == 1.0
    assert value["macro_f1"] == pytest.approx(0.75)
    assert value["cure.exact"] == 0.5
    assert report.unscored == {"empty_text": 1}


@pytest.mark.usefixtures("simple_check")
def test_spans_are_compared_in_code_points(data: Path) -> None:
    report = copy_suite.run(data, None, lambda *_: None)
    assert report.figure("absolute_claim.span_overlap").value == 1.0
    assert report.figure("medical_claim.span_overlap")[:2] == (0.5, 1)
    assert report.figure("medical_claim.span_found")[:2] == (0.5, 2)


@pytest.mark.usefixtures("simple_check")
def test_one_part_alone(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    got = _call("--data", data, "--part", "held", "--out", out, "--floor", "clean_false_block_rate=0.5")
    assert got.exit_code == 0, got.output
    shown = json.loads(got.stdout)
    assert (shown["suite"], shown["rows"], shown["unscored"]["n"]) == ("copy", 2, 0)
    written = {row["id"]: row for row in map(json.loads, out.read_text("utf-8").splitlines())}
    assert written["missed"]["label"] == ["medical_claim"] and not written["missed"]["right"]
    assert written["blocked"]["got"] == [{"label": "medical_claim", "start": 4, "end": 6, "text": "根治"}]


def test_a_part_that_no_text_has(data: Path) -> None:
    got = _call("--data", data, "--part", "test")
    assert got.exit_code == 2 and "'part'" in got.stderr


def test_below_a_floor(data: Path) -> None:
    assert _call("--data", data, "--floor", "exact=1.1").exit_code == 1


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"text": None}, "text"),
        ({"labels": None}, "labels"),
        ({"labels": ["nonsense"]}, "labels"),
        ({"sources": "雨靴"}, "sources"),
        ({"spans": "0-4"}, "spans"),
        ({"spans": [{"label": "privacy", "start": 0, "end": 1}]}, "spans"),
        ({"spans": [{"label": "absolute_claim", "start": 3, "end": 3}]}, "spans"),
        ({"spans": [{"label": "absolute_claim", "start": 0, "end": 99}]}, "spans"),
        ({"spans": [{"label": "absolute_claim", "start": 0, "end": 2, "text": "最低"}]}, "spans"),
    ],
)
def test_a_row_that_cannot_be_read_names_its_field(tmp_path: Path, change: dict[str, Any], field: str) -> None:
    path = _file(tmp_path, _row("a", "这是全网最低的价", ("absolute_claim", LOWEST)) | change)
    with pytest.raises(BadFile, match=f"line 1, field '{field}'"):
        copy_suite.run(path, None, lambda *_: None)


def test_sources_and_spans_may_be_left_out(tmp_path: Path) -> None:
    path = _file(tmp_path, {"id": "a", "text": "这是全网最低的价", "labels": ["absolute_claim"]})
    report = copy_suite.run(path, None, lambda *_: None)
    assert report.figure("absolute_claim.recall").value == 1.0
    assert report.figure("absolute_claim.span_found").value is None
