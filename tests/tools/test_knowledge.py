"""Search as somebody."""

from datetime import date

import pytest

from agent.flows import access
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.errors import Forbidden
from tests.house import ASKS_REFUND, KNOWLEDGE, House
from tools.knowledge import search_knowledge

TODAY = date(2026, 11, 21)


@pytest.fixture
def wise(services: Services, clock: ManualClock, owner: Caller, community: str, bot: Caller) -> House:
    house = House(services, clock, owner, bot, community)
    house.learn(
        KNOWLEDGE
        + "- {id: only-root, kind: faq, title: 总群的事, phrasings: [总群的事], answer: 是, community: root}\n"
    )
    return house


def test_finds_the_entry_with_a_verdict(wise: House) -> None:
    # scope: 6
    found = search_knowledge(wise.bot, wise.services.knowledge, ASKS_REFUND, communities=("mama", "root"), today=TODAY)
    assert found.candidates[0].entry.id == "refund-wrong"
    assert found.judged.verdict == "answers"


def test_what_belongs_to_another_community_is_not_searched(wise: House) -> None:
    # scope: 36
    def ids(*communities: str) -> set[str]:
        found = search_knowledge(wise.bot, wise.services.knowledge, "总群的事", communities=communities, today=TODAY)
        return {one.entry.id for one in found.candidates}

    assert "only-root" in ids("mama", "root")
    assert "only-root" not in ids("mama")


def test_without_the_scope_there_is_an_error_and_no_empty_list(wise: House) -> None:
    made = access.create_key(wise.services, wise.owner, name="x", within=["root"])
    elsewhere = access.caller_of_key(
        wise.services, access.create_key(wise.services, wise.owner, name="y", within=[]).key
    )
    assert access.caller_of_key(wise.services, made.key)
    with pytest.raises(Forbidden, match="scope_missing"):
        search_knowledge(elsewhere, wise.services.knowledge, "x", communities=("mama",), today=TODAY)
