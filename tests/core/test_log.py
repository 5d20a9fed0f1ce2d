"""Log lines: JSON, with the correlation id, personal data masked."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from core import log


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[pytest.CaptureFixture[str]]:
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    yield capsys
    root.handlers[:] = before
    root.setLevel(level)
    structlog.reset_defaults()
    log.clear()


def _begin() -> None:
    """Called in the test itself: pytest's own handler is on the root logger only then, and must go too."""
    log.configure()


def _last(lines: pytest.CaptureFixture[str]) -> dict[str, object]:
    found: dict[str, object] = json.loads(lines.readouterr().err.splitlines()[-1])
    return found


def test_line_is_json_with_its_correlation_id(lines: pytest.CaptureFixture[str]) -> None:
    _begin()
    bound = log.bind_correlation("abc-1")
    log.get("t").info("thing_done", number=3)
    line = _last(lines)
    assert (bound, line["correlation_id"], line["event"], line["number"]) == ("abc-1", "abc-1", "thing_done", 3)
    assert line["level"] == "info"


def test_personal_data_is_masked_wherever_it_stands(lines: pytest.CaptureFixture[str]) -> None:
    # scope: 35
    _begin()
    log.get("t").info("called 13912345678", nested={"list": ["13912345678"]}, number=13912345678)
    text = lines.readouterr().err
    assert "139****5678" in text
    assert "13912345678" not in text


def test_trace_of_an_exception_is_masked(lines: pytest.CaptureFixture[str]) -> None:
    # scope: 35
    _begin()
    try:
        raise ValueError("13912345678")
    except ValueError:
        log.get("t").exception("broke")
    text = lines.readouterr().err
    assert "ValueError" in text
    assert "13912345678" not in text


def test_other_libraries_lines_are_masked_too(lines: pytest.CaptureFixture[str]) -> None:
    # scope: 35
    _begin()
    logging.getLogger("uvicorn.error").warning("peer sent %s", "13912345678")
    text = lines.readouterr().err
    assert "peer sent" in text
    assert "13912345678" not in text


def test_made_ids_differ_and_clear_forgets() -> None:
    first, second = log.bind_correlation(), log.bind_correlation()
    assert first != second == log.correlation()
    log.clear()
    assert log.correlation() is None
