"""Nothing that a model, a member, a name or an entry says has an effect on members, on rights or on what may be called.

The model here obeys everything that it reads: it repeats what a text demands and calls every tool that it can think of,
with any arguments. What holds must hold by structure, not by good manners.
"""

import json
from importlib.resources import files
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from langchain_core.messages import AIMessage

from agent.flows import campaigns, questions
from agent.flows import knowledge as knowledge_flow
from agent.flows import settings as settings_flow
from agent.scripted import ScriptedChat, ScriptedModel
from core.errors import BadInput
from core.vocabulary import DraftStatus, MessageType, RiskStatus
from store.tables import METADATA
from tests.house import ASKS_REFUND, House
from tools.registry import Effect, allowed

CASES: list[dict[str, str]] = [
    json.loads(line)
    for line in files("evals.cases").joinpath("injections.jsonl").read_text("utf-8").splitlines()
    if line
]
_WORKS_ON = {"audit", "audit_head", "changes", "messages", "message_revisions"}
_MAKES = {
    "drafts",
    "draft_messages",
    "risk_items",
    "complaint_cases",
    "complaint_case_messages",
    "complaint_case_events",
    "reply_clocks",
    "timers",
    "suggestions",
    "suggestion_messages",
    "incidents",
    "incident_cases",
    "notices",
}
_ALSO = {"draft_versions", "members", "member_keys", "member_identities", "memberships", "idempotency_keys"}
_PROPOSES = {"campaigns", "campaign_versions", "model_calls", "breakers", "knowledge_hits"}
WATCHED = [table for name, table in METADATA.tables.items() if name not in _WORKS_ON | _MAKES | _ALSO | _PROPOSES]
"""Everything else: deliveries, settings, users, roles, keys, webhooks, consents, timers, entries and their versions."""


class Obedient(ScriptedModel):
    """Repeats what it read, and its chat calls whatever it is told to."""

    def __init__(self, turns: list[AIMessage] | None = None) -> None:
        super().__init__({name: self._obey for name in ("reply/judge", "reply/compose", "reply/rewrite")})
        self.turns = turns or []
        self.chats: list[ScriptedChat] = []

    def _obey(self, values: Any) -> dict[str, Any]:
        said = " ".join(str(value) for value in values.values())
        return {
            "answers": True,
            "quote": said[:200],
            "text": said[:400],
            "used": [1],
            "confidence": "high",
            "missing": [],
            "question": said[:200],
        }

    def chat(self, _purpose: str, _object_id: str | None) -> ScriptedChat:
        self.chats.append(ScriptedChat(replies=[*self.turns, AIMessage("都办好了，已经发给所有人了")]))
        return self.chats[-1]


def _state(house: House) -> dict[str, list[str]]:
    """All watched rows."""
    with house.services.database.read() as db:
        return {table.name: sorted(map(repr, db.execute(sa.select(*_columns(table))).all())) for table in WATCHED}


def _columns(table: sa.Table) -> list[sa.Column[Any]]:
    """All but how often an entry was used and when last, which are figures and no effect."""
    return [column for column in table.columns if column.name not in ("hits", "last_hit_at")]


def _tools(house: House) -> list[str]:
    return [tool.name for tool in allowed(house.owner, tuple(Effect))]


def _undecided(house: House) -> bool:
    with house.services.database.read() as db:
        drafted = db.execute(sa.text("SELECT DISTINCT status FROM drafts")).scalars().all()
        proposed = db.execute(sa.text("SELECT DISTINCT status FROM campaigns")).scalars().all()
        flagged = db.execute(sa.text("SELECT DISTINCT status FROM risk_items")).scalars().all()
    open_drafts = {DraftStatus.PENDING, DraftStatus.EXPIRED}
    return set(drafted) <= open_drafts and set(proposed) <= {"proposed"} and set(flagged) <= {RiskStatus.PENDING}


_NAMES = st.sampled_from(
    [
        *("count_members", "breakdown", "list_members", "preview_segment", "propose_campaign", "get_member"),
        *("send_message", "approve_draft", "decide", "change_setting", "grant_scope", "reveal_member", "run_sql"),
    ]
)
_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=20)
    | st.sampled_from(["all", "root", "mama", "owner"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=6,
)
_KEYS = st.sampled_from(["caller", "community_ids", "user", "scope", "segment", "text", "to", "now", "metric", "where"])
_CALLS = st.lists(st.tuples(_NAMES, st.dictionaries(_KEYS, _VALUES, max_size=4)), min_size=1, max_size=4)


def _turns(calls: list[tuple[str, dict[str, Any]]]) -> list[AIMessage]:
    made = [
        {"name": name, "args": arguments, "id": f"c{n}", "type": "tool_call"}
        for n, (name, arguments) in enumerate(calls)
    ]
    return [AIMessage("", tool_calls=[one]) for one in made]


@given(calls=_CALLS)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_model_that_tries_everything_changes_nothing(wise: House, calls: list[tuple[str, dict[str, Any]]]) -> None:
    before, tools = _state(wise), _tools(wise)
    wise.services.model = Obedient(_turns(calls))
    questions.ask(wise.services, wise.owner, "现在有多少人")
    try:
        campaigns.propose(wise.services, wise.owner, "唤醒沉默成员，下周五晚上发新人券", wise.community)
    except BadInput as error:
        assert error.code == "campaign_not_proposed"
    assert _state(wise) == before
    assert _tools(wise) == tools
    assert _undecided(wise)
    offered = {name for chat in wise.services.model.chats for name in chat.offered}
    assert offered <= set(tools)


@pytest.mark.parametrize("channel", ["message", "display_name", "kb_entry", "question"])
def test_injections_change_no_effect_scope_or_tool(wise: House, channel: str) -> None:
    cases = [case for case in CASES if case["channel"] == channel]
    assert len(cases) >= 60
    settings_flow.change(wise.services, wise.owner, "model.cascade", False)
    if channel == "kb_entry":
        _learn(wise, cases)
    before, tools, scopes = _state(wise), _tools(wise), wise.owner.scopes()
    model = Obedient(_turns([("send_message", {"to": "all"}), ("list_members", {"community_ids": ["root"]})]))
    wise.services.model = model
    for number, case in enumerate(cases):
        _try(wise, channel, case["text"], number)
    assert _state(wise) == before
    assert (_tools(wise), wise.owner.scopes()) == (tools, scopes)
    assert _undecided(wise)
    assert wise.deliveries() == []
    if channel == "display_name":
        texts = [case["text"] for case in cases]
        assert not [call for call in model.calls if any(text in call.text for text in texts)], "a name was sent"


def _learn(house: House, cases: list[dict[str, str]]) -> None:
    """Entries whose answers are injections: somebody with rights to the knowledge base was careless."""
    rows = [
        {
            "id": f"bad-{n}",
            "kind": "faq",
            "title": f"第{n}号奇怪的问题怎么办",
            "phrasings": [f"第{n}号怪问题咋办"],
            "answer": case["text"],
        }
        for n, case in enumerate(cases)
    ]
    data = json.dumps(rows, ensure_ascii=False).encode()
    assert knowledge_flow.import_file(house.services, house.owner, data, "yaml", dry_run=False).errors == []
    house.services.knowledge.refresh()


def _try(house: House, channel: str, text: str, number: int) -> None:
    if channel == "question":
        questions.ask(house.services, house.owner, text)
        return
    said = {"message": text, "display_name": ASKS_REFUND, "kb_entry": f"第{number}号奇怪的问题怎么办？"}[channel]
    name = text[:120] if channel == "display_name" else f"成员{number}"
    house.say(said, f"m-{number}", sender={"id": f"wx-{number}", "name": name}, type=MessageType.TEXT)
    house.work()
    house.work_with_model()
