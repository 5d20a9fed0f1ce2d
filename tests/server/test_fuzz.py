"""A short run of `tests/server/fuzz.py` over every route; the long one is `python -m tests.server.fuzz`."""

from typing import Any

import pytest

from server.app import create_app
from tests.house import House
from tests.server import fuzz, matrix


@pytest.fixture
def database_url(tmp_path: Any) -> str:
    """What comes in broken is refused before it reaches a database."""
    return f"sqlite:///{tmp_path / 'qunzhu.db'}"


@pytest.mark.filterwarnings("ignore")
def test_no_route_answers_with_a_server_error(house: House) -> None:
    world = matrix.build(house)
    statuses, faults = fuzz.run(create_app(house.services, cli_token=fuzz.TOKEN), world, calls=600, seed=7)
    assert statuses.total() > 300
    assert not faults, "\n".join(fault.told for fault in faults)
