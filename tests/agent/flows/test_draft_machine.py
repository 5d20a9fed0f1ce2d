"""No sequence of decisions, undos, pulls and waits leads one draft to two deliveries that go out."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from agent.flows import access, approvals, communities, deliveries
from agent.services import Services
from core.clock import ManualClock
from core.crypto import Keyring
from core.errors import ForPeople
from core.settings import Environment
from core.vocabulary import OPEN_DRAFT_STATUSES, CommunityType, Decision, DeliveryState, DraftStatus
from store import deliveries as rows
from store import migrate
from store.session import Database
from tests.conftest import NOW, SECRET
from tests.house import House

_LIVE = (DeliveryState.QUEUED, DeliveryState.SENDING, DeliveryState.DELIVERED, DeliveryState.UNKNOWN)


@contextmanager
def small_house() -> Iterator[House]:
    with TemporaryDirectory() as folder:
        clock = ManualClock(NOW)
        database = Database(f"sqlite:///{Path(folder) / 'q.db'}", clock, Keyring(SECRET))
        migrate.upgrade(database)
        env = Environment(env="test", data_dir=Path(folder))
        services = Services(env, clock, database.keyring, database, knowledge=None)  # type: ignore[arg-type]
        access.bootstrap(services)
        owner = access.caller_of_login(services, None)
        communities.create(
            services,
            owner,
            community_id="mama",
            name="群",
            type=CommunityType.ORGANISATION,
            channel="wecom",
            parent_id=None,
        )
        yield House(services, clock, owner, owner, "mama")
        database.close()


def _machine(house: House) -> type[RuleBasedStateMachine]:
    class Draft(RuleBasedStateMachine):
        @initialize()
        def begin(self) -> None:
            (self.draft_id,) = house.make_drafts(1)
            self.handed_out: set[str] = set()

        def _try(self, call: Callable[[], object]) -> None:
            try:
                call()
            except ForPeople as error:
                assert error.status in (409, 422)

        @rule(decision=st.sampled_from(Decision), offset=st.sampled_from([0, 0, 0, -1, 1]), undoable=st.booleans())
        def decide(self, decision: Decision, offset: int, undoable: bool) -> None:
            version = house.draft_row(self.draft_id).version + offset
            text = "另一段话" if decision == Decision.MODIFY else None
            self._try(lambda: house.decide(self.draft_id, decision, version=version, text=text, undoable=undoable))

        @rule(offset=st.sampled_from([0, 0, -1]))
        def undo(self, offset: int) -> None:
            version = house.draft_row(self.draft_id).version + offset
            self._try(lambda: approvals.undo(house.services, house.owner, self.draft_id, version))

        @rule(seconds=st.sampled_from([1, 5, 9, 10, 60]))
        def wait(self, seconds: int) -> None:
            house.clock.advance(seconds=seconds)

        @rule()
        def pull(self) -> None:
            with house.services.database.read() as db:
                found = rows.pullable(db, now=house.clock.now(), communities=None, channel=None, after=None, limit=200)
            self.handed_out |= {row.id for row in found if row.draft_id == self.draft_id}

        @rule()
        def acknowledge(self) -> None:
            for delivery_id in self.handed_out:
                self._try(lambda d=delivery_id: deliveries.acknowledge(house.services, house.owner, d))  # type: ignore[misc]

        @invariant()
        def at_most_one_goes_out(self) -> None:
            with house.services.database.read() as db:
                made = rows.of_draft(db, self.draft_id)
            live = [row.id for row in made if row.state in _LIVE]
            assert len(live) <= 1
            assert len(self.handed_out) <= 1, "one draft was handed out twice"
            draft = house.draft_row(self.draft_id)
            sent = draft.status in (DraftStatus.APPROVED, DraftStatus.MODIFIED)
            assert bool(live) == sent
            if draft.status in OPEN_DRAFT_STATUSES:
                assert draft.final_text is None and self.handed_out == set()

    return Draft


def test_no_sequence_sends_one_draft_twice() -> None:
    with small_house() as house:
        run_state_machine_as_test(_machine(house), settings=settings(max_examples=25, stateful_step_count=12))
