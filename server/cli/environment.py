"""The deployment's settings for a command, and where its service is, if one runs."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import ValidationError

from core.errors import BadInput
from core.settings import Environment, write_private

_ALIVE_SECONDS: Final = 2.0
# The same file as knowledge.index locks; not imported from there, which would load numpy for every command.
INDEX_LOCK: Final = Path("index", "index.lock")
_EVERYWHERE: Final = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}


def environment(**given: Any) -> Environment:
    """Settings from `QUNZHU_…`, with those of `given` that are not None in their place. Raises `BadInput`
    `environment_invalid`, which names the variables and never their values."""
    try:
        return Environment(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        flaws = [f"{_variable(one['loc'])}: {one['msg']}" for one in error.errors(include_input=False)]
        raise BadInput("environment_invalid", why="; ".join(flaws)) from None


def _variable(place: tuple[int | str, ...]) -> str:
    return "QUNZHU_" + "_".join(str(part).upper() for part in place) if place else "QUNZHU_…"


@dataclass(frozen=True, slots=True)
class Running:
    """A service on this machine that works on the data folder."""

    host: str
    port: int
    pid: int

    @property
    def url(self) -> str:
        return base_url(self.host, self.port)


def base_url(host: str, port: int) -> str:
    """Where a service that listens on `host` is reached from this machine."""
    near = _EVERYWHERE.get(host, host)
    return f"http://[{near}]:{port}" if ":" in near else f"http://{near}:{port}"


def write_running(data_dir: Path, running: Running) -> None:
    write_private(data_dir / "service.json", json.dumps(asdict(running)).encode())


def remove_running(data_dir: Path, pid: int) -> None:
    """Take back what process `pid` wrote; another's stays."""
    found = _read_running(data_dir)
    if found is not None and found.pid == pid:
        (data_dir / "service.json").unlink(missing_ok=True)


def find_running(data_dir: Path) -> Running | None:
    """The service that works on this folder, if it answers."""
    found = _read_running(data_dir)
    return found if found is not None and _is_process(found.pid) and _answers(found) else None


def _read_running(data_dir: Path) -> Running | None:
    try:
        return Running(**json.loads((data_dir / "service.json").read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_process(pid: int) -> bool:
    """A service that was killed leaves its file, and its port may be another's by now."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _answers(running: Running) -> bool:
    import httpx2

    try:
        answer = httpx2.get(f"{running.url}/healthz", timeout=_ALIVE_SECONDS, trust_env=False)
    except httpx2.HTTPError:
        return False
    return answer.status_code == 200


def is_locked(data_dir: Path) -> bool:
    """Whether some process owns the folder's vector index just now."""
    from filelock import FileLock, Timeout

    path = data_dir / INDEX_LOCK
    if not path.exists():
        return False
    lock = FileLock(path, preserve_lock_file=True)
    try:
        lock.acquire(blocking=False)
    except Timeout:
        return True
    lock.release()
    return False


def token_path(data_dir: Path) -> Path:
    return data_dir / "cli.token"
