"""Entries for new and for old members reach whom they are meant for."""

from agent.flows.community import today
from core.vocabulary import Audience
from knowledge.retriever import Scope
from tests.house import House

PAIR = """
- id: faq-points-new
  kind: faq
  title: 积分怎么攒
  phrasings: [怎么攒积分]
  answer: 新人先签到，每天得10分。
  audience: new
- id: faq-points-old
  kind: faq
  title: 积分怎么攒
  phrasings: [怎么攒积分]
  answer: 老成员拉新最快，一人50分。
  audience: old
- {id: faq-hours, kind: faq, title: 客服几点上班, phrasings: [几点有人], answer: 每天九点到二十一点。}
"""
ASKS = "怎么攒积分"


def _cited(house: House, message_id: str) -> list[str]:
    draft = house.ask(ASKS, message_id)
    return [one["entry_id"] for one in draft.citations if one["used"]]


# scope: 7
def test_new_member_gets_the_first_steps_and_an_old_one_the_rest(wise: House) -> None:
    wise.learn(PAIR)
    assert _cited(wise, "m-1") == ["faq-points-new"]
    wise.clock.advance(days=14, hours=23)
    assert _cited(wise, "m-2") == ["faq-points-new"], "14 full days are still new"
    wise.clock.advance(hours=1)
    assert _cited(wise, "m-3") == ["faq-points-old"]


def test_entry_for_everybody_reaches_both(wise: House) -> None:
    wise.learn(PAIR)
    for message_id in ("m-1", "m-2"):
        draft = wise.ask("客服几点上班", message_id)
        assert [one["entry_id"] for one in draft.citations if one["used"]] == ["faq-hours"]
        wise.clock.advance(days=30)


def test_hit_testing_sees_both(wise: House) -> None:
    wise.learn(PAIR)
    scope = Scope(None, today(wise.clock.now()))
    found = wise.services.knowledge.retriever.search(ASKS, scope)
    assert {one.entry.audience for one in found[:2]} == {Audience.NEW, Audience.OLD}
