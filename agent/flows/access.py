"""Who may come in: callers are made here from verified keys, sessions and links; users and keys are managed here."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from hmac import compare_digest

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

from agent.services import Services
from core import tunables
from core.caller import Caller, Grant
from core.crypto import new_token
from core.errors import BadInput, Conflict, Forbidden, NotFound, TooMany, Unauthenticated
from core.ids import new_id
from core.scopes import BUILTIN_ROLES, Scope, with_implied
from store import communities, keys, settings, users
from store.audit import Deed
from store.keys import ApiKeyRow
from store.session import ReadSession, WriteSession
from store.users import LoginFailureRow, LoginLinkRow, SessionRow, UserRoleRow, UserRow

KEY_PREFIX = "qz"
_LINK_HOURS = 24
_FAILURES_WITHIN = timedelta(minutes=5)
_REMEMBERED = timedelta(seconds=1)
_MOST_REMEMBERED = 1_000
_SHORTEST_PASSWORD = 10
_HASHER = PasswordHasher()


@dataclass(frozen=True, slots=True)
class NewKey:
    """`key` is told once."""

    id: str
    key: str


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A console session: `token` for the cookie, `csrf` for forms."""

    token: str
    csrf: str
    user_id: str
    expires_at: datetime


def _grant(db: ReadSession, scopes: list[str], within: list[str] | None) -> Grant:
    known = {scope.value: scope for scope in Scope}
    full = with_implied(known[scope] for scope in scopes if scope in known)
    return Grant(full, None if within is None else communities.with_children(db, within))


def caller_of_user(db: ReadSession, user: UserRow) -> Caller:
    """The caller that a user is, with all their roles."""
    grants = tuple(
        _grant(db, scopes, None if community_id is None else [community_id])
        for _, scopes, community_id in users.roles_of(db, user.id)
    )
    return Caller("user", user.id, user.name, grants)


def caller_of_key(services: Services, presented: str) -> Caller:
    """The bot that holds this key. Raises `Unauthenticated` `key_invalid`, whatever is wrong with it.

    Remembered for a second: a revocation holds at once in this process, and within that second in others.
    """
    known = remembered(services, presented)
    if known is not None:
        return known
    hashed, now = services.keyring.token_hash(presented), services.clock.now()
    caller, until = _look_up_key(services, presented, hashed, now)
    if len(services.callers) >= _MOST_REMEMBERED:
        services.callers.clear()
    services.callers[hashed] = (caller, until)
    return caller


def remembered(services: Services, presented: str) -> Caller | None:
    """The bot that holds this key, where it was seen within the last second."""
    known = services.callers.get(services.keyring.token_hash(presented))
    return known[0] if known is not None and known[1] > services.clock.now() else None


def _look_up_key(services: Services, presented: str, hashed: str, now: datetime) -> tuple[Caller, datetime]:
    prefix, _, rest = presented.partition("_")
    key_id, _, _ = rest.rpartition(".")
    with services.database.read() as db:
        row = keys.get(db, key_id) if prefix == KEY_PREFIX and key_id else None
        if row is None or not compare_digest(row.secret_hash, hashed) or not _is_live(row, now):
            raise Unauthenticated("key_invalid")
        role = users.role(db, row.role)
        grant = _grant(db, list(role.scopes) if role else [], row.communities)
    until = min(now + _REMEMBERED, row.expires_at or now + _REMEMBERED)
    return Caller("key", row.id, row.name, (grant,)), until


def _is_live(row: ApiKeyRow, now: datetime) -> bool:
    return row.revoked_at is None and (row.expires_at is None or row.expires_at > now)


def caller_of_session(services: Services, token: str) -> tuple[Caller, SessionRow] | None:
    """Who is signed in with this cookie; None where nobody is (any more)."""
    with services.database.read() as db:
        row = users.session(db, services.keyring.token_hash(token))
        if row is None or row.expires_at <= services.clock.now():
            return None
        user = users.get(db, row.user_id)
        if user is None or user.disabled_at is not None:
            return None
        return caller_of_user(db, user), row


def caller_of_login(services: Services, login: str | None) -> Caller:
    """The user a command acts as: `login`, or the first owner. Raises `NotFound` `user_not_found`."""
    with services.database.read() as db:
        user = users.by_login(db, login) if login else users.first_owner(db)
        if user is None or user.disabled_at is not None:
            raise NotFound("user_not_found", extra={"login": login})
        return caller_of_user(db, user)


def bootstrap(services: Services) -> bool:
    """Lay down the built-in roles and, in an empty deployment, the first owner; whether one was made. Several
    processes may start at once."""
    try:
        return _lay_down(services)
    except Conflict:  # another process has just made the owner
        return False


def _lay_down(services: Services) -> bool:
    with services.database.write() as db:
        for name, scopes in BUILTIN_ROLES.items():
            users.add_role(db, name, scopes, builtin=True)
        if users.first_owner(db) is not None:
            return False
        owner = UserRow(id=new_id("usr"), login="owner", name="群主", created_at=db.now)
        db.add(owner)
        db.flush()
        db.add(UserRoleRow(user_id=owner.id, role="owner", community_id=None))
        db.flush()
        db.audit(Deed(caller_of_user(db, owner), "user.created", "user", owner.id, None, {"role": "owner"}))
    return True


def login_link(services: Services, caller: Caller, login: str | None = None) -> str:
    """A token that signs `login` (default: the first owner) in once within 24 hours.

    Raises `NotFound` `user_not_found`, `Forbidden` (`scope_missing`, `grant_too_wide` for a user who may do more than
    the caller).
    """
    with services.database.write() as db:
        caller.require(Scope.USERS_MANAGE)
        user = users.by_login(db, login) if login else users.first_owner(db)
        if user is None:
            raise NotFound("user_not_found", extra={"login": login})
        # Who signs in as somebody holds what they hold.
        _check_covers(caller, caller_of_user(db, user).grants)
        token = new_token()
        until = db.now + timedelta(hours=_LINK_HOURS)
        db.add(LoginLinkRow(token_hash=services.keyring.token_hash(token), user_id=user.id, expires_at=until))
        db.audit(Deed(caller, "login_link.made", "user", user.id))
    return token


def sign_in_by_link(services: Services, token: str) -> SignedIn:
    """Raises `Unauthenticated` `link_invalid` where it was used, is over or never was."""
    with services.database.write() as db:
        user_id = users.use_link(db, services.keyring.token_hash(token))
        user = users.get(db, user_id) if user_id else None
        if user is None or user.disabled_at is not None:
            raise Unauthenticated("link_invalid")
        return _open_session(db, services, user)


def sign_in(services: Services, login: str, password: str) -> SignedIn:
    """Raises `Unauthenticated` `login_failed`, `TooMany` `login_blocked` after too many failures.

    The failure is noted before the password is looked at and taken back after a success, so that parallel guesses
    count too; an argon2 hash costs about 0.25 s.
    """
    login_hash = services.keyring.lookup_hash("login", login)
    with services.database.write() as db:
        users.queue_logins(db, login_hash)
        most = settings.value(db, tunables.LOGIN_TRIES)
        if users.failures_since(db, login_hash, db.now - _FAILURES_WITHIN) >= most:
            raise TooMany("login_blocked")
        failure = LoginFailureRow(login_hash=login_hash, at=db.now)
        db.add(failure)
    with services.database.read() as db:
        user = users.by_login(db, login)
    stored = user.password_hash if user and user.disabled_at is None else None
    if not _password_fits(stored, password) or user is None:
        raise Unauthenticated("login_failed")
    with services.database.write() as db:
        db.delete(db.merge(failure))
        return _open_session(db, services, user)


_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$9sTbSlTio3Biev89thdrlKKiCaYsjjYVJxGAL3swxpQ"


def _password_fits(stored: str | None, password: str) -> bool:
    try:
        # An unknown user costs the same time as a known one.
        return _HASHER.verify(stored or _NOBODY, password) and stored is not None
    except VerificationError:
        return False


def _open_session(db: WriteSession, services: Services, user: UserRow) -> SignedIn:
    token, csrf = new_token(), new_token()
    until = db.now + timedelta(hours=settings.value(db, tunables.SESSION_HOURS))
    hashed = services.keyring.token_hash(token)
    db.add(SessionRow(token_hash=hashed, user_id=user.id, csrf=csrf, created_at=db.now, expires_at=until))
    db.audit(Deed(caller_of_user(db, user), "user.signed_in", "user", user.id))
    return SignedIn(token, csrf, user.id, until)


def sign_out(services: Services, token: str) -> None:
    with services.database.write() as db:
        users.drop_session(db, services.keyring.token_hash(token))


def create_user(
    services: Services,
    caller: Caller,
    *,
    login: str,
    name: str,
    role: str,
    community_id: str | None = None,
    password: str | None = None,
) -> str:
    """A new user with one role; its id. Nobody grants what they do not hold themselves.

    Raises `Forbidden` (`scope_missing`, `grant_too_wide`), `BadInput` (`role_unknown`, `password_short`), `NotFound`
    `community_not_found`, `Conflict` `login_taken`.
    """
    with services.database.write() as db:
        _check_grant(db, caller, Scope.USERS_MANAGE, role, None if community_id is None else [community_id])
        if users.by_login(db, login) is not None:
            raise Conflict("login_taken", extra={"login": login})
        user = UserRow(id=new_id("usr"), login=login, name=name, created_at=db.now)
        user.password_hash = hash_password(password) if password else None
        db.add(user)
        db.flush()
        db.add(UserRoleRow(user_id=user.id, role=role, community_id=community_id))
        db.audit(Deed(caller, "user.created", "user", user.id, community_id, {"role": role}))
    return user.id


def set_password(services: Services, caller: Caller, password: str, *, session: str | None = None) -> None:
    """A user sets their own password; all their sessions end but the one in which they do it (its cookie's token)."""
    hashed = hash_password(password)
    kept = services.keyring.token_hash(session) if session else None
    with services.database.write() as db:
        user = users.get(db, caller.id)
        if user is None:
            raise NotFound("user_not_found")
        user.password_hash = hashed
        users.drop_sessions(db, user.id, kept)
        db.audit(Deed(caller, "user.password_set", "user", user.id))


def hash_password(password: str) -> str:
    """Raises `BadInput` `password_short`."""
    if len(password) < _SHORTEST_PASSWORD:
        raise BadInput("password_short", least=_SHORTEST_PASSWORD)
    return _HASHER.hash(password)


def create_key(
    services: Services, caller: Caller, *, name: str, role: str = "bot", within: list[str] | None = None
) -> NewKey:
    """A new API key with one role, in `within` (None: all communities).

    Raises `Forbidden`, `BadInput` `role_unknown`, `NotFound` `community_not_found`.
    """
    with services.database.write() as db:
        _check_grant(db, caller, Scope.KEYS_MANAGE, role, within)
        made = _add_key(db, services, caller, name, role, within)
        details = {"role": role, "communities": "all" if within is None else within}
        db.audit(Deed(caller, "key.created", "key", made.id, None, details))
    return made


def rotate_key(services: Services, caller: Caller, key_id: str, *, grace_minutes: int = 60) -> NewKey:
    """A new key in place of an old one, which works on for `grace_minutes`. Raises `NotFound` `key_not_found`,
    `Forbidden` (`scope_missing`, `grant_too_wide`)."""
    with services.database.write() as db:
        caller.require(Scope.KEYS_MANAGE)
        old = keys.get(db, key_id)
        if old is None or old.revoked_at is not None:
            raise NotFound("key_not_found")
        _check_grant(db, caller, Scope.KEYS_MANAGE, old.role, old.communities)
        made = _add_key(db, services, caller, old.name, old.role, old.communities)
        old.expires_at = db.now + timedelta(minutes=grace_minutes)
        old.replaced_by = made.id
        db.after_commit(services.callers.clear)
        db.audit(Deed(caller, "key.rotated", "key", key_id, None, {"replaced_by": made.id}))
    return made


def revoke_key(services: Services, caller: Caller, key_id: str) -> None:
    """Raises `NotFound` `key_not_found`, `Forbidden` (`scope_missing`, `grant_too_wide`)."""
    with services.database.write() as db:
        caller.require(Scope.KEYS_MANAGE)
        row = keys.get(db, key_id)
        if row is not None:
            _check_covers(caller, [_grant(db, [Scope.KEYS_MANAGE], row.communities)])
        if not keys.revoke(db, key_id):
            raise NotFound("key_not_found")
        db.after_commit(services.callers.clear)
        db.audit(Deed(caller, "key.revoked", "key", key_id))


def _add_key(
    db: WriteSession, services: Services, caller: Caller, name: str, role: str, within: list[str] | None
) -> NewKey:
    key_id = new_id("key")
    key = f"{KEY_PREFIX}_{key_id}.{new_token()}"
    hashed = services.keyring.token_hash(key)
    row = ApiKeyRow(
        id=key_id,
        name=name,
        secret_hash=hashed,
        role=role,
        communities=within,
        created_by=caller.id,
        created_at=db.now,
    )
    db.add(row)
    return NewKey(key_id, key)


def _check_grant(db: ReadSession, caller: Caller, scope: Scope, role: str, within: list[str] | None) -> None:
    """Raises unless `caller` may hand out `role` there: the scope, and every scope of the role, held themselves."""
    row = users.role(db, role)
    if row is None:
        raise BadInput("role_unknown", extra={"role": role, "roles": sorted(users.roles(db))}, role=role)
    for community_id in within or []:
        if communities.get(db, community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": community_id})
    caller.require(scope)
    _check_covers(caller, [_grant(db, [scope.value, *row.scopes], within)])


def _check_covers(caller: Caller, grants: Iterable[Grant]) -> None:
    """Raises `Forbidden` `grant_too_wide` unless the caller holds all of this, everywhere it would hold."""
    for grant in grants:
        for wanted in sorted(grant.scopes):
            held = caller.communities(wanted)
            if held is not None and (grant.communities is None or not grant.communities <= held):
                raise Forbidden("grant_too_wide", extra={"scope": wanted.value})


def sweep(services: Services) -> None:
    """Drop sessions, links and failures that are over."""
    with services.database.write() as db:
        users.sweep(db, db.now - _FAILURES_WITHIN)
