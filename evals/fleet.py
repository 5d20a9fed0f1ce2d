"""Deployments as they are run: the one embedded process, or APIs and workers as processes of their own on PostgreSQL
and a Chroma server. The processes of a fleet share nothing on disk, as on machines of their own."""

import base64
import secrets
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import httpx2

from core.settings import Environment
from evals.service import NotReady, Service, free_port

_CHROMA_SECONDS: Final = 60.0


class ChromaServer:
    """A `chroma run` on loopback that can be stopped and started again; `path` is its folder."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Raises `NotReady`."""
        program = shutil.which("chroma", path=str(Path(sys.executable).parent))
        if program is None:
            raise NotReady("the chroma command is not installed beside this Python")
        where = ["--path", str(self.path), "--host", "127.0.0.1", "--port", str(self._port)]
        self._process = subprocess.Popen(
            [program, "run", *where], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        _await(self._answers, _CHROMA_SECONDS)

    def _answers(self) -> bool:
        try:
            return httpx2.get(f"{self.url}/api/v2/heartbeat", timeout=1, trust_env=False).status_code == 200
        except httpx2.HTTPError:
            return False

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(timeout=30)
            self._process = None


def _await(happened: Callable[[], bool], seconds: float) -> None:
    end = time.monotonic() + seconds
    while not happened():
        if time.monotonic() > end:
            raise NotReady("the Chroma server does not answer")
        time.sleep(0.1)


class Fleet:
    """`apis` take requests (the first is the one that is administered), `workers` only work."""

    def __init__(self, env: Environment, apis: Sequence[Service], workers: Sequence[Service] = ()) -> None:
        self.env = env
        self.apis = list(apis)
        self.workers = list(workers)
        self.chroma: ChromaServer | None = None

    @property
    def services(self) -> list[Service]:
        return [*self.apis, *self.workers]

    @property
    def urls(self) -> list[str]:
        return [service.url for service in self.apis]

    @property
    def first(self) -> Service:
        return self.apis[0]

    def sends(self, service: Service) -> bool:
        """Whether this process pushes deliveries."""
        return not self.workers or service in self.workers

    def start(self) -> float:
        """Start everything and wait until it is ready; the seconds that took. Raises `NotReady`."""
        begun = time.perf_counter()
        if self.chroma is not None:
            self.chroma.start()
        with ThreadPoolExecutor(len(self.services)) as pool:
            for _ in pool.map(Service.start, self.services):
                pass
        return time.perf_counter() - begun

    def stop(self) -> None:
        """As an operator does it."""
        with ThreadPoolExecutor(len(self.services)) as pool:
            list(pool.map(Service.stop, self.services))
        if self.chroma is not None:
            self.chroma.kill()

    def kill(self) -> None:
        for service in self.services:
            service.kill()
        if self.chroma is not None:
            self.chroma.kill()


def embedded(folder: Path, database_url: str | None = None) -> Fleet:
    """One process with everything in it."""
    env = Environment(data_dir=folder, database_url=database_url)
    return Fleet(env, [Service(folder, database_url=database_url)])


def scaled(folder: Path, database_url: str, *, apis: int, workers: int, environ: dict[str, str] | None = None) -> Fleet:
    """APIs without worker threads, and workers, on this database and a Chroma server of their own."""
    chroma = ChromaServer(folder / "chroma")
    secret = base64.b64encode(secrets.token_bytes(32)).decode()
    own = {
        "QUNZHU_SECRET_KEY": secret,
        "QUNZHU_CHROMA_URL": chroma.url,
        "QUNZHU_WORKER_THREADS": "0",
        **(environ or {}),
    }

    def process(name: str, *arguments: str, port: int) -> Service:
        home = folder / name
        home.mkdir()
        return Service(home, database_url=database_url, port=port, environ=own, arguments=arguments)

    ports = [free_port() for _ in range(apis + workers)]
    serving = [process(f"api-{n}", "serve", port=ports[n]) for n in range(apis)]
    working = [process(f"worker-{n}", "worker", "--port", str(p), port=p) for n, p in enumerate(ports[apis:])]
    env = Environment(
        data_dir=folder, database_url=database_url, chroma_url=chroma.url, secret_key=secret, worker_threads=0
    )
    fleet = Fleet(env, serving, working)
    fleet.chroma = chroma
    return fleet
