"""Checks of the house's walls that the import contracts can't express. Each says what it prevents."""

import ast
import statistics
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = ("agent", "core", "evals", "knowledge", "prompts", "server", "store", "tools")


def _sources(*rooms: str) -> Iterator[tuple[str, ast.Module]]:
    for room in rooms:
        for path in sorted((ROOT / room).rglob("*.py")):
            if "versions" not in path.parts:
                yield str(path.relative_to(ROOT)), ast.parse(path.read_text("utf-8"))


def _calls(tree: ast.Module, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == name
    ]


def test_only_one_function_commits() -> None:
    """A second commit() would split a use case into two halves that a crash can tear apart."""
    found = [path for path, tree in _sources(*ROOMS) if not path.startswith("evals/") and _calls(tree, "commit")]
    assert found == ["store/session.py"]


def test_only_flows_and_the_worker_open_write_sessions() -> None:
    """A route that writes by itself would skip the flow's checks and its audit row."""
    allowed = ("agent/flows/", "store/", "evals/", "server/worker.py")
    found = [path for path, tree in _sources(*ROOMS) for call in _calls(tree, "write") if _of_database(call)]
    assert [path for path in found if not path.startswith(allowed)] == []
    assert any(path.startswith("agent/flows/") for path in found)


def _of_database(call: ast.Call) -> bool:
    target = call.func.value if isinstance(call.func, ast.Attribute) else None
    return isinstance(target, ast.Attribute | ast.Name) and ast.unparse(target).endswith("database") and not call.args


def test_settings_are_read_from_the_environment_in_one_place() -> None:
    """A module that reads os.environ at import can't be tested or configured in one process with another."""
    # knowledge/__init__.py sets a limit of numpy's, which can only be said there and before numpy is loaded.
    allowed = ("core/settings.py", "server/cli/", "evals/", "knowledge/__init__.py")
    found = [
        path
        for path, tree in _sources(*ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and ast.unparse(node) in ("os.environ", "os.getenv")
    ]
    assert [path for path in found if not path.startswith(allowed)] == []


def test_no_clock_is_read_inside_steps_and_flows() -> None:
    """A step that asks the wall clock can't be replayed; time comes from the services' clock."""
    found = [path for path, tree in _sources("agent", "tools", "store") if _calls(tree, "now") and _wall_clock(tree)]
    assert found == []


def _wall_clock(tree: ast.Module) -> bool:
    return any(
        ast.unparse(call.func).startswith(("datetime.now", "datetime.datetime.now")) for call in _calls(tree, "now")
    )


def test_functions_stay_short() -> None:
    """Median at most 12 and p90 at most 45 lines: what is longer hides more than one idea."""
    lengths = [
        (node.end_lineno or node.lineno) - node.lineno + 1
        for _, tree in _sources(*ROOMS)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(lengths) <= 12
    assert statistics.quantiles(lengths, n=10)[8] <= 45


def test_tests_are_no_package() -> None:
    """tests/agent/__init__.py would shadow the room of that name."""
    assert list((ROOT / "tests").rglob("__init__.py")) == []


@pytest.mark.parametrize("room", ROOMS)
def test_every_room_says_what_it_is(room: str) -> None:
    """The first thing a newcomer opens is the room's docstring."""
    assert ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text("utf-8")))


def test_deliveries_come_into_being_in_two_places() -> None:
    """A third place would be a way to members that no decision leads to (a ping goes to the endpoint alone)."""
    made = [path for path, tree in _sources(*ROOMS) if _named_calls(tree, "DeliveryRow")]
    assert sorted(made) == ["agent/flows/outgoing.py", "agent/flows/webhooks.py"]


def test_only_decisions_queue_deliveries() -> None:
    """Whoever queues a delivery stands behind a compare-and-set of a person's decision."""
    found = {
        path: [name for name in ("queue_reply", "queue_campaign") if _calls(tree, name)]
        for path, tree in _sources(*ROOMS)
    }
    assert {path: names for path, names in found.items() if names} == {
        "agent/flows/approvals.py": ["queue_reply"],
        "agent/flows/campaigns.py": ["queue_campaign"],
    }


def _named_calls(tree: ast.Module, name: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name
    ]
