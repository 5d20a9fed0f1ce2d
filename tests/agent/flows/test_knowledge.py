"""Knowledge is edited by who may, in versions, and searched by who may."""

import pytest

from agent.flows import knowledge as flow
from core.caller import Caller
from core.errors import Conflict, Forbidden
from knowledge.importing import EntryIn
from store import knowledge
from tests.house import ASKS_SHIPPING, KNOWLEDGE, House, in_parallel, row_counts


def _entry(**values: object) -> EntryIn:
    plain = {"id": "one", "kind": "faq", "title": "一", "phrasings": ["问"], "answer": "答"}
    return EntryIn.model_validate(plain | values)


def _import(house: House, caller: Caller, text: str) -> flow.Imported:
    return flow.import_file(house.services, caller, text.encode(), "yaml", dry_run=False)


def test_second_import_changes_nothing(house: House) -> None:
    assert _import(house, house.owner, KNOWLEDGE).added == 4
    before = row_counts(house.services.database)
    again = _import(house, house.owner, KNOWLEDGE)
    assert (again.added, again.changed, again.unchanged) == (0, 0, 4)
    assert row_counts(house.services.database) == before


def test_dry_run_stores_nothing(house: House) -> None:
    before = row_counts(house.services.database)
    told = flow.import_file(house.services, house.owner, KNOWLEDGE.encode(), "yaml", dry_run=True)
    assert (told.added, told.dry_run) == (4, True)
    assert row_counts(house.services.database) == before


def test_every_change_is_a_version(house: House) -> None:
    flow.save(house.services, house.owner, _entry(), version=None)
    flow.save(house.services, house.owner, _entry(answer="另一个答"), version=1)
    flow.save(house.services, house.owner, _entry(answer="另一个答"), version=2)
    with house.services.database.read() as db:
        versions = knowledge.versions(db, "one")
    assert [(one.version, one.content["answer"]) for one in versions] == [(2, "另一个答"), (1, "答")]


def test_racing_edits_have_one_winner(house: House) -> None:
    flow.save(house.services, house.owner, _entry(), version=None)
    calls = [lambda n=n: flow.save(house.services, house.owner, _entry(answer=f"答{n}"), version=1) for n in range(12)]
    results = in_parallel(6, calls)
    losers = [one for one in results if isinstance(one, Conflict)]
    assert len(losers) == 11
    assert {one.code for one in losers} == {"entry_changed"}
    assert row_counts(house.services.database)["knowledge_versions"] == 2


def test_edit_is_searchable_at_once(wise: House) -> None:
    assert "48小时" in (wise.ask(ASKS_SHIPPING, "m-1").text or "")
    wise.learn(KNOWLEDGE.replace("付款后48小时内发货", "付款后两天内发货"))
    assert "两天内" in (wise.ask(ASKS_SHIPPING, "m-2").text or "")


def test_editor_of_one_group_edits_nothing_that_holds_for_all(house: House) -> None:
    # scope: 36
    editor = house.user("content", "mama")
    flow.save(house.services, editor, _entry(community="mama"), version=None)
    before = row_counts(house.services.database)
    for community in (None, "root"):
        with pytest.raises(Forbidden, match="scope_missing"):
            flow.save(house.services, editor, _entry(id="two", community=community), version=None)
    with pytest.raises(Forbidden, match="scope_missing"):
        _import(house, editor, KNOWLEDGE)
    assert row_counts(house.services.database) == before


def test_import_takes_no_entry_away_from_others(house: House) -> None:
    # scope: 36
    flow.save(house.services, house.owner, _entry(), version=None)
    editor = house.user("content", "mama")
    stolen = "- {id: one, kind: faq, title: 一, phrasings: [问], answer: 假的, community: mama}\n"
    with pytest.raises(Forbidden, match="scope_missing"):
        _import(house, editor, stolen)
    with house.services.database.read() as db:
        row = knowledge.get(db, "one")
    assert row is not None and (row.answer, row.community_id) == ("答", None)


def test_who_may_not_edit_learns_nothing_from_a_broken_file(house: House) -> None:
    with pytest.raises(Forbidden, match="scope_missing"):
        _import(house, house.user("answerer"), "- {id: one")
