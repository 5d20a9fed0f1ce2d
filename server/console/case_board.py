"""The board of complaint cases: a column for each open state, and what is listed otherwise."""

from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from agent.services import Services
from core.scopes import Scope
from core.vocabulary import CaseState, ClockKind, ComplaintCategory, Severity
from server.complaint_views import CaseView, case_views
from server.console.case_due import Due, dues
from server.console.visitor import Visitor
from store import case_board, cases, users
from store.cases import CaseRow, Filter
from store.session import ReadSession

COLUMNS: Final = (
    CaseState.NEW,
    CaseState.ACKNOWLEDGED,
    CaseState.MOVED_PRIVATE,
    CaseState.INVESTIGATING,
    CaseState.RESOLVED,
    CaseState.REOPENED,
)
ENDED: Final = (CaseState.CLOSED, CaseState.DISMISSED)
SHOWN: Final = 50
ME: Final = "me"
_GRAVEST: Final = {severity: -place for place, severity in enumerate(Severity)}


class Wanted(NamedTuple):
    """What is listed: `state` None is the board with all open ones. `owner` is a user's id or `me`."""

    state: CaseState | None = None
    category: ComplaintCategory | None = None
    severity: Severity | None = None
    owner: str = ""
    overdue: bool = False

    def query(self) -> dict[str, str]:
        """As the address says it."""
        found = {name: str(value) for name, value in self._asdict().items() if value and name != "overdue"}
        return found | ({"overdue": "true"} if self.overdue else {})


@dataclass(frozen=True, slots=True)
class Card:
    case: CaseView
    due: Due | None


@dataclass(frozen=True, slots=True)
class Column:
    """Up to `SHOWN` of `total` cases in this state, the one to answer first on top."""

    state: CaseState
    cards: list[Card]
    total: int


@dataclass(frozen=True, slots=True)
class Board:
    """`counts` are those of all states; `owners` (id, name) have open cases."""

    columns: list[Column]
    counts: dict[str, int]
    owners: list[tuple[str, str]]


def board(services: Services, visitor: Visitor, wanted: Wanted) -> Board:
    """What the visitor may read of it, within their filter."""
    within = visitor.within(services, Scope.COMPLAINTS_READ)
    with services.database.read() as db:
        counts = cases.count_by_state(db, _filter(services, visitor, wanted, within))
        states = COLUMNS if wanted.state is None else (wanted.state,)
        columns = [_column(db, services, visitor, wanted, within, state, counts.get(state, 0)) for state in states]
        named = users.names(db, case_board.owners(db, within))
        return Board(columns, counts, sorted(named.items(), key=lambda one: one[1]))


def _filter(
    services: Services, visitor: Visitor, wanted: Wanted, within: frozenset[str] | None, *states: CaseState
) -> Filter:
    return Filter(
        states=states or None,
        category=wanted.category,
        severity=wanted.severity,
        owner_id=visitor.caller.id if wanted.owner == ME else wanted.owner or None,
        overdue=True if wanted.overdue else None,
        communities=within,
        now=services.clock.now(),
    )


def _column(
    db: ReadSession,
    services: Services,
    visitor: Visitor,
    wanted: Wanted,
    within: frozenset[str] | None,
    state: CaseState,
    total: int,
) -> Column:
    chosen = _filter(services, visitor, wanted, within, state)
    if not total:
        rows = []
    elif state in ENDED:
        rows = cases.page(db, chosen, limit=SHOWN)
    else:
        # The board has no second page: of many, it shows the ones that must not wait.
        rows = sorted(cases.most_urgent(db, chosen, SHOWN), key=_urgency)
    return Column(state, cards(db, services, rows), total)


def _urgency(row: CaseRow) -> tuple[Any, ...]:
    """Whose clock runs out first, then the gravest, then the oldest."""
    due = row.respond_by.timestamp() if row.respond_by is not None else float("inf")
    return due, _GRAVEST[Severity(row.severity)], row.opened_at


def cards(db: ReadSession, services: Services, rows: list[CaseRow]) -> list[Card]:
    """Cases with the time that is left for each."""
    due = dues(db, ClockKind.COMPLAINT, [row.id for row in rows], services.clock.now())
    return [Card(view, due.get(view.id)) for view in case_views(db, services, rows)]
