"""Every route, called by every role, for its own group and another: denied unless `server/permissions.py` says so."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from server.app import create_app
from server.permissions import NEEDS, Need, Reach
from tests.house import House
from tests.server import matrix
from tests.server.matrix import MARK, OTHER, OWN, Asker, World

DENIED = (401, 403, 404)
# Whether they are there can't be told from a denial: what they ask for isn't there.
# Told before, or in the stead of, a look at the object: nobody learns by it what they may not know.
_SAID_BEFORE = ("model_not_configured", "user_not_found", "script_not_found", "grant_too_wide")
# Work of seconds: called only by those who may not.
_SLOW = ("POST /v1/demo", "POST /v1/reindex", "POST /v1/campaigns/propose", "POST /v1/questions")
_MAY_BE_MISSING = (
    "{token}",
    "{path}",
    "{campaign_id}",
    "{notice_id}",
    "{key}",
    "GET /console/paste/{message_id}/panel",
    "/test/phrasing",
)


@pytest.fixture
def database_url(tmp_path: Any) -> str:
    """Permissions don't depend on the database."""
    return f"sqlite:///{tmp_path / 'qunzhu.db'}"


@pytest.fixture
def world(house: House) -> World:
    return matrix.build(house)


def test_every_route_is_declared_and_nothing_else(house: House) -> None:
    """Default deny: a route that nobody declared fails here."""
    found = set(matrix.routes(create_app(house.services)))
    new = sorted(found - NEEDS.keys())
    gone = sorted(NEEDS.keys() - found)
    assert not new, f"add to server/permissions.py which scope each needs, and a body to tests/server/matrix.py: {new}"
    assert not gone, f"no such route any more; take out of server/permissions.py: {gone}"


def _call(client: TestClient, asker: Asker, route: str, path: str, sent: dict[str, Any]) -> Any:
    method = route.split(" ")[0]
    form = _is_form(route)
    more = dict(sent)
    if form:
        more["data"] = {"csrf": asker.csrf} | more.get("data", {})
    headers = asker.headers | ({"sec-fetch-site": "same-origin"} if form else {})
    client.cookies.clear()
    return client.request(method, path, headers=headers, follow_redirects=False, **more)


def _is_form(route: str) -> bool:
    return route.startswith("POST /console/") and "/api/" not in route


def _is_denied(answer: Any) -> bool:
    to_login = answer.status_code == 303 and answer.headers["location"].startswith("/console/login")
    return to_login or answer.status_code in DENIED


# scope: 36
def test_who_may_not_is_denied_and_who_may_is_not(world: World) -> None:
    app = create_app(world.house.services, cli_token="-")
    database = str(world.house.services.database.engine.url.database)
    wrong: list[str] = []
    calls = 0
    kept = matrix.copied(database)
    bodies = matrix.Bodies(app)
    with matrix.quiet(), TestClient(app, raise_server_exceptions=False) as client:
        for route, need in NEEDS.items():
            if route == "GET /console/changes" or need.scopes == ():
                continue  # an endless stream; nothing to hold back
            places = (OWN, OTHER) if need.reach in (Reach.OBJECT, Reach.NAMED) else (OWN,)
            for place in places:
                path = world.path(route.split(" ")[1], place)
                for asker in _askers(world, need, place):
                    if route in _SLOW and asker.may(need, place):
                        continue
                    answer = _call(client, asker, route, path, bodies.of(route, place, world.ids[place]))
                    calls += 1
                    refused_in_page = _is_form(route) and answer.status_code == 422
                    if refused_in_page and not asker.may(need, place):
                        # A form shows what is wrong, a missing scope too, in the page: then nothing was done.
                        wrong += [] if matrix.same(kept, database) else [f"{route} as {asker.name}: 422, but done"]
                        continue
                    wrong += _faults(route, place, asker, answer)
                    if not route.startswith("GET") and not _is_denied(answer):
                        matrix.put_back(kept, database)
    assert calls > 1500
    assert not wrong, f"{len(wrong)} of {calls} calls:\n" + "\n".join(wrong)


def _askers(world: World, need: Need, place: str) -> list[Asker]:
    """Those whose answer isn't another's for certain: a right of the whole deployment shows at the other group, or
    where it alone is enough."""
    wide = need.reach is Reach.EVERYWHERE or place == OTHER
    narrow = [asker for asker in world.askers if asker.within == OWN or (asker.role is None and place == OWN)]
    return narrow + ([asker for asker in world.askers if asker.role and asker.within is None] if wide else [])


def _faults(route: str, place: str, asker: Asker, answer: Any) -> list[str]:
    need = NEEDS[route]
    may = asker.may(need, place)
    said = answer.text[:90].replace("\n", " ") if answer.status_code != 200 else ""
    told = f"{route} [{place}] as {asker.name}: {answer.status_code} {said}"
    if asker.headers.get("authorization") and " /console" in route and "/api/" not in route:
        may = False  # pages are for people
    if answer.status_code >= 500:
        return [f"{told} - broken"]
    if any(f"problem:{code}" in answer.text for code in _SAID_BEFORE):
        return []
    if not may and not _is_denied(answer):
        return [f"{told} - should be denied"]
    missing = answer.status_code == 404 and any(name in route for name in _MAY_BE_MISSING)
    if may and _is_denied(answer) and not missing:
        return [f"{told} - should be let in"]
    if asker.within == OWN and MARK in answer.text:
        return [f"{told} - tells about the other group"]
    return []
