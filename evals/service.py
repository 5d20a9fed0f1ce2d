"""The service as an operator runs it: a process of its own that can be asked, killed and started again.

Measurements of crashes and load know it by its command line and HTTP only.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx2

START_SECONDS: Final = 90.0
PROGRAM: Final = str(Path(sys.executable).with_name("qunzhu"))
SERVE: Final = ("serve",)
_POLL: Final = 0.05


class NotReady(Exception):
    """The service ended, or did not become ready in time; the message holds the end of its log."""


def free_port() -> int:
    """A port of the loopback that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


class Service:
    """`start`, `kill` and `start` again, on one data folder and port. Its log goes to `service.log` in the folder.
    `arguments` may make it another process that answers `/readyz` (a worker with `--port`)."""

    def __init__(
        self,
        data_dir: Path,
        *,
        database_url: str | None = None,
        port: int | None = None,
        environ: Mapping[str, str] | None = None,
        arguments: Sequence[str] = SERVE,
    ) -> None:
        self.data_dir = data_dir
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command = (PROGRAM, *arguments)
        self._log = data_dir / "service.log"
        self._environ = self._own_environment(database_url) | dict(environ or {})
        self._process: subprocess.Popen[bytes] | None = None

    def _own_environment(self, database_url: str | None) -> dict[str, str]:
        """Nothing that this shell sets for another deployment may leak into this one."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("QUNZHU_")}
        return kept | {
            "QUNZHU_DATA_DIR": str(self.data_dir),
            "QUNZHU_HOST": "127.0.0.1",
            "QUNZHU_PORT": str(self.port),
            "QUNZHU_DATABASE_URL": database_url or "",
            "QUNZHU_LOG_LEVEL": "warning",
        }

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def spawn(self) -> None:
        """Start the process without waiting for it."""
        with self._log.open("ab") as log:
            # A session of its own, so that a terminal's Ctrl-C is ours to handle.
            self._process = subprocess.Popen(
                self._command, env=self._environ, stdout=log, stderr=log, start_new_session=True
            )

    def start(self) -> float:
        """Start and wait until `/readyz` says 200; the seconds that took. Raises `NotReady`."""
        begun = time.perf_counter()
        self.spawn()
        self.wait_ready()
        return time.perf_counter() - begun

    def wait_ready(self) -> None:
        """Raises `NotReady`."""
        end = time.monotonic() + START_SECONDS
        with httpx2.Client(timeout=2, trust_env=False) as client:
            while time.monotonic() < end:
                if self._process is None or self._process.poll() is not None:
                    raise NotReady(f"the service ended: {self._tail()}")
                if _answers(client, f"{self.url}/readyz"):
                    return
                time.sleep(_POLL)
        raise NotReady(f"not ready after {START_SECONDS:.0f} s: {self._tail()}")

    def kill(self) -> None:
        """SIGKILL: no handler runs, nothing is flushed."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """SIGTERM as an operator's init system does it, SIGKILL where that takes longer than 30 s."""
        try:
            self._end(signal.SIGTERM)
        except subprocess.TimeoutExpired:
            self.kill()

    def _end(self, how: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(how)
            self._process.wait(timeout=30)
        self._process = None

    def token(self) -> str:
        """The command line's token, which acts as the first owner."""
        return (self.data_dir / "cli.token").read_text("ascii").strip()

    def client(self, key: str | None = None, *, timeout: float = 10.0) -> httpx2.Client:
        """An HTTP client with this key, or as the first owner."""
        headers = {"authorization": f"Bearer {key or self.token()}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=timeout, trust_env=False)

    def cpu_seconds(self) -> float:
        """User and system time of the process so far."""
        return cpu_seconds(self.pid)

    def memory_mb(self) -> tuple[float, float]:
        """Resident memory now and at its peak, in MB (Linux)."""
        lines = Path(f"/proc/{self.pid}/status").read_text("ascii", "replace").splitlines()
        found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith(("VmRSS", "VmHWM"))}
        return int(found["VmRSS"]) / 1024, int(found["VmHWM"]) / 1024

    def _tail(self) -> str:
        return self._log.read_text("utf-8", "replace")[-2000:] if self._log.exists() else "no log"


def cpu_seconds(pid: int) -> float:
    """User and system time of a process so far (Linux)."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii", "replace").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _answers(client: httpx2.Client, url: str) -> bool:
    try:
        return client.get(url).status_code == 200
    except httpx2.HTTPError:
        return False


def asked(client: httpx2.Client, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
    """The JSON of a call that must succeed. Raises `httpx2.HTTPStatusError`."""
    answer = client.request(method, path, json=body)
    answer.raise_for_status()
    return answer.json() if answer.content else None


def lay_down_demo(service: Service) -> None:
    """The demo community with its knowledge."""
    with service.client(timeout=180) as owner:
        asked(owner, "POST", "/v1/demo")


def new_key(service: Service, name: str, role: str) -> str:
    """An API key for all communities."""
    with service.client() as owner:
        made: str = asked(owner, "POST", "/v1/keys", {"name": name, "role": role})["key"]
    return made
