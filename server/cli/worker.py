"""`qunzhu worker`: works off what is due, in a process of its own, beside any number of others."""

import signal
import threading
from types import FrameType
from typing import TYPE_CHECKING

import click

from core import log
from core.errors import BadInput
from core.settings import Environment
from server.cli import environment as here
from server.cli.lazy import Command
from server.cli.output import note
from server.cli.progress import waiting
from server.cli.words import word

if TYPE_CHECKING:
    from agent.services import Services


@click.command("worker", cls=Command)
@click.option(
    "--host", metavar="HOST", help="健康检查的监听地址 / where --port listens, default QUNZHU_HOST or 127.0.0.1"
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="健康检查端口，不填则没有 / serve /healthz, /readyz and /metrics there; default: nowhere; 0: any free port",
)
def command(host: str | None, port: int | None) -> None:
    """单独的工作进程：只用于 PostgreSQL 加 Chroma 服务的部署。

    A worker process of its own: only with PostgreSQL (QUNZHU_DATABASE_URL) and a Chroma server (QUNZHU_CHROMA_URL),
    since SQLite and the index folder belong to one process.
    """
    env = here.environment(host=host)
    if not env.sqlalchemy_url.startswith("postgresql") or env.chroma_url is None:
        raise BadInput("worker_needs_servers")
    log.configure(env.log_level, env.log_format)
    _work(env, port)


def _work(env: Environment, port: int | None) -> None:
    with waiting(word("opening", path=env.data_dir)):
        from server.runtime import close_services, open_services

        services = open_services(env, wait=False)
    try:
        _run(services, port)
    finally:
        close_services(services)
    note(word("stopped"))


def _run(services: "Services", port: int | None) -> None:
    from server.health import WorkerPort
    from server.wake import listening
    from server.worker import Worker

    threads = max(1, services.env.worker_threads)
    worker = Worker(services, threads=threads, done=lambda _ids: None)
    services.message_due, services.delivery_due = worker.message_due, worker.delivery_due
    probed = WorkerPort(services, worker, services.env.host, port) if port is not None else None
    worker.start()
    with listening(services, worker=worker):
        if probed is not None:
            probed.start()
        note(word("worker_ready", threads=threads))
        _until_signal()
        worker.stop()
    if probed is not None:
        probed.stop()


def _until_signal() -> None:
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    ended.wait()
