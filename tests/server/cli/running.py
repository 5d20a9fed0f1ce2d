"""Starts and stops `qunzhu` processes for tests."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from server.cli.environment import Running, find_running

ROOT = Path(__file__).parents[3]
START_SECONDS = 180.0
_RUN = "import sys; from server.cli.main import main; sys.exit(main())"


@dataclass(frozen=True, slots=True)
class Ran:
    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        return json.loads(self.out)


def environ(data_dir: Path, **more: str) -> dict[str, str]:
    """The environment of a command that knows of no other settings, but for the second encoder: it fills its index
    beside the answers, so that the same search scores differently half a minute later."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("QUNZHU_")}
    own = {"QUNZHU_DATA_DIR": str(data_dir), "QUNZHU_PORT": "0", "QUNZHU_SECOND_ENCODER": "off"}
    return kept | own | {"PYTHONPATH": str(ROOT), **more}


def start(args: Sequence[str], data_dir: Path, **more: str) -> subprocess.Popen[str]:
    """A `qunzhu` process; the caller stops it."""
    return subprocess.Popen(
        [sys.executable, "-c", _RUN, *args],
        cwd=ROOT,
        env=environ(data_dir, **more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def shell(*args: str, data_dir: Path, **more: str) -> Ran:
    """One command in a process of its own, to its end."""
    process = start(args, data_dir, **more)
    out, err = process.communicate(timeout=START_SECONDS)
    return Ran(process.returncode, out, err)


def await_service(data_dir: Path, process: subprocess.Popen[str]) -> Running:
    """Once it answers; fails with its output where it ended before."""
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        found = find_running(data_dir)
        if found is not None:
            return found
        if process.poll() is not None:
            pytest.fail(f"the service ended: {process.communicate()[1]}")
        time.sleep(0.2)
    process.kill()
    pytest.fail("the service did not come up")


def stop(process: subprocess.Popen[str]) -> Ran:
    process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=60)
    return Ran(process.returncode, out, err)


def free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("127.0.0.1", 0))
        port: int = trial.getsockname()[1]
    return port
