"""What a caller may do, where."""

import pytest

from core.caller import Caller, Grant, system_caller
from core.errors import Forbidden, NotFound
from core.scopes import Scope

HERE = Caller("user", "u", "u", (Grant(frozenset({Scope.DRAFTS_READ}), frozenset({"mama"})),))
TWO = Caller(
    "user",
    "u",
    "u",
    (
        Grant(frozenset({Scope.DRAFTS_READ}), frozenset({"mama"})),
        Grant(frozenset({Scope.DRAFTS_READ, Scope.AUDIT_READ}), frozenset({"vip"})),
    ),
)
EVERYWHERE = Caller("key", "k", "k", (Grant(frozenset({Scope.DRAFTS_READ}), None),))
NOBODY = Caller("key", "k", "k", ())


def test_scope_holds_where_it_was_granted() -> None:
    assert HERE.allows(Scope.DRAFTS_READ, "mama") and HERE.allows(Scope.DRAFTS_READ)
    assert not HERE.allows(Scope.DRAFTS_READ, "vip")
    assert not HERE.allows(Scope.DRAFTS_DECIDE, "mama")
    assert EVERYWHERE.allows(Scope.DRAFTS_READ, "anything")
    assert not NOBODY.allows(Scope.DRAFTS_READ)


def test_scope_of_one_community_does_not_leak_into_another() -> None:
    assert not TWO.allows(Scope.AUDIT_READ, "mama")
    assert TWO.communities(Scope.DRAFTS_READ) == frozenset({"mama", "vip"})
    assert TWO.communities(Scope.AUDIT_READ) == frozenset({"vip"})


def test_no_communities_is_not_all_communities() -> None:
    assert NOBODY.communities(Scope.DRAFTS_READ) == frozenset()
    assert EVERYWHERE.communities(Scope.DRAFTS_READ) is None


def test_missing_scope_is_named() -> None:
    with pytest.raises(Forbidden) as caught:
        HERE.require(Scope.DRAFTS_READ, "vip")
    assert (caught.value.code, caught.value.extra) == ("scope_missing", {"scope": "drafts:read"})


def test_unseen_community_hides_what_is_in_it() -> None:
    with pytest.raises(NotFound, match="draft_not_found"):
        HERE.require_seen(Scope.DRAFTS_READ, "vip", "draft")
    with pytest.raises(Forbidden):
        HERE.require_seen(Scope.DRAFTS_DECIDE, "mama", "draft")
    HERE.require_seen(Scope.DRAFTS_READ, "mama", "draft")


def test_the_service_itself_may_do_everything() -> None:
    worker = system_caller("worker")
    assert worker.scopes() == frozenset(Scope)
    assert (worker.kind, worker.id) == ("system", "system:worker")
