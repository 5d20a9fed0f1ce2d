"""A copy of a running service's database, and a second deployment made from it."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from evals.databases import own_database
from server.cli.main import main
from tests.server.cli.conftest import Cli
from tests.server.cli.running import Ran


@pytest.fixture
def copy(qunzhu: Cli, tmp_path: Path) -> Path:
    """Of the running service."""
    path = tmp_path / "copy.tar.gz"
    ran = qunzhu("backup", str(path), "--json")
    assert ran.code == 0, ran.err
    assert ran.document["contains_secret"] is False
    assert ran.document["rows"] == sum(ran.document["tables"].values()) > 1000
    assert ran.document["bytes"] == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o600
    return path


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(
    request: pytest.FixtureRequest, service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Path]:
    """An empty deployment with the secret of the first."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    shutil.copy(service / "secret.key", folder)
    if request.param == "sqlite":
        yield folder
        return
    with own_database(request.getfixturevalue("postgres_url")) as url:
        monkeypatch.setenv("QUNZHU_DATABASE_URL", url)
        yield folder


def _run(capsys: pytest.CaptureFixture[str], *args: str) -> Ran:
    capsys.readouterr()
    code = main(list(args))
    said = capsys.readouterr()
    return Ran(code, said.out, said.err)


def test_the_second_deployment_has_the_same_past_and_finds_the_same(
    qunzhu: Cli, copy: Path, elsewhere: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    question = ("search", "--community", "hemiao-mama", "积分怎么查", "--json")
    here = qunzhu(*question)
    assert here.document["results"]
    monkeypatch.setenv("QUNZHU_DATA_DIR", str(elsewhere))
    restored = _run(capsys, "restore", str(copy), "--moved", "--json")
    assert restored.code == 0, restored.err
    assert restored.document["questioned"] == 0
    there = _run(capsys, *question)
    verified = _run(capsys, "audit", "verify", "--json")
    again = _run(capsys, "restore", str(copy), "--json")
    assert there.document == here.document
    assert verified.document["rows"] == restored.document["audit"]["rows"] > 100
    assert (again.code, again.document["code"]) == (1, "database_not_empty")


def test_a_file_that_is_there_is_not_written_over(qunzhu: Cli, copy: Path) -> None:
    before = copy.read_bytes()
    ran = qunzhu("backup", str(copy), "--json")
    assert (ran.code, ran.document["code"]) == (1, "file_exists")
    assert copy.read_bytes() == before


def test_nothing_is_left_of_a_backup_that_could_not_be_written(qunzhu: Cli, tmp_path: Path) -> None:
    ran = qunzhu("backup", str(tmp_path / "no-such-folder" / "copy"), "--json")
    assert (ran.code, ran.document["code"]) == (3, "file_failed")
    assert list(tmp_path.iterdir()) == []


def test_a_running_service_is_not_restored_under(qunzhu: Cli, copy: Path) -> None:
    ran = qunzhu("restore", str(copy), "--json")
    assert (ran.code, ran.document["code"]) == (3, "index_locked")


@pytest.mark.parametrize("secret", ["none", "another"])
def test_without_the_secret_of_that_time_nothing_is_restored(
    copy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    folder = tmp_path / "without"
    monkeypatch.setenv("QUNZHU_DATA_DIR", str(folder))
    if secret == "another":
        monkeypatch.setenv("QUNZHU_SECRET_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
    ran = _run(capsys, "restore", str(copy), "--json")
    assert (ran.code, ran.document["code"]) == (3, "backup_secret_differs")
    assert not (folder / "qunzhu.db").exists()


def test_nothing_to_back_up(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("QUNZHU_DATA_DIR", str(tmp_path / "empty"))
    ran = _run(capsys, "backup", str(tmp_path / "copy"), "--json")
    assert (ran.code, ran.document["code"]) == (3, "nothing_to_back_up")
    assert list(tmp_path.iterdir()) == []
