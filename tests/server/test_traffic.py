"""Requests go first, and a waiting one is none."""

import time

import pytest

from server import traffic
from server.traffic import Traffic


def _rush(made: Traffic, requests: int) -> None:
    for _ in range(requests):
        made.enter()
        made.leave()


def _rests(made: Traffic, slept: list[float]) -> int:
    before = len(slept)
    made.pace()
    return len(slept) - before


def test_worker_rests_only_while_many_requests_come(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    made = Traffic()
    made.pace()
    assert _rests(made, slept) == 0
    _rush(made, 100)
    assert _rests(made, slept) == 1
    assert slept[-1] <= traffic.LONGEST_REST


def test_worker_waits_for_a_crowd_but_not_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    moments = iter(range(10_000))
    monkeypatch.setattr(time, "sleep", slept.append)
    monkeypatch.setattr(time, "monotonic", lambda: next(moments) / 100)
    made = Traffic()
    made.pace()
    for _ in range(100):
        made.enter()
    made.pace()
    assert 2 <= len(slept) < 200


def test_request_that_waits_for_the_worker_does_not_hold_it_back() -> None:
    made = Traffic()
    made.enter()
    with made.idle():
        assert made._under_way == 0
    assert made._under_way == 1
