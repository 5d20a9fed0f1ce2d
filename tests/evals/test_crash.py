"""The crash measurement itself, short: what it checks is promised in `docs/bots/README.md` and the API's contract."""

import os
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from core.vocabulary import DeliveryState
from evals.crash import __main__ as command
from evals.crash.book import Arrival, Book, Decided
from evals.crash.checks import Places, _arrivals, _one_id_a_message
from evals.crash.run import Plan, run

PLACES = Places(plain="plain", idempotent="careful", pulled="pulled")


def _arrived(community: str, at: float, status: int = 204, id_: str = "dlv_1", reply_to: str | None = "m-1") -> Arrival:
    return Arrival(community, id_, reply_to, at, at + 0.1, status)


def _violations(*arrivals: Arrival, kills: tuple[float, ...] = ()) -> list[str]:
    book = Book(arrivals=list(arrivals), kills=list(kills))
    _arrivals(book, PLACES)
    _one_id_a_message(book)
    return [line.split(":")[0] for line in book.violations]


def test_sent_once() -> None:
    assert _violations(_arrived("plain", 1), _arrived("careful", 1, id_="dlv_2", reply_to="m-2")) == []


def test_repeated_after_an_answered_503() -> None:
    assert _violations(_arrived("plain", 1, 503), _arrived("plain", 3)) == []


def test_sent_twice_to_the_plain_endpoint_even_after_a_kill() -> None:
    assert _violations(_arrived("plain", 1), _arrived("plain", 9), kills=(1.05,)) == ["sent_twice_to_plain_endpoint"]


def test_sent_again_after_2xx_without_a_kill() -> None:
    assert _violations(_arrived("careful", 1), _arrived("careful", 9), kills=(5.0,)) == ["sent_again_after_2xx"]


def test_sent_again_where_the_kill_took_the_answer() -> None:
    assert _violations(_arrived("careful", 1), _arrived("careful", 9), kills=(1.05,)) == []


def test_two_ids_for_one_decision() -> None:
    found = _violations(_arrived("careful", 1), _arrived("careful", 2, id_="dlv_2"))
    assert found == ["two_ids_for_one_decision"]


def test_private_replies_quote_no_message() -> None:
    assert _violations(_arrived("careful", 1, reply_to=None), _arrived("careful", 2, id_="dlv_2", reply_to=None)) == []


def test_pulled_and_pushed() -> None:
    book = Book(arrivals=[_arrived("careful", 1)], posted={"dlv_2": "m-1"})
    _one_id_a_message(book)
    assert len(book.violations) == 1


def test_replay_with_another_id() -> None:
    book = Book()
    book.took("m-1", "msg_1")
    book.took("m-1", "msg_1")
    assert book.violations == []
    book.took("m-1", "msg_2")
    assert book.violations == ["replay_made_another_message: m-1"]


def test_decided_twice() -> None:
    book = Book()
    for _ in range(2):
        book.carried_out("drf_1", Decided("approved", "dlv_1"))
    assert book.violations == ["decided_twice: drf_1"]


def test_a_violation_is_named_and_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    summary = {"kills": 1, "violations": ["acknowledged_message_lost: m-1"]}
    monkeypatch.setattr(command, "run", lambda *_: summary)
    done = CliRunner().invoke(command.main, ["--kills", "1"])
    assert done.exit_code == 1
    assert "VIOLATION acknowledged_message_lost: m-1" in done.stderr


@pytest.mark.skipif(os.environ.get("QUNZHU_FAST") == "1", reason="QUNZHU_FAST: kills a real service, about a minute")
def test_two_kills_break_no_promise(tmp_path: Path) -> None:
    told: list[str] = []
    plan = Plan(kills=2, seconds=15, rate=10, drain_seconds=60, restart_seconds=float("inf"))
    begun = time.monotonic()
    summary = run(plan, tmp_path, None, told.append)
    assert summary["violations"] == [], (summary, time.monotonic() - begun)
    assert summary["kills"] == 2
    assert summary["messages_acknowledged"] > 0
    assert summary["decisions_acknowledged"] > 0
    assert summary[f"deliveries_{DeliveryState.DELIVERED}"] > 0
