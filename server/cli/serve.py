"""`qunzhu serve`: one process with API, console and worker threads over one data folder."""

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from core import log
from core.crypto import new_token
from core.errors import Unavailable
from core.settings import Environment, write_private
from server.cli import demo
from server.cli import environment as here
from server.cli.api import Api, in_process
from server.cli.environment import Running, base_url
from server.cli.lazy import Command, wants_json
from server.cli.output import dumps, note
from server.cli.progress import Bar, waiting
from server.cli.words import word

if TYPE_CHECKING:
    from agent.services import Services

GRACE_SECONDS: Final = 10
_BACKLOG: Final = 2048


class Stopped(BaseException):
    """SIGTERM came."""


@click.command("serve", cls=Command)
@click.option("--host", metavar="HOST", help="监听地址 / listen here, default QUNZHU_HOST or 127.0.0.1")
@click.option("--port", type=click.IntRange(0, 65535), help="端口 / port, default QUNZHU_PORT or 8000; 0: any free one")
@click.option("--demo", "with_demo", is_flag=True, help="首次启动铺设演示社群 / lay the demo community down, once")
@click.option("--login-link", is_flag=True, help="打印群主一次性登录链接 / print a one-time sign-in link for the owner")
def command(host: str | None, port: int | None, with_demo: bool, login_link: bool) -> None:
    """启动服务，Ctrl-C 停止。

    Run the service in the foreground; Ctrl-C or SIGTERM ends it within 10 s.
    """
    env = here.environment(host=host, port=port)
    log.configure(env.log_level, env.log_format)
    try:
        with _stoppable():
            _serve(env, with_demo=with_demo, login_link=login_link)
    except (KeyboardInterrupt, Stopped):
        note(word("stopped"))


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM ends whatever goes on in an orderly way, also before and after the server handles signals itself."""

    def stop(_number: int, _frame: object) -> None:
        raise Stopped

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def _serve(env: Environment, *, with_demo: bool, login_link: bool) -> None:
    _refuse_second(env)
    with _bound(env.host, env.port) as listener:
        env = env.model_copy(update={"port": listener.getsockname()[1]})
        with _opened(env) as services:
            ready = _prepare(services, with_demo=with_demo, login_link=login_link)
            _listen(services, listener, lambda: click.echo(dumps(ready) if wants_json() else _block(ready)))


def _refuse_second(env: Environment) -> None:
    running = here.find_running(env.data_dir) if env.chroma_url is None else None
    if running is not None:
        raise Unavailable("index_locked", why=word("running_at", url=running.url, pid=running.pid))


@contextmanager
def _bound(host: str, port: int) -> Iterator[socket.socket]:
    """The port, taken before anything takes long. Raises `Unavailable` `port_taken`."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    with listener:
        # After a kill the port's old connections linger for a minute.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except OSError as error:
            raise _port_taken(host, port, error) from None
        yield listener


def _port_taken(host: str, port: int, error: OSError) -> Unavailable:
    return Unavailable("port_taken", host=host, port=port, why=error.strerror or type(error).__name__)


@contextmanager
def _opened(env: Environment) -> Iterator["Services"]:
    with waiting(word("opening", path=env.data_dir)):
        from server.runtime import close_services, open_services

        services = open_services(env, progress=Bar(word("indexing")), wait=False)
    try:
        yield services
    finally:
        close_services(services)


def _prepare(services: "Services", *, with_demo: bool, login_link: bool) -> dict[str, Any]:
    """What the ready block tells. The demo and the link are made by requests too, before the port is open."""
    env = services.env
    url = base_url(env.host, env.port)
    ready: dict[str, Any] = {"url": url, "api": f"{url}/v1", "docs": f"{url}/docs", "pid": os.getpid()}
    with in_process(services, url=url) as api:
        if with_demo:
            ready["demo_key_file"] = str(_demo(api, env))
        if login_link:
            ready["console"] = f"{url}/console/link/{api.post('/v1/login-links', {})['token']}"
    return ready


def _demo(api: Api, env: Environment) -> Path:
    return demo.ensure(api, env.data_dir)


def _listen(services: "Services", listener: socket.socket, announce: Callable[[], None]) -> None:
    import uvicorn

    from server.app import create_app

    env = services.env
    token = _token(env)
    running = Running(env.host, env.port, os.getpid())

    class Server(uvicorn.Server):
        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            here.write_running(env.data_dir, running)
            announce()

    config = uvicorn.Config(
        create_app(services, cli_token=token),
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    # What stands now stays: without this a full collection walks all of it and holds everybody up for 150 ms.
    gc.collect()
    gc.freeze()
    sys.setswitchinterval(0.001)
    try:
        Server(config).run(sockets=[listener])
    except OSError as error:
        # Two that bound the same port at the same moment: only one may listen.
        raise _port_taken(env.host, env.port, error) from None
    finally:
        here.remove_running(env.data_dir, running.pid)


def _token(env: Environment) -> str:
    """The token by which commands on this machine get in: new with every start, except where several services may
    share the folder."""
    path = here.token_path(env.data_dir)
    if env.chroma_url is not None and path.exists():
        return path.read_text("ascii").strip()
    token = new_token()
    write_private(path, token.encode("ascii"))
    return token


def _block(ready: dict[str, Any]) -> str:
    """Chinese first, then a line in English."""
    lines = ["", "群助已就绪，Ctrl-C 停止", f"  接口    {ready['api']}", f"  文档    {ready['docs']}"]
    if "console" in ready:
        lines.insert(2, f"  控制台  {ready['console']}\n          （一次性群主登录链接，24 小时内有效）")
    if "demo_key_file" in ready:
        lines.append(f"  密钥    Authorization: Bearer $(cat {ready['demo_key_file']})   # 演示机器人")
    english = f"Ready at {ready['url']} (API {ready['api']}, docs {ready['docs']})."
    if "console" in ready:
        english += " The console link signs the owner in once, within 24 h."
    return "\n".join([*lines, "", english, ""])
