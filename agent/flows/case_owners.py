"""Who has a complaint case: the staff who answered first, else whoever the department names, else the deployment's
first owner. Nobody's case is nobody's answer."""

from collections.abc import Sequence
from typing import NamedTuple

from core import tunables
from core.vocabulary import Department
from store import communities, members, settings, users
from store.cases import CaseRow
from store.messages import MessageRow
from store.session import ReadSession
from store.users import UserRow


class Contacts(NamedTuple):
    """Of a department: users, and groups of the staff."""

    user_ids: tuple[str, ...]
    groups: tuple[str, ...]


def department(db: ReadSession, category: str, lineage: Sequence[str]) -> Department:
    """Where a category is routed to by setting."""
    return Department(settings.value(db, tunables.COMPLAINT_ROUTES, lineage).get(category, Department.SERVICE))


def contacts(db: ReadSession, wanted: str | None, lineage: Sequence[str]) -> Contacts:
    """Who a department named: those that are there (any more)."""
    named = settings.value(db, tunables.COMPLAINT_CONTACTS, lineage).get(wanted or "", [])
    people = [found.id for name in named if (found := user(db, name)) is not None]
    groups = [name for name in named if user(db, name) is None and communities.get(db, name) is not None]
    return Contacts(tuple(people), tuple(groups))


def user(db: ReadSession, name: str) -> UserRow | None:
    """The enabled user of this id or login."""
    found = users.get(db, name) or users.by_login(db, name)
    return found if found is not None and found.disabled_at is None else None


def person(db: ReadSession, caller_id: str) -> str | None:
    """The id, where it is a user's: keys and the service itself own no cases."""
    found = users.get(db, caller_id)
    return found.id if found is not None and found.disabled_at is None else None


def of_staff(db: ReadSession, row: MessageRow) -> str | None:
    """The user who wrote a message of staff; None where no user is linked to its sender."""
    return members.user_of(db, row.member_id, row.channel) if row.member_id is not None else None


def fallback(db: ReadSession, case: CaseRow) -> str | None:
    """Who owns a case that was answered by somebody unknown to us."""
    if case.owner_id is not None:
        return case.owner_id
    lineage = communities.lineage(db, case.community_id)
    named = contacts(db, case.routed_to, lineage).user_ids or contacts(db, Department.SERVICE, lineage).user_ids
    if named:
        return named[0]
    owner = users.first_owner(db)
    return owner.id if owner is not None else None
