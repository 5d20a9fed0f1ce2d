"""A stand-in for a chat endpoint that behaves well or badly on purpose: `python -m evals.stub_model --mode ok`.

It prints its address as one JSON line. `POST /mode {"mode": "hang", "latency": 0.2}` switches it at run time,
`GET /mode` tells the mode and how many chat requests came. Loopback only.
"""

import argparse
import json
import re
import sys
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final, Literal, get_args

Mode = Literal[
    "ok", "fenced", "written_call", "429", "503", "400", "hang", "trickle", "cut_json", "wrong_tool", "wrong_schema",
    "no_usage", "empty", "html", "huge", "huge_chunked", "bad_utf8", "gzip", "deep"
]  # fmt: skip
MODES: Final[tuple[Mode, ...]] = get_args(Mode)
_HUGE: Final = 2 * 1024 * 1024
_PASSAGE: Final = re.compile(r"<资料\d?>\n(.*?)\n</资料\d?>", re.DOTALL)
_LAST: Final = re.compile(r"<最后一句>\n(.*?)\n</最后一句>", re.DOTALL)
_END: Final = re.compile(r"[。！？\n]")


class StubModel:
    """The server. `start` returns its base URL (with `/v1`), `stop` ends it; `mode` and `latency` (seconds) may change
    at any time. `requests` holds the chat bodies received."""

    def __init__(self, mode: Mode = "ok", *, port: int = 0, latency: float = 0.0, retry_after: str = "1") -> None:
        self.mode: Mode = mode
        self.latency = latency
        self.retry_after = retry_after
        self.then: Mode | None = None
        self.requests: list[dict[str, Any]] = []
        self.sent_bytes = 0
        self.stopping = threading.Event()
        self._server = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    @property
    def count(self) -> int:
        """Chat requests so far."""
        return len(self.requests)

    def start(self) -> str:
        self._thread.start()
        return self.url

    def stop(self) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()

    def __enter__(self) -> "StubModel":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], stub: StubModel) -> None:
        self.stub = stub
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that gave up is what half of the modes are for."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: Any) -> None:
        """Quiet."""

    def do_GET(self) -> None:
        if self.path == "/mode":
            self._json({"mode": self.server.stub.mode, "requests": self.server.stub.count})
        else:
            self._json({"object": "list", "data": [{"id": "stub", "object": "model"}]})

    def do_POST(self) -> None:
        stub, body = self.server.stub, self._body()
        if self.path == "/mode":
            stub.mode, stub.latency = body.get("mode", stub.mode), float(body.get("latency", stub.latency))
            self._json({"mode": stub.mode, "requests": stub.count})
            return
        stub.requests.append(body)
        mode = stub.mode
        if stub.then is not None:
            stub.mode, stub.then = stub.then, None
        stub.stopping.wait(stub.latency)
        self._behave(mode, body)

    def _body(self) -> dict[str, Any]:
        length = int(self.headers.get("content-length", 0))
        loaded: dict[str, Any] = json.loads(self.rfile.read(length) or b"{}")
        return loaded

    def _behave(self, mode: Mode, body: Mapping[str, Any]) -> None:
        stub = self.server.stub
        if mode in ("429", "503", "400"):
            headers = {} if mode == "400" else {"Retry-After": stub.retry_after}
            self._json({"error": {"message": mode, "type": mode}}, int(mode), headers)
        elif mode == "hang":
            stub.stopping.wait(120)
        elif mode == "trickle":
            self._trickle(_completion(body, mode))
        elif mode in ("huge", "huge_chunked"):
            self._huge(announced=mode == "huge")
        elif mode == "html":
            self._send(b"<html>gateway</html>", "text/html")
        elif mode == "gzip":
            self._send(b"\x1f\x8b\x08" + b"\0" * 50, headers={"Content-Encoding": "gzip"})
        elif mode == "bad_utf8":
            self._send(json.dumps(_completion(body, mode), ensure_ascii=False).encode("gb18030"))
        elif mode == "deep":
            self._send(b"[" * 100_000 + b"]" * 100_000)
        else:
            self._json(_completion(body, mode))

    def _json(self, value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        self._send(json.dumps(value, ensure_ascii=False).encode(), status=status, headers=headers)

    def _send(
        self,
        content: bytes,
        kind: str = "application/json",
        *,
        status: int = 200,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        self._head(kind, status, {"Content-Length": str(len(content))} | dict(headers or {}))
        self.wfile.write(content)

    def _head(self, kind: str, status: int, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": kind} | dict(headers)).items():
            self.send_header(name, value)
        self.end_headers()

    def _trickle(self, value: object) -> None:
        """A byte now and then, the head too, so that no read ever waits long."""
        self.close_connection = True
        content = json.dumps(value).encode()
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n".encode()
        for byte in head + content:
            if self.server.stub.stopping.wait(0.05):
                return
            self.wfile.write(bytes([byte]))
            self.wfile.flush()

    def _huge(self, *, announced: bool) -> None:
        self.close_connection = True
        headers = {"Content-Length": str(_HUGE)} if announced else {"Connection": "close"}
        self._head("application/json", 200, headers)
        piece = b'{"choices": "' + b"x" * 16_371
        for _ in range(_HUGE // len(piece)):
            self.wfile.write(piece)
            self.server.stub.sent_bytes += len(piece)


def _completion(body: Mapping[str, Any], mode: Mode) -> dict[str, Any]:
    prompt = "\n".join(str(message.get("content") or "") for message in body.get("messages", ()))
    message: dict[str, Any] = {"role": "assistant", "content": None}
    tools = body.get("tools") or ()
    if mode == "wrong_tool":
        message["tool_calls"] = [_tool_call("delete_everything", {})]
    elif mode == "wrong_schema":
        message["content"] = '{"colour": "blue"}'
    elif mode == "written_call":
        call = {"name": _named(tools, prompt), "arguments": {"text": "你好"}}
        message["content"] = f"好的。\n```json\n{json.dumps(call)}\n```"
    elif mode != "empty":
        _answer(message, tools, json.dumps(_fitting(prompt), ensure_ascii=False), mode)
    choice = {"index": 0, "message": message, "finish_reason": "length" if mode == "cut_json" else "stop"}
    usage = {"prompt_tokens": len(prompt) or 1, "completion_tokens": 20, "total_tokens": len(prompt) + 20}
    made = {
        "id": "stub",
        "object": "chat.completion",
        "created": int(time.time()),
        "model": "stub",
        "choices": [choice],
    }
    return made if mode == "no_usage" else made | {"usage": usage}


def _answer(message: dict[str, Any], tools: Any, content: str, mode: Mode) -> None:
    if mode == "cut_json":
        content = content[: len(content) // 2]
    if tools:
        message["tool_calls"] = [_tool_call(_first(tools), content)]
    else:
        message["content"] = f"好的：\n```json\n{content}\n```" if mode == "fenced" else content


def _first(tools: Any) -> str:
    return str(tools[0]["function"]["name"]) if tools else "answer"


def _named(tools: Any, prompt: str) -> str:
    """The first tool, also of those that are only described in the text."""
    described = re.search(r'"name": "(\w+)"', prompt)
    return described[1] if described and not tools else _first(tools)


def _tool_call(name: str, arguments: object) -> dict[str, Any]:
    written = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return {"id": "call_1", "type": "function", "function": {"name": name, "arguments": written}}


def _fitting(prompt: str) -> dict[str, Any]:
    """An answer to any of our reply prompts, in the words of the passages or of the last line."""
    passages, last = _PASSAGE.findall(prompt), _LAST.search(prompt)
    text = "\n".join(passages)
    sentence = max(_END.split(text), key=len)
    return {
        "answers": bool(text),
        "labels": [],
        "quote": sentence,
        "text": text,
        "used": list(range(1, len(passages) + 1)),
        "confidence": "medium",
        "missing": [],
        "question": last[1] if last else "",
    }


def main(arguments: list[str] | None = None) -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(prog="evals.stub_model", description=__doc__)
    parser.add_argument("--mode", choices=MODES, default="ok")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--latency", type=float, default=0.0, help="seconds before every answer")
    given = parser.parse_args(arguments)
    with StubModel(given.mode, port=given.port, latency=given.latency) as stub:
        sys.stdout.write(json.dumps({"url": stub.url}) + "\n")
        sys.stdout.flush()
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            return


if __name__ == "__main__":
    main()
