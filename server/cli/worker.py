"""`qunzhu worker`: works off what is due, in a process of its own, beside any number of others."""

import signal
import threading
from types import FrameType

import click

from core import log
from core.errors import BadInput
from core.settings import Environment
from server.cli import environment as here
from server.cli.lazy import Command
from server.cli.output import note
from server.cli.progress import waiting
from server.cli.words import word


@click.command("worker", cls=Command)
def command() -> None:
    """单独的工作进程：只用于 PostgreSQL 加 Chroma 服务的部署。

    A worker process of its own: only with PostgreSQL (QUNZHU_DATABASE_URL) and a Chroma server (QUNZHU_CHROMA_URL),
    since SQLite and the index folder belong to one process.
    """
    env = here.environment()
    if not env.sqlalchemy_url.startswith("postgresql") or env.chroma_url is None:
        raise BadInput("worker_needs_servers")
    log.configure(env.log_level, env.log_format)
    _work(env)


def _work(env: Environment) -> None:
    with waiting(word("opening", path=env.data_dir)):
        from server.runtime import close_services, open_services
        from server.worker import Worker

        services = open_services(env)
    try:
        threads = max(1, env.worker_threads)
        worker = Worker(services, threads=threads, done=lambda _ids: None)
        services.message_due, services.delivery_due = worker.message_due, worker.delivery_due
        worker.start()
        note(word("worker_ready", threads=threads))
        _until_signal()
        worker.stop()
    finally:
        close_services(services)
    note(word("stopped"))


def _until_signal() -> None:
    ended = threading.Event()

    def end(_number: int, _frame: FrameType | None) -> None:
        ended.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    ended.wait()
