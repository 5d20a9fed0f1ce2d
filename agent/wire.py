"""The wire to a model's endpoint, with limits that hold whatever the other side does.

A client's read timeout starts anew with every byte, so a server that trickles holds a thread for hours. Here every
read of the socket gets what is left of the call's time, headers included; and a body is read to a limit, then dropped.
"""

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from ssl import SSLContext
from typing import Any, Final
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import httpcore2
import httpx2

LARGEST_BYTES: Final = 256 * 1024
"""Of one answer. Ours are under 4 KiB; a model that thinks aloud for 10,000 tokens needs 60."""
_LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
_UNTIL: ContextVar[float | None] = ContextVar("qunzhu_wire_until", default=None)


class TooLarge(Exception):
    """The answer is larger than `LARGEST_BYTES`."""


class BadEncoding(Exception):
    """The answer is no UTF-8, or compressed although we asked for plain."""


class Deadline:
    """A moment of the monotonic clock after which nothing is waited for."""

    def __init__(self, seconds: float) -> None:
        self.until = time.monotonic() + seconds

    @property
    def left(self) -> float:
        return self.until - time.monotonic()


@contextmanager
def limited(deadline: Deadline) -> Iterator[None]:
    """Every socket operation of this thread inside the block ends by the deadline."""
    token = _UNTIL.set(deadline.until)
    try:
        yield
    finally:
        _UNTIL.reset(token)


def client(base_url: str) -> httpx2.Client:
    """A client for one endpoint. It follows no redirect: that could carry the key and the texts elsewhere."""
    headers = {"accept-encoding": "identity"}
    return httpx2.Client(transport=_Bounded(proxy=client_proxy(base_url)), headers=headers, follow_redirects=False)


def client_proxy(url: str) -> str | None:
    """The HTTP proxy that the system's settings name for an address. SOCKS would need one more library."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    named = None if host in _LOOPBACK or proxy_bypass(host) else getproxies().get(parts.scheme)
    if named is None:
        return None
    full = named if "://" in named else f"http://{named}"
    return full if full.startswith(("http://", "https://")) else None


class _Bounded(httpx2.HTTPTransport):
    def __init__(self, proxy: str | None) -> None:
        super().__init__(proxy=proxy)
        self._pool._network_backend = _Backend(self._pool._network_backend)

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer, read whole. Raises `TooLarge` and `BadEncoding` besides httpx2's errors."""
        response = super().handle_request(request)
        stream = response.stream
        assert isinstance(stream, httpx2.SyncByteStream)
        try:
            body = read_bounded(response.headers, stream)
        finally:
            stream.close()
        return httpx2.Response(response.status_code, headers=response.headers, content=body, request=request)


def read_bounded(headers: httpx2.Headers, stream: Iterable[bytes]) -> bytes:
    """A body, dropped at the limit, or at once where it is announced as larger. Raises `TooLarge`, `BadEncoding`."""
    if headers.get("content-encoding", "identity").lower() != "identity":
        raise BadEncoding
    announced = headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and int(announced[:12]) > LARGEST_BYTES:
        raise TooLarge
    body = bytearray()
    for piece in stream:
        body += piece
        if len(body) > LARGEST_BYTES:
            raise TooLarge
    try:
        body.decode("utf-8")
    except UnicodeDecodeError as error:
        raise BadEncoding from error
    return bytes(body)


def _left(timeout: float | None, error: type[Exception]) -> float | None:
    until = _UNTIL.get()
    if until is None:
        return timeout
    left = until - time.monotonic()
    if left <= 0:
        raise error("the call's time is over")
    return left if timeout is None else min(timeout, left)


class _Backend(httpcore2.NetworkBackend):
    def __init__(self, inner: httpcore2.NetworkBackend) -> None:
        self._inner = inner

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.connect_tcp(host, port, left, local_address, socket_options))

    def connect_unix_socket(
        self, path: str, timeout: float | None = None, socket_options: Iterable[Any] | None = None
    ) -> httpcore2.NetworkStream:
        return _Stream(self._inner.connect_unix_socket(path, _left(timeout, httpcore2.ConnectTimeout), socket_options))


class _Stream(httpcore2.NetworkStream):
    def __init__(self, inner: httpcore2.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._inner.read(max_bytes, _left(timeout, httpcore2.ReadTimeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._inner.write(buffer, _left(timeout, httpcore2.WriteTimeout))

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self, ssl_context: SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore2.NetworkStream:
        left = _left(timeout, httpcore2.ConnectTimeout)
        return _Stream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        return self._inner.get_extra_info(info)
