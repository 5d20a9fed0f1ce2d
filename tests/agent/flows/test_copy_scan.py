"""The knowledge base is read for its own wording, by hand and every week."""

import pytest

from agent.flows import copy_scan, knowledge, settings
from agent.flows.copy_review import Override
from core.errors import BadInput, Forbidden
from core.vocabulary import EntryKind
from knowledge.entry_in import EntryIn
from tests.house import House


def _add(house: House, entry_id: str, answer: str, **values: str) -> None:
    entry = EntryIn(id=entry_id, kind=EntryKind.SCRIPT, title=entry_id, answer=answer, scene="greeting", **values)
    knowledge.save(house.services, house.owner, entry, version=None, override=Override(True, "测试"))


def test_the_report_lists_offending_scripts(house: House) -> None:
    # scope: 42
    _add(house, "bad", "保证一个月瘦20斤，全网最低价！", owner="小文", source="运营手册")
    _add(house, "good", "欢迎您，群规在公告里。", owner="小文", source="运营手册")
    report = copy_scan.run(house.services, house.owner)
    assert [one.entry_id for one in report.findings] == ["bad"]
    assert report.counts == {"absolute_claim": 1, "false_promise": 1}
    assert all(problem.advice and problem.text for problem in report.findings[0].problems)
    assert [one.id for one in copy_scan.reports(house.services, house.owner)] == [report.id]


def test_an_item_without_source_or_owner_is_up_for_review(house: House) -> None:
    # scope: 41
    _add(house, "bare", "欢迎您，群规在公告里。")
    (found,) = copy_scan.run(house.services, house.owner).findings
    assert {problem.label for problem in found.problems} == {"no_source", "no_owner"}


def test_personal_data_is_told_and_not_kept(house: House) -> None:
    _add(house, "leaky", "找会员王建国 15809362217 领取。", owner="小文", source="手册")
    (found,) = copy_scan.run(house.services, house.owner).findings
    assert {"privacy"} <= {problem.label for problem in found.problems}
    assert "15809362217" not in found.model_dump_json()


def test_a_report_comes_by_itself_once_a_week(house: House) -> None:
    # scope: 42
    _add(house, "bad", "手慢无，最后3份", owner="小文", source="手册")
    assert copy_scan.sweep(house.services) == 1
    assert copy_scan.sweep(house.services) == 0
    house.clock.advance(days=7, minutes=1)
    assert copy_scan.sweep(house.services) == 1
    settings.change(house.services, house.owner, "knowledge.check_days", 0)
    house.clock.advance(days=30)
    assert copy_scan.sweep(house.services) == 0
    assert len(copy_scan.reports(house.services, house.owner)) == 2


def test_only_who_edits_may_run_it(house: House) -> None:
    with pytest.raises(Forbidden):
        copy_scan.run(house.services, house.user("answerer", house.community))


def test_a_script_that_fails_the_check_is_not_activated(house: House) -> None:
    # scope: 39
    entry = EntryIn(id="bad", kind=EntryKind.SCRIPT, title="促单", answer="手慢无，最后3份", scene="greeting")
    with pytest.raises(BadInput) as caught:
        knowledge.save(house.services, house.owner, entry, version=None)
    assert (caught.value.code, caught.value.extra["labels"]) == ("copy_blocked", ["false_scarcity"])
    assert copy_scan.run(house.services, house.owner).entries == 0
