"""Answers about satisfaction, each counted once, by every way in."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from agent.flows import approvals, case_moves, erasure, events, surveys
from agent.flows import settings as settings_flow
from agent.flows.approvals import Ruling
from agent.flows.incoming import IncomingEvent
from agent.flows.surveys import Given, Who
from core.errors import BadInput, Forbidden, NotFound
from core.vocabulary import CaseState, Decision, SurveyKind
from store import cases, drafts
from store import surveys as store
from store.complaint_figures import Where, nps
from store.surveys import SurveyAnswerRow, SurveyLinkRow
from tests.agent.flows.test_incidents import case_row, member
from tests.house import House, in_parallel

TEN = (10, 10, 9, 9, 9, 8, 7, 7, 6, 0)
"""Five who recommend, two who do not, of ten: 30."""


def given(house: House, score: int, answer_id: str = "a", kind: SurveyKind = SurveyKind.NPS, **values: object) -> Given:
    plain = {"channel": "wecom", "community_id": house.community, "at": house.clock.now()}
    return Given(**(plain | values), answer_id=answer_id, kind=kind, score=score)  # type: ignore[arg-type]


def rows(house: House) -> list[SurveyAnswerRow]:
    with house.services.database.read() as db:
        return list(db.execute(sa.select(SurveyAnswerRow)).scalars())


def told_case(house: House, member_id: str | None = None, **more: object) -> str:
    """A resolved case whose member was told the result."""
    who = member_id or member(house, "m1")
    with house.services.database.write() as db:
        at = db.now
        values = {"state": "resolved", "owner_id": house.owner.id, "result": "已换货", "resolved_at": at, "told_at": at}
        values |= more
        return case_row(db, house, who, at, "米粉发霉了", **values)


def ask(house: House, case_id: str) -> str | None:
    with house.services.database.write() as db:
        case = cases.get(db, case_id)
        assert case is not None
        return surveys.ask(db, house.services, case)


def token_of(house: House, case_id: str) -> str:
    with house.services.database.read() as db:
        link = store.link_of_case(db, case_id, SurveyKind.CSAT)
    assert link is not None
    return link.token


def test_ten_answers_make_the_right_nps(house: House) -> None:
    # scope: 120
    taken = surveys.receive(house.services, house.bot, [given(house, score, f"a{n}") for n, score in enumerate(TEN)])
    assert taken.added == 10
    with house.services.database.read() as db:
        now = house.clock.now()
        where = Where(frozenset({house.community}), now - timedelta(days=1), now + timedelta(days=1), now)
        assert [(one.value, one.numerator, one.denominator) for one in nps(db, where)] == [(30.0, 3, 10)]


def test_the_same_answer_counts_once(house: House) -> None:
    surveys.receive(house.services, house.bot, [given(house, 9)])
    again = surveys.receive(house.services, house.bot, [given(house, 9)])
    assert (again.added, again.known) == (0, 1)
    with pytest.raises(BadInput, match="survey_changed"):
        surveys.receive(house.services, house.bot, [given(house, 3)])


@pytest.mark.parametrize(
    ("kind", "score"), [(SurveyKind.NPS, -1), (SurveyKind.NPS, 11), (SurveyKind.CSAT, 0), (SurveyKind.CSAT, 6)]
)
def test_a_score_outside_its_scale_is_refused(house: House, kind: SurveyKind, score: int) -> None:
    with pytest.raises(BadInput, match="score_out_of_range"):
        surveys.receive(house.services, house.bot, [given(house, 5, "fine"), given(house, score, kind=kind)])
    assert rows(house) == []


def test_refusals_of_a_batch(house: House) -> None:
    with pytest.raises(NotFound, match="community_not_found"):
        surveys.receive(house.services, house.bot, [given(house, 5, community_id="nowhere")])
    with pytest.raises(BadInput, match="at_in_future"):
        surveys.receive(house.services, house.bot, [given(house, 5, at=house.clock.now() + timedelta(hours=1))])
    with pytest.raises(NotFound, match="complaint_not_found"):
        surveys.receive(house.services, house.bot, [given(house, 5, case_id="cmp_none")])


def test_events_of_type_survey_count_too_where_they_say_a_score(house: House) -> None:
    # scope: 120
    def event(number: int, data: dict[str, object]) -> IncomingEvent:
        plain = {"channel": "wecom", "community_id": house.community, "type": "survey", "member": {"id": "m1"}}
        return IncomingEvent.model_validate(plain | {"event_id": f"e{number}", "at": house.clock.now(), "data": data})

    batch = [event(1, {"kind": "nps", "score": 9}), event(2, {"kind": "csat", "score": 9}), event(3, {"q1": "好"})]
    events.receive(house.services, house.bot, batch)
    events.receive(house.services, house.bot, batch[:1])
    assert [(row.kind, row.score, row.source) for row in rows(house)] == [("nps", 9, "event")]


def test_after_a_case_the_member_is_asked_by_a_message_that_a_person_approves(house: House) -> None:
    # scope: 120
    settings_flow.change(house.services, house.owner, "surveys.address", "https://q.example.com/", None)
    case_id = told_case(house)
    draft_id = ask(house, case_id)
    assert draft_id is not None
    with house.services.database.read() as db:
        draft = drafts.get(db, draft_id)
    assert draft is not None and draft.text is not None
    assert (draft.kind, draft.status) == ("private", "pending")
    assert f"https://q.example.com/s/{token_of(house, case_id)}" in draft.text
    assert ask(house, case_id) is None
    done = approvals.decide(house.services, house.owner, draft_id, Ruling(Decision.APPROVE, 1), undoable=False)
    assert done.delivery_id is not None


def test_without_an_address_the_member_answers_in_words(house: House) -> None:
    draft_id = ask(house, told_case(house))
    with house.services.database.read() as db:
        draft = drafts.get(db, str(draft_id))
    assert draft is not None and draft.text is not None and "/s/" not in draft.text and draft.copy_check == []


@pytest.mark.parametrize("said", ["5", "５分", "五分！", "打5分"])
def test_a_number_in_private_after_the_question_is_the_answer(house: House, said: str) -> None:
    asker = house.message_row(house.say("你好呀", "m-0", conversation="private")).member_id
    case_id = told_case(house, asker)
    draft_id = ask(house, case_id)
    house.say("4", "m-1", conversation="private")
    house.work()
    assert rows(house) == [], "nobody has asked yet"
    approvals.decide(house.services, house.owner, str(draft_id), Ruling(Decision.APPROVE, 1), undoable=False)
    house.clock.advance(minutes=1)
    house.say("5", "m-2")
    house.say("收到", "m-3", conversation="private")
    house.work()
    assert rows(house) == [], "what stands in the group, or is no number alone, is none"
    house.say(said, "m-4", conversation="private")
    house.work()
    house.say("1", "m-5", conversation="private")
    house.work()
    (row,) = rows(house)
    assert (row.score, row.source, row.case_id, row.member_id) == (5, "reply", case_id, asker)
    with house.services.database.read() as db:
        case = cases.get(db, case_id)
    assert case is not None and case.answer == "satisfied"


def test_who_got_a_link_was_asked_for_no_number(house: House) -> None:
    settings_flow.change(house.services, house.owner, "surveys.address", "https://q.example.com/", None)
    asker = house.message_row(house.say("你好呀", "m-0", conversation="private")).member_id
    case_id = told_case(house, asker)
    draft_id = ask(house, case_id)
    approvals.decide(house.services, house.owner, str(draft_id), Ruling(Decision.APPROVE, 1), undoable=False)
    house.clock.advance(minutes=1)
    house.say("5", "m-1", conversation="private")
    house.work()
    assert rows(house) == []


@pytest.mark.parametrize(("score", "answer"), [(5, "satisfied"), (4, "satisfied"), (2, "unsatisfied")])
def test_an_answer_by_link_is_the_member_s_answer_to_the_result(house: House, score: int, answer: str) -> None:
    case_id = told_case(house)
    ask(house, case_id)
    surveys.answer_link(house.services, token_of(house, case_id), score)
    (row,) = rows(house)
    assert (row.kind, row.score, row.source, row.case_id) == ("csat", score, "link", case_id)
    with house.services.database.read() as db:
        case = cases.get(db, case_id)
    assert case is not None
    assert case.answer == answer or (answer == "unsatisfied" and case.state == "reopened")


def test_a_link_takes_one_answer_also_from_many_at_once(house: House) -> None:
    case_id = told_case(house)
    ask(house, case_id)
    token = token_of(house, case_id)
    done = in_parallel(6, [lambda: surveys.answer_link(house.services, token, 5)] * 6)
    assert sorted(getattr(one, "code", "taken") for one in done) == ["survey_link_over"] * 5 + ["taken"]
    assert len(rows(house)) == 1


def test_a_link_runs_out_and_a_guess_is_none(house: House) -> None:
    case_id = told_case(house)
    ask(house, case_id)
    token = token_of(house, case_id)
    with pytest.raises(BadInput, match="score_out_of_range"):
        surveys.answer_link(house.services, token, 6)
    for guess in (token[:-1] + ("0" if token[-1] != "0" else "1"), token.partition(".")[0], "", "..", "好.好"):
        with pytest.raises(NotFound, match="survey_link_unknown"):
            surveys.answer_link(house.services, guess, 5)
    house.clock.advance(seconds=7 * 86_400)
    with pytest.raises(BadInput, match="survey_link_over"):
        surveys.answer_link(house.services, token, 5)


def test_a_key_without_the_scope_hands_in_nothing(house: House) -> None:
    from tests.agent.flows.test_incidents import person

    with pytest.raises(Forbidden):
        surveys.receive(house.services, person(house, "answerer"), [given(house, 5, member=Who("m1"))])


def test_no_link_for_a_case_without_a_member(house: House) -> None:
    case_id = told_case(house)
    with house.services.database.write() as db:
        case = cases.get(db, case_id)
        assert case is not None
        case.member_id = None
        assert surveys.ask(db, house.services, case) is None
        assert db.execute(sa.select(sa.func.count()).select_from(SurveyLinkRow)).scalar_one() == 0


def test_after_closing_an_answer_takes_the_place_of_none(house: House) -> None:
    case_id = told_case(house, state="closed", answer="no_answer", closed_at=house.clock.now())
    ask(house, case_id)
    surveys.answer_link(house.services, token_of(house, case_id), 5)
    with house.services.database.read() as db:
        case = cases.get(db, case_id)
    assert case is not None and case.answer == "satisfied"


def test_a_case_that_is_open_again_asks_nobody_and_asks_again_when_it_is_closed(house: House) -> None:
    case_id = told_case(house, state="closed", answer="no_answer", closed_at=house.clock.now())
    first = ask(house, case_id)
    with house.services.database.write() as db:
        case = cases.lock(db, case_id)
        assert case is not None
        case_moves.move(db, house.owner, case, CaseState.REOPENED)
    assert house.draft_row(str(first)).status == "expired"
    assert ask(house, case_id) not in (None, first)


def test_who_was_erased_is_not_asked(house: House) -> None:
    # scope: 37, 120
    case_id = told_case(house)
    with house.services.database.read() as db:
        case = cases.get(db, case_id)
    assert case is not None
    erasure.erase(house.services, house.owner, str(case.member_id))
    assert ask(house, case_id) is None
