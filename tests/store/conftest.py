"""Some of what the store keeps is best made by a small community that lives in it."""

import pytest

from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from tests.house import House


@pytest.fixture
def house(services: Services, clock: ManualClock, owner: Caller, community: str, bot: Caller) -> House:
    return House(services, clock, owner, bot, community)
