"""No sequence of calls takes a case into a forbidden state, leaves it acknowledged without an owner, or closed without
a result, the member told, and their answer."""

from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent.flows import approvals, case_compensation, case_ends, case_replies, cases, deliveries
from agent.flows.approvals import Ruling
from agent.flows.case_compensation import Proposal
from agent.flows.case_intake import Grievance
from agent.flows.cases import Act
from agent.flows.turns import Turn
from agent.steps import case_reply, case_states
from agent.steps.case_reply import Manner, Matter
from agent.steps.complaint import Complaint
from core.errors import ForPeople
from core.vocabulary import (
    CaseAction,
    CaseAnswer,
    CaseState,
    CompensationKind,
    CompensationStatus,
    ComplaintCategory,
    Decision,
    Department,
    Severity,
)
from store import case_events, drafts, messages
from store import cases as rows
from store import deliveries as sent
from store.cases import CaseRow
from tests.agent.flows.test_draft_machine import small_house
from tests.house import House, stay, utter

_OWNED = set(CaseState) - {CaseState.NEW, CaseState.DISMISSED}
_VERSIONS = st.sampled_from([0, 0, 0, 0, -1, 1])
_LIMIT = 10_000


def _grievance(house: House, message_id: str, severity: Severity) -> tuple[Turn, Grievance]:
    with house.services.database.read() as db:
        row = messages.get(db, message_id)
    assert row is not None
    verdict = Complaint(
        is_complaint=True, score=0.9, category=ComplaintCategory.PRODUCT_QUALITY, severity=severity, topic=None
    )
    manner = Manner("friendly", {}, frozenset({"member_name"}))
    words = case_reply.drafts(Matter(ComplaintCategory.PRODUCT_QUALITY, severity), manner, (), in_group=True)
    return Turn(row, (row,)), Grievance((row,), verdict, row, words)


def _machine(house: House) -> type[RuleBasedStateMachine]:
    service = house.user("service")

    class Case(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            with house.services.database.write() as db:
                self.member_id = stay(db, "mama", db.now)
            self.complain(Severity.HIGH)

        def _rows(self) -> list[CaseRow]:
            with house.services.database.read() as db:
                found = rows.page(db, rows.Filter(), limit=200)
            return [row for row in found if row.member_id == self.member_id]

        def _case(self) -> CaseRow:
            return self._rows()[0]

        def _try(self, call: Callable[[], object]) -> None:
            try:
                call()
            except ForPeople as error:
                assert error.status in (409, 422), error.code

        @rule(severity=st.sampled_from(Severity))
        def complain(self, severity: Severity) -> None:
            house.clock.advance(seconds=5)
            with house.services.database.write() as db:
                message_id = utter(db, "mama", self.member_id, db.now, text="用了三天就坏了，没人管")
            turn, found = _grievance(house, message_id, severity)
            with house.services.database.write() as db:
                case_replies.file(db, house.services, turn, [found], None, None)

        @rule()
        def staff_answers(self) -> None:
            with house.services.database.write() as db:
                row = rows.lock(db, self._case().id)
                assert row is not None
                case_replies.acknowledge(db, house.services, row, None, db.now)

        @rule(
            action=st.sampled_from(CaseAction),
            offset=_VERSIONS,
            text=st.sampled_from([None, "查到了，换新的"]),
            answer=st.sampled_from([None, *CaseAnswer]),
        )
        def act(self, action: CaseAction, offset: int, text: str | None, answer: CaseAnswer | None) -> None:
            case = self._case()
            takes_text = action not in (CaseAction.ASSIGN,)
            takes_answer = action in (CaseAction.ANSWER, CaseAction.CLOSE)
            wanted = Act(
                action,
                case.version + offset,
                text=text if takes_text else None,
                owner=house.owner.id if action is CaseAction.ASSIGN else None,
                answer=answer if takes_answer else None,
                department=Department.PRODUCT if action is CaseAction.ROUTE else None,
                severity=Severity.LOW if action is CaseAction.CLASSIFY else None,
            )
            self._try(lambda: cases.act(house.services, house.owner, case.id, wanted))

        @rule(offset=_VERSIONS, cents=st.sampled_from([0, 500, 9_000, 90_000]))
        def offer(self, offset: int, cents: int) -> None:
            case = self._case()
            proposal = Proposal(case.version + offset, CompensationKind.COUPON, cents=cents)
            self._try(lambda: case_compensation.propose(house.services, service, case.id, proposal))

        @rule(decision=st.sampled_from([Decision.APPROVE, Decision.REJECT]))
        def decide(self, decision: Decision) -> None:
            with house.services.database.read() as db:
                open_ = drafts.open_of_case(db, self._case().id)
            for draft in open_[:1]:
                ruling = Ruling(decision, draft.version)
                self._try(
                    lambda d=draft, r=ruling: approvals.decide(  # type: ignore[misc]
                        house.services, house.owner, d.id, r, undoable=False
                    )
                )

        @rule()
        def deliver(self) -> None:
            with house.services.database.read() as db:
                found = sent.pullable(db, now=house.clock.now(), communities=None, channel=None, after=None, limit=200)
            for row in found:
                self._try(lambda d=row.id: deliveries.acknowledge(house.services, house.owner, d))  # type: ignore[misc]

        @rule(hours=st.sampled_from([1, 12, 24 * 8]))
        def wait(self, hours: int) -> None:
            house.clock.advance(seconds=timedelta(hours=hours).total_seconds())
            case_ends.sweep(house.services)

        @invariant()
        def keeps_what_states_demand(self) -> None:
            for row in self._rows():
                state = CaseState(row.state)
                assert state not in _OWNED or row.owner_id is not None
                if state in (CaseState.RESOLVED, CaseState.CLOSED):
                    assert row.result
                if state is CaseState.CLOSED:
                    assert row.told_at is not None and row.answer is not None and row.closed_at is not None

        @invariant()
        def history_is_a_path_through_the_states(self) -> None:
            for row in self._rows():
                with house.services.database.read() as db:
                    moved = [e for e in case_events.of_case(db, row.id) if e.to_state is not None]
                assert moved[0].from_state is None and moved[-1].to_state == row.state
                for before, after in pairwise(moved):
                    assert after.from_state == before.to_state
                    assert CaseState(after.to_state or "") in case_states.follows(CaseState(after.from_state or ""))

        @invariant()
        def nothing_above_the_limit_is_approved_without_a_manager(self) -> None:
            for row in self._rows():
                with house.services.database.read() as db:
                    offers = case_events.compensations(db, row.id)
                approved = [one for one in offers if one.status == CompensationStatus.APPROVED]
                own = sum(one.cents for one in approved if one.decided_by == service.id)
                assert own <= _LIMIT

    return Case


# scope: 23, 24
def test_no_sequence_of_calls_breaks_a_case() -> None:
    with small_house() as house:
        run_state_machine_as_test(
            _machine(house), settings=settings(max_examples=12, stateful_step_count=25, deadline=None)
        )
