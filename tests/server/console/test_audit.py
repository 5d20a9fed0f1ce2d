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
from store.audit import Deed

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


@pytest.mark.parametrize("day", ["0001-01-01", "9999-12-31", "2026-02-30", "heute"])
def test_days_at_the_ends_of_the_calendar_are_answered(person: Person, day: str) -> None:
    client = person("auditor")
    assert client.get("/console/audit", params={"since": day, "until": day}).status_code == 200


@pytest.mark.parametrize("moment", ["0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00"])
def test_moments_that_overflow_are_refused(person: Person, moment: str) -> None:
    client = person("auditor")
    assert client.get("/v1/audit", params={"since": moment}).status_code == 422
    assert client.get("/v1/audit", params={"until": moment}).status_code == 422


def test_links_lead_only_where_the_reader_may_go(person: Person, services: Services, owner: Caller) -> None:
    with services.database.write() as db:
        db.audit(Deed(owner, "member.erased", "member", "mem_1"))
        db.audit(Deed(owner, "draft.undone", "draft", "drf_1"))
        db.audit(Deed(owner, "draft.undone", "draft", "#1f"))
    page = person("supervisor").get("/console/audit").text
    assert 'href="/console/drafts/drf_1"' in page
    assert "mem_1" in page and 'href="/console/members' not in page and 'href="/console/drafts/#' not in page
    assert 'href="/console/members/mem_1"' in person("auditor", login="wu").get("/console/audit").text


def test_who_may_not_read_it_sees_nothing(person: Person) -> None:
    assert person("answerer").get("/console/audit").status_code == 403
