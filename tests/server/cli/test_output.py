"""Tables and texts on a terminal."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

from core.errors import Unavailable
from server import cli
from server.cli import failure, reindex
from server.cli.output import clip, measure, plain, shown, table, width
from server.cli.risk_trial import underlined
from server.cli.words import _WORDS as words
from server.cli.words import word


@pytest.mark.parametrize(("text", "columns"), [("abc", 3), ("群助", 4), ("a群", 3), ("é", 1), ("", 0), ("（）", 4)])
def test_width_counts_columns(text: str, columns: int) -> None:
    assert width(text) == columns


def test_columns_stand_under_each_other_with_chinese() -> None:
    lines = table([{"id": "群", "name": "x"}, {"id": "abcd", "name": "y"}], ("id", "name")).splitlines()
    assert {width(line[: line.index(mark)]) for line, mark in zip(lines[1:], "xy", strict=True)} == {6}


def test_nothing_found_says_so() -> None:
    assert table([], ("id",)) != ""


def test_long_cells_are_clipped_by_columns() -> None:
    assert width(clip("群" * 50, 20)) <= 20
    assert clip("short", 20) == "short"


def test_escape_sequences_and_direction_marks_do_not_reach_the_terminal() -> None:
    tricky = "a\x1b[31mb\u202ec\r\nd"
    cleaned = plain(tricky)
    assert len(cleaned) == len(tricky)
    assert not set("\x1b\u202e\r\n") & set(cleaned)
    assert "\n" not in shown(tricky)


def test_spans_are_marked_under_wide_characters() -> None:
    assert list(underlined("加微信ok", range(1, 3))) == ["加微信ok", "  ^^^^"]


def test_long_texts_are_marked_line_by_line() -> None:
    lines = list(underlined("群" * 60, [50]))
    assert [width(line) for line in lines] == [76, 44, 26]
    assert lines[2].strip() == "^^"


def test_a_rebuild_tells_percent_and_pace(monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter([100.0, 110.0])
    monkeypatch.setattr("server.cli.reindex.time.monotonic", lambda: next(moments))
    seen = iter(
        [{"state": "rebuilding", "done": 100, "total": 400}, {"state": "rebuilding", "done": 300, "total": 400}]
    )
    watched = reindex._Watched(lambda: next(seen))
    first, later = watched(), watched()
    assert "25" in first and "100/400" in first
    assert "75" in later and "300/400" in later and "20" in later


def test_a_rebuild_whose_state_cannot_be_had_still_says_what_it_does() -> None:
    def away() -> dict[str, object]:
        raise Unavailable("service_not_answering", url="http://here", why="ReadTimeout")

    assert reindex._Watched(away)() == word("rebuilding")
    assert reindex._Watched(lambda: {"state": "at_rest", "done": 1, "total": 1})() == word("rebuilding")


def _named(module: ast.Module) -> Iterator[str]:
    """The keys of words and the columns of tables that a command's module names as constants."""
    constants = {
        node.targets[0].id: node.value
        for node in module.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name)
    }
    for node in ast.walk(module):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("word", "table"):
            wanted = node.args[1 if node.func.id == "table" else 0]
            wanted = constants.get(wanted.id, wanted) if isinstance(wanted, ast.Name) else wanted
            for one in wanted.elts if isinstance(wanted, ast.Tuple | ast.List) else [wanted]:
                if isinstance(one, ast.Constant):
                    yield str(one.value)


def test_every_column_and_word_that_a_command_names_has_its_text() -> None:
    folder = Path(cli.__file__).parent
    named = {key for path in folder.glob("*.py") for key in _named(ast.parse(path.read_text("utf-8")))}
    assert "minutes" in named
    assert sorted(named - words.keys()) == []


def test_what_is_done_is_named_with_its_measure() -> None:
    assert measure({"action": "mute", "minutes": 60}) == "mute 60min"
    assert measure({"action": "remove", "minutes": None, "kind": "moderation"}) == "remove"
    assert measure({"action": None, "minutes": None, "kind": "private"}) == "private"
    assert measure({"action": ""}) == ""


def test_a_blocked_text_is_told_in_lines(capsys: pytest.CaptureFixture[str]) -> None:
    hit = {"label": "absolute_claim", "span": [0, 4], "text": "全网最低", "advice": "写具体价格"}
    problem = {"title": "没通过", "code": "copy_blocked", "detail": "请改", "copy": [hit]}
    assert failure.report(failure.Refused(problem, 422), as_json=False) == 2
    assert "  absolute_claim  全网最低 → 写具体价格\n" in capsys.readouterr().err
