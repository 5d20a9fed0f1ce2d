import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import numpy as np
import pytest

from knowledge.embeddings import LONGEST, EmbeddedEncoder, Embedder, EmbeddingError, RemoteEncoder

Answer = Callable[[dict[str, Any]], tuple[int, Any]]


def test_rows_are_unit_vectors(encoder: EmbeddedEncoder) -> None:
    rows = encoder.embed(["怎么退款", "", "   ", "😀" * 5])
    assert rows.shape == (4, encoder.dimensions)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_no_texts_give_no_rows(encoder: EmbeddedEncoder) -> None:
    assert encoder.embed([]).shape == (0, encoder.dimensions)


def test_paraphrase_is_nearer_than_another_question(encoder: EmbeddedEncoder) -> None:
    asked, same, other = encoder.embed(["怎么申请退款", "我想把钱退回来要怎么弄", "明天的直播几点开始"])
    assert asked @ same > asked @ other


def test_full_width_and_traditional_spelling_is_one_text(encoder: EmbeddedEncoder) -> None:
    plain, other = encoder.embed(["vip退款", "ＶＩＰ退款"])
    np.testing.assert_allclose(plain, other, atol=1e-5)


def test_text_beyond_the_limit_is_cut(encoder: EmbeddedEncoder) -> None:
    head = "退款" * (LONGEST // 2)
    cut, whole = encoder.embed([head, head + "直播" * 4_000])
    np.testing.assert_allclose(cut, whole, atol=1e-5)


def test_lone_surrogate_is_encoded(encoder: EmbeddedEncoder) -> None:
    assert np.isfinite(encoder.embed(["退款\ud83d"])).all()


def test_batch_gives_what_single_calls_give(encoder: EmbeddedEncoder) -> None:
    texts = ["怎么退款", "直播几点开始", "积分怎么换"]
    np.testing.assert_allclose(encoder.embed(texts), np.vstack([encoder.embed([text]) for text in texts]), atol=1e-5)


def test_threads_that_come_first_together_get_one_model() -> None:
    encoder = EmbeddedEncoder()
    rows: list[Any] = []
    threads = [threading.Thread(target=lambda: rows.append(encoder.embed(["退款"]))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rows) == 4
    for row in rows:
        np.testing.assert_allclose(row, rows[0], atol=1e-5)


class _Server(ThreadingHTTPServer):
    """A small `/embeddings` endpoint. `answers` are given in turn, the last one again and again."""

    daemon_threads = True
    answers: list[Answer]
    asked: list[dict[str, Any]]


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append({"path": self.path, **body})
        answers = self.server.answers
        status, answer = (answers.pop(0) if len(answers) > 1 else answers[0])(body)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


def good(body: dict[str, Any]) -> tuple[int, Any]:
    return vectors([[3.0, 0.0, len(text) * 1.0] for text in body["input"]])


def vectors(rows: list[Any]) -> tuple[int, Any]:
    data = [{"object": "embedding", "index": i, "embedding": row} for i, row in enumerate(rows)]
    return 200, {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 1, "total_tokens": 1}}


def failing(status: int) -> Answer:
    return lambda _: (status, {"error": {"message": "no", "type": "t", "code": None}})


@contextmanager
def remote(*answers: Answer, **options: Any) -> Iterator[tuple[RemoteEncoder, _Server]]:
    with _Server(("127.0.0.1", 0), _Handler) as server:
        server.answers, server.asked = list(answers), []
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_address[1]}/v1"
        encoder = RemoteEncoder(url, "bge", 3, **{"pause_seconds": 0.01, **options})
        try:
            yield encoder, server
        finally:
            encoder.close()
            server.shutdown()
            thread.join()


def test_remote_rows_are_unit_vectors() -> None:
    with remote(good) as (encoder, server):
        rows = encoder.embed(["退款", "积分"])
        assert rows.shape == (2, 3)
        assert rows.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-6)
        assert server.asked[0]["path"] == "/v1/embeddings"
        assert server.asked[0]["input"] == ["退款", "积分"]
        assert server.asked[0]["encoding_format"] == "float"


def test_remote_with_no_texts_asks_nobody() -> None:
    with remote(good) as (encoder, server):
        assert encoder.embed([]).shape == (0, 3)
        assert server.asked == []


def test_remote_many_texts_go_in_several_requests() -> None:
    with remote(good) as (encoder, server):
        assert encoder.embed(["好" * (i % 7 + 1) for i in range(150)]).shape == (150, 3)
        assert [len(asked["input"]) for asked in server.asked] == [64, 64, 22]


def test_remote_never_sends_an_empty_text() -> None:
    with remote(good) as (encoder, server):
        encoder.embed(["", " \u200b"])
        assert all(server.asked[0]["input"])


def test_remote_failing_once_is_asked_again() -> None:
    with remote(failing(500), good) as (encoder, server):
        assert encoder.embed(["退款"]).shape == (1, 3)
        assert len(server.asked) == 2


def test_remote_failing_for_good_is_asked_three_times() -> None:
    with remote(failing(503)) as (encoder, server):
        with pytest.raises(EmbeddingError, match="向量接口"):
            encoder.embed(["退款"])
        assert len(server.asked) == 3


def test_remote_refusal_is_not_repeated() -> None:
    with remote(failing(401)) as (encoder, server):
        with pytest.raises(EmbeddingError):
            encoder.embed(["退款"])
        assert len(server.asked) == 1


def test_remote_slow_answer_is_given_up_within_the_total_time() -> None:
    release = threading.Event()

    def slow(body: dict[str, Any]) -> tuple[int, Any]:
        release.wait(10)
        return good(body)

    with remote(slow, total_seconds=0.3) as (encoder, server):
        with pytest.raises(EmbeddingError):
            encoder.embed(["退款"])
        assert len(server.asked) <= 3
        release.set()


def test_remote_not_there() -> None:
    with remote(good) as (encoder, server):
        port = server.server_address[1]
    encoder = RemoteEncoder(f"http://127.0.0.1:{port}/v1", "bge", 3, pause_seconds=0.01)
    with pytest.raises(EmbeddingError):
        encoder.embed(["退款"])
    encoder.close()
    encoder.close()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (vectors([[1.0, 2.0]]), "2 维"),
        (vectors([]), "向量接口"),
        (vectors([[1.0, 2.0, 3.0]] * 2), "2 个向量"),
        (vectors([[0.0, 0.0, 0.0]]), "空向量"),
        (vectors([[1.0, 2.0, None]]), "向量接口"),
        (vectors([[1.0, float("inf"), 2.0]]), "向量接口"),
        ((200, {"hello": "world"}), "向量接口"),
        ((200, "nonsense"), "向量接口"),
    ],
)
def test_remote_nonsense_is_an_error(answer: tuple[int, Any], said: str) -> None:
    with remote(lambda _: answer) as (encoder, _), pytest.raises(EmbeddingError, match=said):
        encoder.embed(["退款"])


def test_both_encoders_are_embedders(encoder: EmbeddedEncoder) -> None:
    both: list[Embedder] = [encoder, RemoteEncoder("http://127.0.0.1:9/v1", "bge", 3)]
    assert [one.name for one in both] == ["use-multilingual-3.1", "remote-bge"]
