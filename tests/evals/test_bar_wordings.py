"""The bar of the first release: one question in three wordings cites one entry, and what stands outside the knowledge
is abstained from with the right reason. Through the real flow, message in to draft out."""

import json
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

# What is missed, and why: 26 of 30 cite their entry, 17 of 20 abstain with their reason. A case that comes right, or
# another that goes wrong, fails the test: move the floor with it.
NOT_CITED = {
    "wording-03-a": "寄回 and 快递费 stand nearer to the entry about where to send a return (0.63 against 0.62)",
    "wording-06-b": "that entry says 禾豆 and 过期, the question 积分 and 作废: other entries on 积分 win",
    "wording-08-c": "直播回看 lies nearer to the time of the live show than to 课程回放",
    "wording-09-b": "found first, but 0.51: the encoder knows nothing of 拼多多助力, so the gate abstains",
}
WRONG_REASON = {
    "outside-05": "called related: no word of it is known, but a short request resembles many a short question",
    "outside-11": "answered: who hosts the live show and when it is on look alike (0.68); no threshold parts them",
    "outside-13": "called outside: the knowledge says too little of 沙龙 for 0.45 to be called related",
}
NO_QUESTION = {
    "wording-02-c": "咋还没 is how members complain; a complaint is drafted for as well, and cites the entry"
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


# scope: 1
# scope: 11
# scope: 12
def test_three_wordings_cite_one_entry_and_questions_outside_abstain(answered: dict[str, Got]) -> None:
    """One test, since laying down the demo and asking fifty questions takes seconds."""
    wordings = {case["id"]: tuple(case["relevant_ids"]) for case in cases("wordings")}
    outside = {case["id"]: case["reason"] for case in cases("outside")}
    missed = {id_ for id_, entry in wordings.items() if answered[id_].cited != entry}
    wrong = {id_ for id_, reason in outside.items() if answered[id_].reason != reason}
    others = {id_ for id_ in wordings if answered[id_].kind != "question"}
    shown = {id_: got._replace(text=None) for id_, got in answered.items() if id_ in missed | wrong | others}
    assert (missed, wrong, others) == (set(NOT_CITED), set(WRONG_REASON), set(NO_QUESTION)), shown
    assert not [id_ for id_ in outside if answered[id_].reason and answered[id_].text]
