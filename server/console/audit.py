"""操作记录: who did what, by person, object, action, community and day; and whether anybody tampered with it."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Final
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Query, Request, Response

from agent.services import Services
from core.scopes import Scope
from server.console import texts
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.paging import MOST_INT
from server.state import Here
from store import audit, users
from store.audit import Search
from store.audit_chain import Verified

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN: Final = 50
_ZONE: Final = ZoneInfo("Asia/Shanghai")
_ACTIONS: Final = "audit_action."
_PAGES: Final = {
    "draft": ("/console/drafts/{}", Scope.DRAFTS_READ),
    "risk": ("/console/risks/{}", Scope.RISKS_READ),
    "complaint": ("/console/complaints/{}", Scope.COMPLAINTS_READ),
    "incident": ("/console/incidents/{}", Scope.COMPLAINTS_READ),
    "suggestion": ("/console/suggestions/{}", Scope.COMPLAINTS_READ),
    "member": ("/console/members/{}", Scope.MEMBERS_READ),
    "entry": ("/console/knowledge/{}", Scope.KNOWLEDGE_READ),
    "candidate": ("/console/knowledge/candidates/{}", Scope.KNOWLEDGE_READ),
}
"""Where an object is to be seen, and what its reader needs."""
Word = Annotated[str, Query(max_length=200)]


@router.get("/audit")
def show(
    request: Request,
    services: Here,
    visitor: Signed,
    who: Word = "",
    about: Word = "",
    action: Annotated[str, Query(max_length=64)] = "",
    since: Annotated[str, Query(max_length=10)] = "",
    until: Annotated[str, Query(max_length=10)] = "",
    before: Annotated[int | None, Query(ge=1, le=MOST_INT)] = None,
) -> Response:
    """The newest first, within the filter; a day that is none is left out."""
    asked = {"who": who.strip(), "about": about.strip(), "action": action, "since": since, "until": until}
    return _page(request, services, visitor, asked, before)


@router.post("/audit/verify")
def verify(request: Request, services: Here, visitor: Sent) -> Response:
    """Walks the whole chain and shows what came of it."""
    visitor.caller.require(Scope.AUDIT_READ)
    return _page(request, services, visitor, {}, None, services.database.verify_audit())


def _page(
    request: Request,
    services: Services,
    visitor: Visitor,
    asked: dict[str, str],
    before: int | None,
    verified: Verified | None = None,
) -> Response:
    visitor.caller.require(Scope.AUDIT_READ)
    asked = dict.fromkeys(("who", "about", "action", "since", "until"), "") | asked
    found = _found(services, visitor, asked, before)
    given = {name: value for name, value in asked.items() if value}
    more = urlencode(given | {"before": found[-1]["number"]}) if len(found) == SHOWN else None
    known = [key.removeprefix(_ACTIONS) for key in texts.load(visitor.locale) if key.startswith(_ACTIONS)]
    context: dict[str, Any] = {"asked": asked, "deeds": found, "more": more, "actions": known, "verified": verified}
    return page(request, "audit.html", visitor, current="audit", **context)


def _found(services: Services, visitor: Visitor, asked: dict[str, str], before: int | None) -> list[dict[str, Any]]:
    who = asked.get("who") or None
    with services.database.read() as db:
        known = users.by_login(db, who) if who else None
        wanted = Search(
            visitor.within(services, Scope.AUDIT_READ),
            known.id if known else who,
            object_id=asked.get("about") or None,
            action=asked.get("action") or None,
            since=_moment(asked.get("since", "")),
            until=_moment(asked.get("until", ""), 1),
            before=before,
        )
        rows = audit.search(db, wanted, SHOWN)
        names = users.names(db, {row.actor_id for row in rows})
    return [_shown(row, names, visitor) for row in rows]


def _moment(day: str, later: int = 0) -> datetime | None:
    try:
        moment = datetime.combine(date.fromisoformat(day) + timedelta(days=later), time(), _ZONE)
        return moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _href(row: audit.AuditRow, visitor: Visitor) -> str | None:
    """None where there is no page of it or the visitor may not open it."""
    path, scope = _PAGES.get(row.object_kind, ("", Scope.AUDIT_READ))
    # A hash in an id's stead leads nowhere.
    leads = path and "/" not in row.object_id and not row.object_id.startswith("#")
    return path.format(row.object_id) if leads and visitor.caller.allows(scope, row.community_id) else None


def _shown(row: audit.AuditRow, names: dict[str, str], visitor: Visitor) -> dict[str, Any]:
    return {
        "number": row.number,
        "at": row.at,
        "who": names.get(row.actor_id, row.actor_id),
        "action": row.action,
        "object": f"{row.object_kind} {row.object_id}",
        "href": _href(row, visitor),
        "community": visitor.name_of(row.community_id) if row.community_id else "",
        "details": [(name, value) for name, value in row.details.items() if value not in (None, "", [], {})],
    }
