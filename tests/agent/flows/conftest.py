"""Flows are tested in one small community."""

import pytest

from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from tests.house import House


@pytest.fixture
def house(services: Services, clock: ManualClock, owner: Caller, community: str, bot: Caller) -> House:
    return House(services, clock, owner, bot, community)


@pytest.fixture
def wise(house: House) -> House:
    """The house with its knowledge."""
    house.learn()
    return house
