"""Commands as a person types them: against a real service of this run, or alone on a data folder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from server.cli.main import main
from tests.server.cli.running import Ran, await_service, start, stop


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The data folder of a running service with the demo. Tests share it: each works on things of its own."""
    data_dir = tmp_path_factory.mktemp("service")
    process = start(["serve", "--demo"], data_dir)
    await_service(data_dir, process)
    yield data_dir
    stop(process)


Cli = Callable[..., Ran]


@pytest.fixture
def qunzhu(service: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Cli:
    """A command that talks to the service."""
    monkeypatch.setenv("QUNZHU_DATA_DIR", str(service))

    def run(*args: str) -> Ran:
        capsys.readouterr()
        code = main(list(args))
        said = capsys.readouterr()
        return Ran(code, said.out, said.err)

    return run


@pytest.fixture
def say(qunzhu: Cli) -> Callable[[str], Any]:
    """What becomes of a member's message in the demo's parents' group."""

    def send(text: str) -> Any:
        ran = qunzhu("say", "--community", "hemiao-mama", "--as", "wx-cli", text, "--json")
        assert ran.code == 0, ran.err
        return ran.document

    return send
