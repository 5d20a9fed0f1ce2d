"""`docs/roles.md` says of every route what it needs; made from `server/permissions.py`."""

from pathlib import Path

from server.permissions import NEEDS, Need, Reach

PAGE = Path(__file__).parents[2] / "docs" / "roles.md"
_WORDS = {
    Reach.OBJECT: "the object's community",
    Reach.NAMED: "the community named",
    Reach.ANYWHERE: "anywhere; shows what is there",
    Reach.EVERYWHERE: "everywhere",
    Reach.SIGNED_IN: "",
    Reach.PUBLIC: "",
}


def _scopes(need: Need) -> str:
    if need.reach is Reach.PUBLIC:
        return "none"
    if need.reach is Reach.SIGNED_IN:
        return "signed in, or a key"
    return "all" if len(need.scopes) > 3 else " or ".join(f"`{scope.value}`" for scope in need.scopes)


def rows() -> list[str]:
    return [f"| `{route}` | {_scopes(need)} | {_WORDS[need.reach]} |" for route, need in NEEDS.items()]


def test_every_route_stands_in_the_table() -> None:
    """`python -m tests.docs.test_roles` writes it."""
    found = [line for line in PAGE.read_text("utf-8").splitlines() if line.startswith(("| `GET", "| `P", "| `DELETE"))]
    assert found == rows(), "run: python -m tests.docs.test_roles"


def _write() -> None:
    head = PAGE.read_text("utf-8").split("\n## Routes\n")[0].rstrip()
    said = (
        "What each route needs, and where the scope must hold. `tests/server/test_matrix.py` calls every route as "
        "every role, for\nits own community and another one; a route that isn't declared fails it."
    )
    table = "\n".join(["| route | needs | where |", "|---|---|---|", *rows()])
    PAGE.write_text(f"{head}\n\n## Routes\n\n{said}\n\n{table}\n", "utf-8")


if __name__ == "__main__":
    _write()
