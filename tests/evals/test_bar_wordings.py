"""The bar of the first release: one question in three wordings cites one entry, and what stands outside the knowledge
is abstained from with the right reason. Through the real flow, message in to draft out."""

import json
import sys
from datetime import timedelta
from importlib.resources import files
from typing import Any, NamedTuple

import pytest

from agent.flows import inbox, intake
from agent.flows.incoming import IncomingMessage, Sender
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from store import drafts, due, messages
from store.messages import MessageRow

COMMUNITY, CHANNEL = "hemiao-mama", "wecom"

# Of the 90 wordings at least so many cite exactly their entry, and at least so many are taken for a question. No row is
# named: which wordings are missed moves with the encoder and the blend, how many shall only rise.
FLOOR = 68
QUESTIONS_FLOOR = 81

# 15 of 20 abstain with their reason. A case that comes right, or another that goes wrong, fails the test: move this
# list with it.
WRONG_REASON = {
    "outside-03": "called related: members with children are spoken of everywhere, hot pot nowhere",
    "outside-05": "answered: hardly a word of it says anything, and 怎么 stands in many entries",
    "outside-10": "called outside: 围栏 and 颜色 stand in no one entry",
    "outside-11": "answered: who hosts the live show and when it is on look alike; no threshold parts them",
    "outside-12": "answered: the benefits of that level name the coupon, not whether it may be given away",
}


class Got(NamedTuple):
    kind: str
    cited: tuple[str, ...]
    reason: str | None
    text: str | None


def cases(name: str) -> list[dict[str, Any]]:
    text = files("evals").joinpath("cases", f"{name}.jsonl").read_text("utf-8")
    return [json.loads(line) for line in text.splitlines()]


@pytest.fixture
def answered(demo_services: Services, owner: Caller, clock: ManualClock) -> dict[str, Got]:
    """Every case as a member's message, each from somebody else, worked off as by the worker."""
    every = [*cases("wordings"), *cases("outside")]
    ids = {case["id"]: _receive(demo_services, owner, clock, case) for case in every}
    clock.advance(minutes=1)
    _work_off(demo_services)
    return {case_id: _got(demo_services, message_id) for case_id, message_id in ids.items()}


def _receive(services: Services, caller: Caller, clock: ManualClock, case: dict[str, Any]) -> str:
    message = IncomingMessage(
        channel=CHANNEL,
        community_id=COMMUNITY,
        message_id=case["id"],
        sender=Sender(id=f"asks-{case['id']}", name="小满妈妈"),
        text=case["text"],
        sent_at=clock.now(),
    )
    return intake.receive(services, caller, message).message_id


def _work_off(services: Services) -> None:
    while True:
        with services.database.write() as db:
            claims = due.claim(db, MessageRow, worker="test", lease=timedelta(minutes=5), most=50)
        if not claims:
            return
        inbox.handle(services, claims)


def _got(services: Services, message_id: str) -> Got:
    with services.database.read() as db:
        row = messages.get(db, message_id)
        assert row is not None and row.triage is not None
        draft = drafts.of_message(db, message_id)
        if draft is None:
            return Got(row.triage["kind"], (), None, None)
        cited = tuple(one["entry_id"] for one in draft.citations if one["used"])
        return Got(row.triage["kind"], cited, (draft.abstained or {}).get("reason"), draft.text)


def _shown(answered: dict[str, Got], found: dict[str, set[str]]) -> str:
    """What went wrong, a line for each case: its id, its kind, what it cites, why it abstains."""
    lines = []
    for name, ids in found.items():
        lines += [f"{name}: {len(ids)}", *(f"  {id_} {answered[id_][:3]}" for id_ in sorted(ids))]
    return "\n".join(lines)


# scope: 1
# scope: 11
# scope: 12
def test_three_wordings_cite_one_entry_and_questions_outside_abstain(answered: dict[str, Got]) -> None:
    """One test, since laying down the demo and asking over a hundred questions takes seconds."""
    wordings = {case["id"]: tuple(case["relevant_ids"]) for case in cases("wordings")}
    outside = {case["id"]: case["reason"] for case in cases("outside")}
    missed = {id_ for id_, entry in wordings.items() if answered[id_].cited != entry}
    others = {id_ for id_ in wordings if answered[id_].kind != "question"}
    wrong = {id_ for id_, reason in outside.items() if answered[id_].reason != reason}
    shown = _shown(answered, {"not cited": missed, "no question": others, "wrong reason": wrong})
    sys.stdout.write(shown)
    assert len(wordings) == 90
    assert len(wordings) - len(missed) >= FLOOR, shown
    assert len(wordings) - len(others) >= QUESTIONS_FLOOR, shown
    assert wrong == set(WRONG_REASON), shown
    assert not [id_ for id_ in outside if answered[id_].reason and answered[id_].text]
