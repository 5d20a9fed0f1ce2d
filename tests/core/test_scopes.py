"""Roles as the vocabulary has them."""

import pytest

from core.scopes import BUILTIN_ROLES, Scope, with_implied


def _full(role: str) -> frozenset[Scope]:
    return with_implied(BUILTIN_ROLES[role])


@pytest.mark.parametrize("scope", Scope)
def test_any_verb_includes_the_nouns_read(scope: Scope) -> None:
    noun = scope.value.partition(":")[0]
    reads = {one for one in Scope if one.value == f"{noun}:read"}
    assert reads <= with_implied([scope])


def test_reading_drafts_includes_the_knowledge() -> None:
    assert Scope.KNOWLEDGE_READ in with_implied([Scope.DRAFTS_READ])


def test_reading_implies_no_other_verb() -> None:
    reads = [scope for scope in Scope if scope.value.endswith(":read")]
    assert with_implied(reads) == frozenset(reads)


def test_owner_has_all_and_admin_all_but_two() -> None:
    # scope: 94
    assert _full("owner") == frozenset(Scope)
    assert _full("owner") - _full("admin") == {Scope.KEYS_MANAGE, Scope.MEMBERS_ERASE}


def test_answerer_decides_and_approves_no_campaign() -> None:
    # scope: 94
    assert Scope.DRAFTS_DECIDE in _full("answerer")
    assert not {Scope.CAMPAIGNS_APPROVE, Scope.DRAFTS_DECIDE_ESCALATED, Scope.CRISIS_RELEASE} & _full("answerer")


def test_full_phone_numbers_are_for_few() -> None:
    # scope: 36
    assert {role for role in BUILTIN_ROLES if Scope.MEMBERS_REVEAL in _full(role)} == {"owner", "admin", "service"}


def test_bot_reads_no_drafts_list_and_decides_nothing() -> None:
    assert not {scope for scope in _full("bot") if scope.value.startswith(("drafts", "members", "keys", "users"))}


def test_auditor_only_reads() -> None:
    assert all(scope.value.endswith(":read") for scope in _full("auditor"))
