import threading
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pytest

from knowledge.batcher import MicroBatcher
from knowledge.embeddings import EmbeddedEncoder, EmbeddingError, Vectors


class Slow:
    """An embedder that a test can hold, fail, and ask what it was given."""

    name = "slow"
    dimensions = 2

    def __init__(self) -> None:
        self.calls: list[list[str]] = []
        self.entered = threading.Semaphore(0)
        self.go = threading.Event()
        self.go.set()
        self.failure: BaseException | None = None
        self.running = 0
        self.most_running = 0

    def embed(self, texts: Sequence[str]) -> Vectors:
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        self.calls.append(list(texts))
        self.entered.release()
        assert self.go.wait(10)
        self.running -= 1
        if self.failure is not None:
            raise self.failure
        return np.array([[len(text), 1] for text in texts], dtype=np.float32)


class Callers:
    """Threads that call, and what each got: an array or an exception."""

    def __init__(self, batcher: MicroBatcher) -> None:
        self.batcher = batcher
        self.results: dict[str, Any] = {}
        self.threads: list[threading.Thread] = []

    def call(self, *texts: str) -> None:
        def run() -> None:
            try:
                self.results[texts[0]] = self.batcher.embed(texts)
            except BaseException as error:
                self.results[texts[0]] = error

        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def join(self) -> dict[str, Any]:
        for thread in self.threads:
            thread.join(10)
            assert not thread.is_alive()
        return self.results


def queued(batcher: MicroBatcher, count: int) -> None:
    """Wait until `count` callers stand in the queue."""
    wait_until(lambda: len(batcher._queue) == count)


def wait_until(condition: Callable[[], bool]) -> None:
    for _ in range(2_000):
        if condition():
            return
        threading.Event().wait(0.005)
    raise AssertionError("waited in vain")


def hold(slow: Slow, callers: Callers) -> None:
    """One caller is inside the encoder and stays there."""
    slow.go.clear()
    callers.call("first")
    assert slow.entered.acquire(timeout=10)


def test_lone_caller_gets_its_row() -> None:
    slow = Slow()
    with MicroBatcher(slow) as batcher:
        np.testing.assert_array_equal(batcher.embed(["abc"]), [[3, 1]])
        assert (batcher.name, batcher.dimensions) == ("slow", 2)


def test_lone_caller_does_not_gather() -> None:
    # A wait of an hour would show.
    with MicroBatcher(Slow(), gather=3_600) as batcher:
        batcher.embed(["a"])
        batcher.embed(["b"])


def test_no_texts_ask_nobody() -> None:
    slow = Slow()
    with MicroBatcher(slow) as batcher:
        assert batcher.embed([]).shape == (0, 2)
    assert slow.calls == []


def test_callers_who_wait_are_joined_in_one_call() -> None:
    slow = Slow()
    with MicroBatcher(slow, gather=0) as batcher:
        callers = Callers(batcher)
        hold(slow, callers)
        for number in range(5):
            callers.call("x" * (number + 2))
        queued(batcher, 5)
        slow.go.set()
        results = callers.join()
    assert len(slow.calls) == 2
    assert sorted(slow.calls[1]) == ["x" * (number + 2) for number in range(5)]
    for number in range(5):
        np.testing.assert_array_equal(results["x" * (number + 2)], [[number + 2, 1]])


def test_batch_holds_at_most_so_many_texts() -> None:
    slow = Slow()
    with MicroBatcher(slow, gather=0, most=4) as batcher:
        callers = Callers(batcher)
        hold(slow, callers)
        for number in range(5):
            callers.call(f"a{number}", f"b{number}")
        queued(batcher, 5)
        slow.go.set()
        callers.join()
    assert [len(call) for call in slow.calls] == [1, 4, 4, 2]


def test_one_text_of_two_callers_is_encoded_once() -> None:
    slow = Slow()
    with MicroBatcher(slow, gather=0) as batcher:
        callers = Callers(batcher)
        hold(slow, callers)
        callers.call("a", "same")
        callers.call("b", "same")
        queued(batcher, 2)
        slow.go.set()
        results = callers.join()
    assert sorted(slow.calls[1]) == ["a", "b", "same"]
    np.testing.assert_array_equal(results["a"], [[1, 1], [4, 1]])


def test_error_reaches_every_caller_of_the_batch_and_no_other() -> None:
    slow = Slow()
    with MicroBatcher(slow, gather=0) as batcher:
        callers = Callers(batcher)
        hold(slow, callers)
        callers.call("b")
        callers.call("c")
        queued(batcher, 2)
        slow.failure = EmbeddingError("no")
        slow.go.set()
        results = callers.join()
        assert all(isinstance(result, EmbeddingError) for result in results.values())
        slow.failure = None
        assert batcher.embed(["b"]).shape == (1, 2)


def test_interrupted_leader_leaves_the_turn_to_others() -> None:
    slow = Slow()
    with MicroBatcher(slow, gather=0) as batcher:
        slow.failure = KeyboardInterrupt()
        with pytest.raises(KeyboardInterrupt):
            batcher.embed(["a"])
        slow.failure = None
        assert batcher.embed(["a"]).shape == (1, 2)


def test_wrong_number_of_rows_is_an_error_and_not_a_hang() -> None:
    class Short(Slow):
        def embed(self, texts: Sequence[str]) -> Vectors:
            return super().embed(texts)[1:]

    with MicroBatcher(Short()) as batcher, pytest.raises(ValueError, match="shorter"):
        batcher.embed(["a", "b"])


def test_bulk_caller_goes_in_slices_and_never_beside_another_call() -> None:
    slow = Slow()
    with MicroBatcher(slow, most=4) as batcher:
        callers = Callers(batcher)
        for number in range(6):
            callers.call(f"s{number}")
        rows = batcher.embed(["y" * number for number in range(1, 11)])
        callers.join()
    np.testing.assert_array_equal(rows[:, 0], range(1, 11))
    assert [len(call) for call in slow.calls if call[0].startswith("y")] == [4, 4, 2]
    assert slow.most_running == 1


def test_error_of_a_bulk_caller_frees_the_turn() -> None:
    slow = Slow()
    with MicroBatcher(slow, most=2) as batcher:
        slow.failure = EmbeddingError("no")
        with pytest.raises(EmbeddingError):
            batcher.embed(["a", "b", "c"])
        slow.failure = None
        assert batcher.embed(["a"]).shape == (1, 2)


def test_recent_text_is_not_encoded_again() -> None:
    slow = Slow()
    with MicroBatcher(slow) as batcher:
        first = batcher.embed(["a", "b"])
        first[:] = 9  # a caller's own array: the memory must not change with it
        np.testing.assert_array_equal(batcher.embed(["b", "a"]), [[1, 1], [1, 1]])
        batcher.embed(["a", "c"])
    assert slow.calls == [["a", "b"], ["c"]]


def test_memory_is_bounded_and_forgets_the_least_recent() -> None:
    slow = Slow()
    with MicroBatcher(slow, remember=2) as batcher:
        for text in ("a", "b", "a", "c", "a", "b"):
            batcher.embed([text])
    assert slow.calls == [["a"], ["b"], ["c"], ["b"]]


def test_closed_batcher_refuses_and_closes_again() -> None:
    batcher = MicroBatcher(Slow())
    batcher.close()
    batcher.close()
    for texts in (["a"], [], ["a"] * 40):
        with pytest.raises(EmbeddingError, match="关闭"):
            batcher.embed(texts)


def test_close_lets_those_in_the_queue_finish() -> None:
    slow = Slow()
    batcher = MicroBatcher(slow, gather=0)
    callers = Callers(batcher)
    hold(slow, callers)
    callers.call("late")
    queued(batcher, 1)
    closing = threading.Thread(target=batcher.close)
    closing.start()
    slow.go.set()
    closing.join(10)
    assert not closing.is_alive()
    assert callers.join()["late"].shape == (1, 2)


def test_no_thread_is_left_behind() -> None:
    before = set(threading.enumerate())
    with MicroBatcher(Slow()) as batcher:
        callers = Callers(batcher)
        for number in range(10):
            callers.call(str(number))
        callers.join()
    assert set(threading.enumerate()) == before


def test_many_threads_get_their_own_rows_of_the_real_encoder(encoder: EmbeddedEncoder) -> None:
    texts = [f"第 {number} 个问题：怎么退款" for number in range(60)]
    expected = encoder.embed(texts)
    with MicroBatcher(encoder) as batcher:
        callers = Callers(batcher)
        for text in texts:
            callers.call(text)
        results = callers.join()
    for text, row in zip(texts, expected, strict=True):
        np.testing.assert_allclose(results[text][0], row, atol=1e-5)


def test_a_bulk_caller_lets_those_who_wait_go_first() -> None:
    slow = Slow()
    with MicroBatcher(slow, most=2) as batcher:
        callers = Callers(batcher)
        slow.go.clear()
        callers.call(*(f"bulk {number}" for number in range(20)))
        assert slow.entered.acquire(timeout=10)
        callers.call("single")
        queued(batcher, 1)
        slow.go.set()
        assert callers.join()["single"].shape == (1, 2)
    assert slow.calls.index(["single"]) == 1
