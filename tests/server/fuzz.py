"""Calls every route of the contract with whatever its schema allows, and with what it forbids: never a server error.
`python -m tests.server.fuzz --calls 5000` for a long run."""

import argparse
import itertools
import json
import random
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import httpx2
import hypothesis
import schemathesis
from fastapi import FastAPI
from fastapi.testclient import TestClient
from schemathesis import GenerationMode

from agent.flows import access, communities
from core.clock import ManualClock
from core.vocabulary import CommunityType
from evals.inside import empty_services
from server.app import create_app
from tests.house import House
from tests.server import matrix
from tests.server.matrix import OTHER, OWN

TOKEN: Final = "token-of-the-fuzzer"
SLOW: Final = frozenset({"POST /v1/demo", "POST /v1/reindex", "GET /s/{token}", "GET /metrics"})
"""Seconds of work, or nothing that depends on what is sent."""
_MODES: Final = (GenerationMode.POSITIVE, GenerationMode.NEGATIVE)


class Fault:
    """A server error and how to have it again."""

    def __init__(self, route: str, sent: dict[str, Any], answer: Any) -> None:
        self.route = route
        self.told = f"{route}: {answer.status_code} {answer.text[:200]}\n    {json.dumps(sent, default=repr)[:600]}"


def run(app: FastAPI, world: matrix.World, calls: int, seed: int) -> tuple[Counter[int], list[Fault]]:
    """How often each status was answered, and the server errors. Half of the addresses name objects that there are."""
    document = app.openapi()
    schema = schemathesis.openapi.from_dict(document)
    operations: list[Any] = [getattr(one, "ok")() for one in schema.get_all_operations()]  # noqa: B009
    wanted = [one for one in operations if one.label not in SLOW]
    each = max(1, calls // (len(wanted) * len(_MODES)))
    choice = random.Random(seed)
    statuses: Counter[int] = Counter()
    faults: list[Fault] = []
    headers = {"authorization": f"Bearer {TOKEN}"}
    with matrix.quiet(), TestClient(app, raise_server_exceptions=False, headers=headers) as client:
        for number, (operation, mode) in enumerate(itertools.product(wanted, _MODES)):
            for case in _cases(operation, mode, each, seed + number):
                sent = _request(case, world, choice)
                try:
                    answer = client.request(**sent)
                except httpx2.InvalidURL:
                    continue  # longer than any client would send
                statuses[answer.status_code] += 1
                # 503 says that something which a route needs isn't there; our own code answered.
                if answer.status_code >= 500 and answer.status_code != 503:
                    faults.append(Fault(operation.label, sent, answer))
    return statuses, faults


def _cases(operation: Any, mode: GenerationMode, most: int, seed: int) -> Iterator[Any]:
    """At most `most` cases; none where the schema leaves nothing to forbid."""
    found: list[Any] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=most,
        database=None,
        deadline=None,
        derandomize=False,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.given(operation.as_strategy(generation_mode=mode))
    def collect(case: Any) -> None:
        found.append(case)

    try:
        collect()
    except Exception as error:  # what it raises where there is nothing to generate is not ours to name
        if "Unsatisfiable" not in type(error).__name__:
            raise
    return iter(found)


def _request(case: Any, world: matrix.World, choice: random.Random) -> dict[str, Any]:
    """As the test client takes it."""
    known = world.ids[choice.choice((OWN, OTHER))]
    for name in case.path_parameters or {}:
        if name in known and choice.random() < 0.5:
            case.path_parameters[name] = known[name]
    plain = case.as_transport_kwargs(base_url="http://testserver")
    headers = {
        name: value
        for name, value in plain.get("headers", {}).items()
        if str(value).isascii() and str(value).isprintable() and name.lower() != "authorization"
    }
    sent: dict[str, Any] = {"method": plain["method"], "url": plain["url"], "headers": headers}
    sent["params"] = plain.get("params") or {}
    if "json" in plain:
        text = json.dumps(_placed(plain["json"], choice))
        sent["content"] = text.encode("utf-8", "surrogatepass")
        headers["content-type"] = "application/json"
    elif isinstance(plain.get("data"), bytes | str):
        raw = plain["data"]
        sent["content"] = raw if isinstance(raw, bytes) else raw.encode("utf-8", "surrogatepass")
    return sent


def _placed(value: Any, choice: random.Random) -> Any:
    """Communities that there are, most of the time: else nearly every call would end at that."""
    if isinstance(value, dict):
        placed = {name: _placed(one, choice) for name, one in value.items()}
        for name in ("community_id", "community"):
            if isinstance(placed.get(name), str) and choice.random() < 0.8:
                placed[name] = OWN
        return placed
    return [_placed(one, choice) for one in value] if isinstance(value, list) else value


def deployment(folder: Path) -> Any:
    """A context with the services of an empty deployment."""
    return empty_services(folder, ManualClock(datetime(2026, 11, 21, 2, 0, tzinfo=UTC)), remember=1_000)


def _house(services: Any) -> House:
    owner = access.caller_of_login(services, None)
    for community_id, parent in (("root", None), (OWN, "root")):
        kind = CommunityType.INTEREST if parent else CommunityType.ORGANISATION
        communities.create(
            services, owner, community_id=community_id, name=community_id, type=kind, channel="wecom", parent_id=parent
        )
    bot = access.caller_of_key(services, access.create_key(services, owner, name="bot").key)
    return House(services, services.clock, owner, bot, OWN)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--calls", type=int, default=5_000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="qunzhu-fuzz-") as folder, deployment(Path(folder)) as services:
        world = matrix.build(_house(services))
        statuses, faults = run(create_app(services, cli_token=TOKEN), world, wanted.calls, wanted.seed)
    told = {"calls": statuses.total(), "statuses": dict(sorted(statuses.items())), "server_errors": len(faults)}
    sys.stdout.write("\n".join([*(fault.told for fault in faults[:40]), json.dumps(told)]) + "\n")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
