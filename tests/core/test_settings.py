"""The environment of a deployment."""

import base64
import os
from pathlib import Path

import pytest
from pydantic import ValidationError

from core.errors import Unavailable
from core.settings import Environment, write_private

KEY = base64.b64encode(b"s" * 32).decode()


@pytest.fixture(autouse=True)
def _clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("QUNZHU_")]:
        monkeypatch.delenv(name)


def test_defaults_keep_to_this_machine() -> None:
    env = Environment()
    assert (env.host, env.port, env.env, env.database_url) == ("127.0.0.1", 8000, "development", None)


def test_production_refuses_to_start_without_its_own_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUNZHU_ENV", "production")
    with pytest.raises(ValidationError, match="QUNZHU_SECRET_KEY"):
        Environment()
    monkeypatch.setenv("QUNZHU_SECRET_KEY", KEY)
    assert Environment().secret == b"s" * 32


def test_secret_is_made_once_and_for_its_owner_only(tmp_path: Path) -> None:
    first = Environment(data_dir=tmp_path / "var")
    path = tmp_path / "var" / "secret.key"
    assert first.secret == Environment(data_dir=tmp_path / "var").secret
    assert len(first.secret) == 32
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("broken", ["", "short", base64.b64encode(b"s" * 31).decode(), "*" * 44])
def test_broken_secret_is_refused(tmp_path: Path, broken: str) -> None:
    (tmp_path / "secret.key").write_text(broken)
    with pytest.raises(Unavailable, match="secret_key_invalid"):
        _ = Environment(data_dir=tmp_path).secret


def test_secrets_are_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("QUNZHU_SECRET_KEY", KEY)
    monkeypatch.setenv("QUNZHU_LLM_API_KEY", "sk-very-secret")
    shown = repr(Environment())
    assert KEY not in shown and "sk-very-secret" not in shown


@pytest.mark.parametrize(
    ("given", "wanted"),
    [
        ("postgresql://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgres://u@h/d", "postgresql+psycopg://u@h/d"),
        ("postgresql+psycopg://u@h/d", "postgresql+psycopg://u@h/d"),
        ("sqlite:////tmp/x.db", "sqlite:////tmp/x.db"),
    ],
)
def test_database_urls(given: str, wanted: str) -> None:
    assert Environment(database_url=given).sqlalchemy_url == wanted


def test_empty_variable_is_an_unset_one(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("QUNZHU_DATABASE_URL", "")
    monkeypatch.setenv("QUNZHU_DATA_DIR", str(tmp_path))
    assert Environment().sqlalchemy_url == f"sqlite:///{tmp_path / 'qunzhu.db'}"


def test_private_file_is_replaced_with_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "cli.token"
    path.write_bytes(b"old")
    path.chmod(0o644)
    write_private(path, b"new")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"new", 0o600)
