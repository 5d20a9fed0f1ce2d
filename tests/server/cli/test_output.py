"""Tables and texts on a terminal."""

import pytest

from core.errors import Unavailable
from server.cli import reindex
from server.cli.output import clip, plain, shown, table, width
from server.cli.risk_trial import underlined
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
