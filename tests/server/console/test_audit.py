"""操作记录 in the console: found by person, object, action and day; verified; every action has a name."""

import ast
from collections.abc import Callable, Sequence
from enum import StrEnum
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from agent.flows import settings
from agent.services import Services
from core import tunables
from core.caller import Caller
from core.vocabulary import (
    CampaignStatus,
    CandidateStatus,
    CaseState,
    DraftStatus,
    IncidentAction,
    RiskStatus,
)
from server.console import texts

ROOT = Path(__file__).parents[3]
Person = Callable[..., TestClient]
_OF_STATES: dict[str, Sequence[StrEnum]] = {
    "draft": [DraftStatus.APPROVED, DraftStatus.MODIFIED, DraftStatus.REJECTED, DraftStatus.ESCALATED],
    "risk": [RiskStatus.CONFIRMED, RiskStatus.DISMISSED],
    "candidate": [CandidateStatus.ACCEPTED, CandidateStatus.REJECTED],
    "campaign": [CampaignStatus.RUNNING, CampaignStatus.COMPLETED, CampaignStatus.EXPIRED, CampaignStatus.REJECTED],
    "complaint": [state for state in CaseState if state is not CaseState.NEW],
    "incident": list(IncidentAction),
}
"""Actions whose last word is a state, which stand nowhere in the code as a whole."""


def _written() -> set[str]:
    """The actions that deeds name in so many words."""
    found = set()
    for path in (ROOT / "agent").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Deed":
                found |= {arg.value for arg in node.args[1:2] if isinstance(arg, ast.Constant)}
    return {str(action) for action in found}


@pytest.mark.parametrize("locale", ["zh-CN", "en"])
def test_every_action_has_a_name(locale: str) -> None:
    wanted = _written() | {f"{noun}.{state.value}" for noun, states in _OF_STATES.items() for state in states}
    assert len(wanted) > 60
    named = {key.removeprefix("audit_action.") for key in texts.load(locale) if key.startswith("audit_action.")}
    assert wanted - named == set()


def test_found_by_action_and_day_and_verified(
    person: Person, csrf: Callable[[], str], services: Services, owner: Caller, community: str
) -> None:
    settings.change(services, owner, tunables.TONE.key, "professional", community)
    client = person("owner")
    page = client.get("/console/audit", params={"action": "setting.changed"}).text
    assert "修改设置</td>" in page and f"{community}群" in page
    assert "修改设置</td>" not in client.get("/console/audit", params={"until": "2020-01-01"}).text
    checked = client.post("/console/audit/verify", data={"csrf": csrf()})
    assert "完整：" in checked.text


def test_who_may_not_read_it_sees_nothing(person: Person) -> None:
    assert person("answerer").get("/console/audit").status_code == 403
