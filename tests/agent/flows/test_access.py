"""Who may come in, and that nobody hands out more than they hold."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa

from agent.flows import access, settings
from core.caller import Caller
from core.errors import BadInput, Conflict, Forbidden, NotFound, TooMany, Unauthenticated
from core.scopes import BUILTIN_ROLES, Scope
from store import users
from store.session import Database
from store.tables import METADATA
from store.users import UserRow
from tests.house import House, in_parallel, row_counts

PASSWORD = "correct horse battery"


def _everything(database: Database) -> str:
    """Every value of every table, as one text."""
    with database.read() as db:
        return "\n".join(repr(row) for table in METADATA.sorted_tables for row in db.execute(sa.select(table)))


def _works(house: House, key: str) -> bool:
    try:
        access.caller_of_key(house.services, key)
    except Unauthenticated as error:
        assert error.code == "key_invalid"
        return False
    return True


def _role(house: House, name: str, *scopes: Scope) -> str:
    with house.services.database.write() as db:
        users.add_role(db, name, scopes, builtin=False)
    return name


def test_secrets_are_kept_as_hashes_only(house: House) -> None:
    made = access.create_key(house.services, house.owner, name="bot")
    access.create_user(house.services, house.owner, login="lin", name="林", role="answerer", password=PASSWORD)
    link = access.login_link(house.services, house.owner, "lin")
    signed_in = access.sign_in(house.services, "lin", PASSWORD)
    stored = _everything(house.services.database)
    for secret in (made.key, made.key.rpartition(".")[2], PASSWORD, link, signed_in.token):
        assert secret not in stored


def test_key_holds_its_role_in_its_communities(house: House) -> None:
    made = access.create_key(house.services, house.owner, name="bot", within=["mama"])
    caller = access.caller_of_key(house.services, made.key)
    assert caller.allows(Scope.MESSAGES_WRITE, "mama")
    assert not caller.allows(Scope.MESSAGES_WRITE, "root")
    assert not caller.allows(Scope.DRAFTS_DECIDE, "mama")


def test_key_of_a_parent_holds_in_its_subgroups(house: House) -> None:
    # scope: 99
    made = access.create_key(house.services, house.owner, name="bot", within=["root"])
    assert access.caller_of_key(house.services, made.key).allows(Scope.MESSAGES_WRITE, "mama")


def test_key_without_any_community_opens_nothing(house: House) -> None:
    made = access.create_key(house.services, house.owner, name="bot", within=[])
    assert not access.caller_of_key(house.services, made.key).allows(Scope.MESSAGES_WRITE, "mama")


@pytest.mark.parametrize("change", ["", "x", "qz_", "qz_nothing.abc", "{id}", "qz_{id}.", "qz_{id}.wrong", "{key}x"])
def test_wrong_key_is_refused_whatever_is_wrong_with_it(house: House, change: str) -> None:
    made = access.create_key(house.services, house.owner, name="bot")
    assert not _works(house, change.format(id=made.id, key=made.key))


def test_rotated_key_works_until_its_grace_is_over(house: House) -> None:
    old = access.create_key(house.services, house.owner, name="bot", within=["mama"])
    new = access.rotate_key(house.services, house.owner, old.id, grace_minutes=30)
    assert new.key != old.key
    house.clock.advance(minutes=29)
    assert _works(house, old.key) and _works(house, new.key)
    house.clock.advance(minutes=1)
    assert not _works(house, old.key)
    assert access.caller_of_key(house.services, new.key).communities(Scope.MESSAGES_WRITE) == frozenset({"mama"})


def test_rotation_without_grace_ends_the_old_key_at_once(house: House) -> None:
    old = access.create_key(house.services, house.owner, name="bot")
    access.rotate_key(house.services, house.owner, old.id, grace_minutes=0)
    assert not _works(house, old.key)


def test_revoked_key_is_refused_at_once(house: House) -> None:
    made = access.create_key(house.services, house.owner, name="bot")
    assert _works(house, made.key)
    access.revoke_key(house.services, house.owner, made.id)
    assert not _works(house, made.key)
    for again in (access.revoke_key, access.rotate_key):
        with pytest.raises(NotFound, match="key_not_found"):
            again(house.services, house.owner, made.id)


@pytest.mark.parametrize("call", ["create_key", "rotate_key", "revoke_key", "create_user", "login_link"])
def test_role_without_the_scope_is_told_which_is_missing(house: House, call: str) -> None:
    # scope: 94
    made = access.create_key(house.services, house.owner, name="bot")
    answerer = house.user("answerer")
    before = row_counts(house.services.database)
    calls: dict[str, Callable[[], object]] = {
        "create_key": lambda: access.create_key(house.services, answerer, name="x"),
        "rotate_key": lambda: access.rotate_key(house.services, answerer, made.id),
        "revoke_key": lambda: access.revoke_key(house.services, answerer, made.id),
        "create_user": lambda: access.create_user(
            house.services, answerer, login="x", name="x", role="answerer", community_id=None
        ),
        "login_link": lambda: access.login_link(house.services, answerer),
    }
    with pytest.raises(Forbidden) as caught:
        calls[call]()
    wanted = "users:manage" if call in ("create_user", "login_link") else "keys:manage"
    assert (caught.value.code, caught.value.extra) == ("scope_missing", {"scope": wanted})
    assert row_counts(house.services.database) == before


def _keeper(house: House) -> Caller:
    """May manage keys and users of `mama`, and what a bot does, there."""
    scopes = (Scope.KEYS_MANAGE, Scope.USERS_MANAGE, *BUILTIN_ROLES["bot"])
    return house.user(_role(house, "keeper", *scopes), "mama")


def test_nobody_grants_more_than_they_hold(house: House) -> None:
    keeper = _keeper(house)
    access.create_key(house.services, keeper, name="fits", within=["mama"])
    for role, within in (("bot", None), ("bot", ["root"]), ("bot", ["mama", "root"]), ("answerer", ["mama"])):
        with pytest.raises(Forbidden, match="grant_too_wide"):
            access.create_key(house.services, keeper, name="too wide", role=role, within=within)
    with pytest.raises(Forbidden, match="grant_too_wide"):
        access.create_user(house.services, keeper, login="x", name="x", role="owner", community_id="mama")


def test_rotating_a_wider_key_would_be_a_way_up(house: House) -> None:
    wide = access.create_key(house.services, house.owner, name="all", role="owner")
    keeper = _keeper(house)
    with pytest.raises(Forbidden, match="grant_too_wide"):
        access.rotate_key(house.services, keeper, wide.id)
    with pytest.raises(Forbidden, match="grant_too_wide"):
        access.revoke_key(house.services, keeper, wide.id)
    assert _works(house, wide.key)


def test_link_for_somebody_who_may_do_more_would_be_a_way_up(house: House) -> None:
    admin = house.user("admin")
    with pytest.raises(Forbidden, match="grant_too_wide"):
        access.login_link(house.services, admin)
    house.user("answerer", login="lin")
    assert access.sign_in_by_link(house.services, access.login_link(house.services, admin, "lin"))


def test_unknown_role_and_community(house: House) -> None:
    with pytest.raises(BadInput) as caught:
        access.create_key(house.services, house.owner, name="x", role="emperor")
    assert caught.value.code == "role_unknown"
    assert "answerer" in str(caught.value.extra["roles"])
    with pytest.raises(NotFound, match="community_not_found"):
        access.create_key(house.services, house.owner, name="x", within=["nowhere"])


def test_login_is_taken_once_however_many_race(house: House) -> None:
    def create() -> str:
        return access.create_user(house.services, house.owner, login="lin", name="林", role="answerer")

    results = in_parallel(6, [create] * 12)
    assert sum(isinstance(one, str) for one in results) == 1
    assert {one.code for one in results if isinstance(one, Conflict)} <= {"login_taken", "changed_meanwhile"}
    assert sum(isinstance(one, Conflict) for one in results) == 11


def test_password_signs_in_and_wrong_ones_do_not(house: House) -> None:
    access.create_user(house.services, house.owner, login="lin", name="林", role="answerer", password=PASSWORD)
    signed_in = access.sign_in(house.services, "lin", PASSWORD)
    found = access.caller_of_session(house.services, signed_in.token)
    assert found is not None and found[0].id == signed_in.user_id
    for login, password in (("lin", PASSWORD + "!"), ("nobody", PASSWORD), ("owner", "")):
        with pytest.raises(Unauthenticated, match="login_failed"):
            access.sign_in(house.services, login, password)


def test_short_password_is_refused(house: House) -> None:
    with pytest.raises(BadInput, match="password_short"):
        access.create_user(house.services, house.owner, login="lin", name="林", role="answerer", password="123456789")
    assert row_counts(house.services.database)["users"] == 1


def test_failures_block_the_login_and_time_unblocks_it(house: House) -> None:
    access.create_user(house.services, house.owner, login="lin", name="林", role="answerer", password=PASSWORD)
    settings.change(house.services, house.owner, "console.login_tries", 2)
    for _ in range(2):
        with pytest.raises(Unauthenticated, match="login_failed"):
            access.sign_in(house.services, "lin", "wrong password")
    with pytest.raises(TooMany, match="login_blocked"):
        access.sign_in(house.services, "lin", PASSWORD)
    house.clock.advance(minutes=5, seconds=1)
    assert access.sign_in(house.services, "lin", PASSWORD).token


def test_right_password_is_no_failure(house: House) -> None:
    access.create_user(house.services, house.owner, login="lin", name="林", role="answerer", password=PASSWORD)
    settings.change(house.services, house.owner, "console.login_tries", 1)
    for _ in range(3):
        access.sign_in(house.services, "lin", PASSWORD)


def test_parallel_guesses_count_too(house: House) -> None:
    settings.change(house.services, house.owner, "console.login_tries", 2)
    results = in_parallel(8, [lambda: access.sign_in(house.services, "lin", "guess, guess")] * 16)
    assert sum(isinstance(one, Unauthenticated) for one in results) == 2
    assert sum(isinstance(one, TooMany) for one in results) == 14


def test_session_ends_in_time_and_at_sign_out(house: House) -> None:
    first, second = (
        access.sign_in_by_link(house.services, access.login_link(house.services, house.owner)) for _ in range(2)
    )
    access.sign_out(house.services, first.token)
    assert access.caller_of_session(house.services, first.token) is None
    house.clock.advance(hours=11, minutes=59)
    assert access.caller_of_session(house.services, second.token) is not None
    house.clock.advance(minutes=1)
    assert access.caller_of_session(house.services, second.token) is None


def test_session_of_a_disabled_user_is_over_at_once(house: House) -> None:
    signed_in = access.sign_in_by_link(house.services, access.login_link(house.services, house.owner))
    with house.services.database.write() as db:
        db.get_one(UserRow, signed_in.user_id).disabled_at = db.now
    assert access.caller_of_session(house.services, signed_in.token) is None


def test_link_signs_in_once(house: House) -> None:
    link = access.login_link(house.services, house.owner)
    results = in_parallel(6, [lambda: access.sign_in_by_link(house.services, link)] * 12)
    assert sum(isinstance(one, access.SignedIn) for one in results) == 1
    assert all(getattr(one, "code", "link_invalid") == "link_invalid" for one in results)


@pytest.mark.parametrize("hours", [24, 100])
def test_link_is_over_after_a_day(house: House, hours: int) -> None:
    link = access.login_link(house.services, house.owner)
    house.clock.advance(hours=hours)
    with pytest.raises(Unauthenticated, match="link_invalid"):
        access.sign_in_by_link(house.services, link)


def test_sweeping_drops_only_what_is_over(house: House) -> None:
    access.login_link(house.services, house.owner)
    access.sign_in_by_link(house.services, access.login_link(house.services, house.owner))
    access.sweep(house.services)
    counts = row_counts(house.services.database)
    assert (counts["sessions"], counts["login_links"]) == (1, 2)
    house.clock.advance(hours=25)
    access.sweep(house.services)
    counts = row_counts(house.services.database)
    assert (counts["sessions"], counts["login_links"]) == (0, 0)


def test_processes_that_start_together_make_one_owner(house: House) -> None:
    with house.services.database.write() as db:
        for table in ("api_keys", "user_roles", "users", "roles"):
            db.execute(sa.text(f"DELETE FROM {table}"))
    made = in_parallel(4, [lambda: access.bootstrap(house.services)] * 4)
    assert sorted(made) == [False, False, False, True]
    counts = row_counts(house.services.database)
    assert (counts["users"], counts["user_roles"], counts["roles"]) == (1, 1, len(BUILTIN_ROLES))


def test_roles_are_rows_that_bootstrap_leaves_alone(house: House) -> None:
    with house.services.database.write() as db:
        row = users.role(db, "answerer")
        assert row is not None
        row.scopes = ["drafts:read"]
    access.bootstrap(house.services)
    assert not house.user("answerer").allows(Scope.DRAFTS_DECIDE)


def test_key_of_the_future_clock_is_not_live_after_its_end(house: House) -> None:
    old = access.create_key(house.services, house.owner, name="bot")
    access.rotate_key(house.services, house.owner, old.id, grace_minutes=1)
    house.clock.set(house.clock.now() + timedelta(days=3650))
    assert not _works(house, old.key)
