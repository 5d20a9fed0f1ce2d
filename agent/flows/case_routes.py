"""A routed complaint case reaches whom its department named: a notice for each person, an alert for a group of the
staff. Neither holds the member's words."""

from typing import Final

from agent.flows import case_owners, outgoing
from agent.services import Services
from core import catalogue
from core.vocabulary import Department
from prompts.loader import render
from store import communities, staff_notices
from store.cases import CaseRow
from store.session import WriteSession

_CASE: Final = "case"


def tell(db: WriteSession, services: Services, row: CaseRow, *, step: int = 0) -> None:
    """Tell the contacts of the case's department, once for each `step`."""
    lineage = communities.lineage(db, row.community_id)
    found = case_owners.contacts(db, row.routed_to or Department.SERVICE, lineage)
    staff_notices.add(
        db,
        found.user_ids,
        community_id=row.community_id,
        kind="case_routed",
        object_kind=_CASE,
        object_id=row.id,
        step=step,
    )
    for group in found.groups:
        place = communities.get(db, group)
        if place is not None:
            decision = f"{row.id}:routed:{step}:{place.id}"
            outgoing.queue_alert(db, place.id, place.channel, _words(db, row), decision=decision, risk_id=None)
            db.after_commit(services.delivery_due)


def over(db: WriteSession, row: CaseRow) -> None:
    """The case has ended: nobody needs to see any more that it was routed to them."""
    staff_notices.settle(db, _CASE, row.id)


def _words(db: WriteSession, row: CaseRow) -> str:
    community = communities.get(db, row.community_id)
    return render(
        "complaint/routed",
        community=community.name if community is not None else row.community_id,
        category=catalogue.text(f"complaint_category.{row.category}"),
        severity=catalogue.text(f"severity.{row.severity}"),
        department=catalogue.text(f"department.{row.routed_to or Department.SERVICE.value}"),
        case=row.id,
    )
