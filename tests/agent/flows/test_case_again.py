"""Cases that go on after they had ended: opened again, answered again, said again."""

from core.vocabulary import CaseAction, CaseAnswer, CaseState
from server.complaint_views import case_views, conversation
from store import cases, drafts
from store.cases import CaseRow, Filter
from tests.agent.flows.test_cases import (
    act,
    all_cases,
    case_of,
    clock_state,
    complain,
    deliver_all,
    history,
    staff_says,
    to_result,
)
from tests.house import House

AGAIN = "换来的又坏了，三天都没用到，没人管"
DAY = 24 * 3600.0


def reopened(house: House) -> CaseRow:
    """A case that was closed on its first day and opened again on the fifth."""
    case = to_result(house, complain(house))
    act(house, case, CaseAction.TOLD)
    act(house, case, CaseAction.CLOSE, answer=CaseAnswer.SATISFIED)
    house.clock.advance(seconds=5 * DAY)
    complain(house, AGAIN, "m-9")
    return case_of(house, case.message_id)


def test_more_of_a_case_that_is_open_again_joins_it(house: House) -> None:
    case = reopened(house)
    assert case.state == CaseState.REOPENED
    house.clock.advance(seconds=300)
    complain(house, "锅又坏了，质量差得离谱", "m-10")
    assert [row.id for row in all_cases(house)] == [case.id]


def test_asking_again_gives_no_more_time_to_answer(house: House) -> None:
    case = reopened(house)
    house.clock.advance(seconds=300)
    complain(house, "锅又坏了，质量差得离谱", "m-10")
    assert case_of(house, case.message_id).respond_by == case.respond_by


def test_person_who_opens_a_case_again_starts_its_clock(house: House) -> None:
    case = to_result(house, complain(house))
    assert clock_state(house, case) == "stopped"
    act(house, case, CaseAction.REOPEN, text="打电话来说没收到")
    assert clock_state(house, case) == "running"
    assert case_of(house, case.message_id).respond_by is not None


def overdue(house: House) -> list[str]:
    with house.services.database.read() as db:
        rows = cases.page(db, Filter(overdue=True, now=house.clock.now()))
        shown = case_views(db, house.services, cases.page(db, Filter()))
    assert [one.id for one in shown if one.overdue] == [row.id for row in rows]
    return [row.id for row in rows]


def test_case_that_is_open_again_can_be_overdue(house: House) -> None:
    case = reopened(house)
    assert overdue(house) == []
    house.clock.advance(seconds=1_900)
    assert overdue(house) == [case.id]


def test_edit_of_what_was_dismissed_opens_a_case_that_has_the_message(house: House) -> None:
    case = complain(house)
    act(house, case, CaseAction.DISMISS, text="说的是别家的")
    house.say("买的锅用了三天就坏了，质量太差，没人管！", "m-1", revision=1)
    house.work()
    before, after = all_cases(house)
    assert (before.state, after.state) == (CaseState.DISMISSED, CaseState.NEW)
    assert case_of(house, case.message_id).id == after.id
    with house.services.database.read() as db:
        assert [one.id for one, _ in conversation(db, before)] == [case.message_id]


def test_result_that_arrives_after_another_was_found_tells_only_of_itself(house: House) -> None:
    case = to_result(house, complain(house), "换一个新的")
    with house.services.database.read() as db:
        (draft,) = drafts.open_of_case(db, case.id)
    house.decide(draft.id)  # its delivery is on its way
    house.clock.advance(seconds=60)
    act(house, case, CaseAction.REOPEN, text="打电话来说没收到")
    act(house, case, CaseAction.INVESTIGATE)
    act(house, case, CaseAction.RESOLVE, text="上门取件，再发一个新的")
    deliver_all(house)
    assert case_of(house, case.message_id).told_at is None
    with house.services.database.read() as db:
        (draft,) = drafts.open_of_case(db, case.id)
    house.decide(draft.id)
    deliver_all(house)
    assert case_of(house, case.message_id).told_at is not None


def test_later_answers_to_a_case_that_is_open_again_are_no_first_ones(house: House) -> None:
    case = reopened(house)
    for number in range(3):
        staff_says(house, "实在抱歉给您添麻烦了，我私信您核对一下，马上处理", f"s-{number}")
    assert clock_state(house, case) == "stopped"
    assert history(house, case).count("answered") == 1
    for action in (CaseAction.INVESTIGATE, CaseAction.RESOLVE):
        act(house, case, action, text="再换一个")
    house.clock.advance(seconds=DAY)
    complain(house, AGAIN, "m-10")
    assert case_of(house, case.message_id).state == CaseState.REOPENED
    staff_says(house, "实在抱歉给您添麻烦了，我私信您核对一下，马上处理", "s-9")
    assert clock_state(house, case) == "stopped"
    assert history(house, case).count("answered") == 2
