"""Who asks. A caller is made from a verified key, session or command, never from a request body or a model."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

from core.errors import Forbidden, NotFound
from core.scopes import Scope, with_implied


class Grant(NamedTuple):
    """A bundle of scopes, in some communities or (None) in all of them."""

    scopes: frozenset[Scope]
    communities: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class Caller:
    """`communities` of a grant already hold the sub-groups of a granted community."""

    kind: Literal["user", "key", "system"]
    id: str
    name: str
    grants: tuple[Grant, ...]

    def allows(self, scope: Scope, community_id: str | None = None) -> bool:
        """Whether `scope` is granted: in `community_id`, or, where that is None, anywhere at all."""
        return any(
            scope in grant.scopes
            and (community_id is None or grant.communities is None or community_id in grant.communities)
            for grant in self.grants
        )

    def require(self, scope: Scope, community_id: str | None = None) -> None:
        """Raises `Forbidden` `scope_missing` with the scope's name; lack of permission never looks like no rows."""
        if not self.allows(scope, community_id):
            raise Forbidden("scope_missing", extra={"scope": scope.value}, scope=scope.value)

    def require_seen(self, scope: Scope, community_id: str, noun: str) -> None:
        """Like `require`, but an object of a community that the caller can't see at all is `NotFound`, so that its
        existence is not told."""
        if not any(g.communities is None or community_id in g.communities for g in self.grants):
            raise NotFound(f"{noun}_not_found")
        self.require(scope, community_id)

    def communities(self, scope: Scope) -> frozenset[str] | None:
        """The communities in which `scope` holds; None for all of them."""
        found: set[str] = set()
        for grant in self.grants:
            if scope in grant.scopes:
                if grant.communities is None:
                    return None
                found |= grant.communities
        return frozenset(found)

    def scopes(self) -> frozenset[Scope]:
        """All scopes held anywhere."""
        return frozenset(scope for grant in self.grants for scope in grant.scopes)


def system_caller(name: str) -> Caller:
    """The service itself (worker, migration, demo), with every scope."""
    return Caller("system", f"system:{name}", name, (Grant(with_implied(tuple(Scope)), None),))
