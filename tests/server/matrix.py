"""A deployment with two groups, somebody of every role, and what is needed to call every route once."""

import logging
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Annotated, Any

import structlog
from fastapi import FastAPI
from pydantic import TypeAdapter

from agent.flows import access, communities, events, risks, webhooks
from agent.flows import knowledge as knowledge_flow
from agent.flows.incoming import IncomingEvent
from core.caller import Caller
from core.ids import new_id
from core.scopes import BUILTIN_ROLES, with_implied
from core.vocabulary import CommunityType, RiskLabel
from server.permissions import Need, Reach
from store.candidates import CandidateRow
from store.cases import CaseRow, CompensationRow
from store.deliveries import DeliveryRow
from store.duty import DutyRow
from store.incidents import IncidentRow
from store.suggestions import SuggestionRow
from tests.house import House

OWN, OTHER = "mama", "baby"
MARK = "乙群机密"
"""Stands in every text of the other group: whoever belongs to the first never sees it."""


def routes(app: FastAPI) -> Iterator[str]:
    """`METHOD /path` of every route, console and included routers too."""
    found: set[str] = set()
    for route in app.routes:
        for one in route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else [route]:
            path = str(getattr(one, "path", "")).replace(":path}", "}")
            found |= {f"{method} {path}" for method in getattr(one, "methods", None) or () if method != "HEAD"}
    yield from sorted(found)


def _fields(dependant: Any) -> list[Any]:
    return [*dependant.body_params, *(field for one in dependant.dependencies for field in _fields(one))]


def _forms(app: FastAPI) -> dict[str, list[Any]]:
    """What the forms of the console must hold, by route; the contract doesn't tell."""
    found: dict[str, list[Any]] = {}
    for route in app.routes:
        for one in route.effective_route_contexts() if hasattr(route, "effective_route_contexts") else ():
            if str(one.path).startswith("/console/") and "POST" in one.methods:
                found[f"POST {one.path}"] = _fields(one.dependant)
    return found


@dataclass(frozen=True)
class Asker:
    """Somebody who calls: a role in the first group or everywhere (`within` None), or nobody."""

    name: str
    role: str | None
    within: str | None
    headers: dict[str, str]
    csrf: str = ""

    def may(self, need: Need, place: str) -> bool:
        if need.reach is Reach.PUBLIC:
            return True
        if self.role is None:
            return False
        if need.reach is Reach.SIGNED_IN:
            return True
        held = with_implied(BUILTIN_ROLES[self.role])
        enough = all(scope in held for scope in need.scopes) if len(need.scopes) > 3 else held & set(need.scopes)
        if not enough:
            return False
        if need.reach is Reach.EVERYWHERE:
            return self.within is None
        return need.reach is Reach.ANYWHERE or self.within in (None, place)


@dataclass
class World:
    house: House
    askers: list[Asker]
    ids: dict[str, dict[str, str]] = field(default_factory=dict)

    def path(self, template: str, place: str) -> str:
        for name, value in ({"path": "nothing", "token": "nothing", "key": "reply.tone"} | self.ids[place]).items():
            template = template.replace(f"{{{name}}}", value)
        return template


@contextmanager
def quiet() -> Iterator[None]:
    """Nothing is logged: unconfigured, a traceback with all its values takes a minute to be printed."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))
    yield
    structlog.reset_defaults()


def build(house: House) -> World:
    communities.create(
        house.services,
        house.owner,
        community_id=OTHER,
        name=f"{MARK}群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    world = World(house, list(_askers(house)))
    for place in (OWN, OTHER):
        world.ids[place] = _seeded(house, place)
    return world


def _askers(house: House) -> Iterator[Asker]:
    yield Asker("nobody", None, None, {})
    for role in BUILTIN_ROLES:
        for within in (OWN, None):
            name = f"{role} {'everywhere' if within is None else 'of one group'}"
            caller = house.user(role, within)
            token = access.login_link(house.services, house.owner, _login(house, caller))
            signed = access.sign_in_by_link(house.services, token)
            cookie = {"cookie": f"qunzhu_session={signed.token}", "x-csrf-token": signed.csrf}
            yield Asker(name, role, within, cookie, signed.csrf)
    key = access.create_key(house.services, house.owner, name="bot", within=[OWN]).key
    yield Asker("key of one group", "bot", OWN, {"authorization": f"Bearer {key}"})


def _login(house: House, caller: Caller) -> str:
    from store import users

    with house.services.database.read() as db:
        row = users.get(db, caller.id)
    assert row is not None and row.login is not None
    return row.login


def _seeded(house: House, place: str) -> dict[str, str]:
    """One object of every kind in this group, by the name of its place in addresses."""
    services, owner = house.services, house.owner
    there: dict[str, Any] = {"community_id": place}
    text = f"{MARK}，快递到哪了" if place == OTHER else "快递到哪了"
    message = house.say(text, f"m-{place}", sender={"id": f"wx-{place}", "name": MARK[:2]}, **there)
    member = house.message_row(message).member_id or ""
    (draft,) = house.make_drafts(1, text=text, member_id=member, **there)
    (sent,) = house.make_drafts(1, text=text, **there)
    risk = risks.flag(services, owner, message, [RiskLabel.AD_SPAM], text).id
    webhook = webhooks.register(
        services, owner, community_id=place, channel="other", url="http://127.0.0.1:9/", idempotent=False
    ).id
    entry = f"entry-{place}"
    line = f"- {{id: {entry}, kind: faq, title: {text}, phrasings: [{text}], answer: {text}, community: {place}}}\n"
    assert knowledge_flow.import_file(services, owner, line.encode(), "yaml", dry_run=False).errors == []
    delivery = house.decide(sent).delivery_id or ""
    key = access.create_key(services, owner, name=text, within=[place]).id
    joined = {"channel": "wecom", "event_id": f"e-{place}", "type": "join", "member": {"id": f"wx-{place}"}}
    events.receive(services, owner, [IncomingEvent.model_validate(joined | there | {"at": house.clock.now()})])
    names = ("case", "compensation", "incident", "suggestion", "duty", "candidate")
    ids = {f"{name}_id": new_id(name[:3]) for name in names}
    _rows(house, place, text, message, member, ids)
    return ids | {
        "message_id": message,
        "member_id": member,
        "draft_id": draft,
        "risk_id": risk,
        "webhook_id": webhook,
        "entry_id": entry,
        "delivery_id": delivery,
        "key_id": key,
        "kind": "phone",
        # Made by planners, which take seconds; whether it is there is not told to who may not see it.
        "campaign_id": "cmp_nothing",
        # A notice belongs to the one who is told; nobody else has it.
        "notice_id": "ntc_nothing",
    }


def _rows(house: House, place: str, text: str, message: str, member: str, ids: dict[str, str]) -> None:
    there: dict[str, Any] = {"community_id": place, "channel": "wecom"}
    owner = house.owner.id
    with house.services.database.write() as db:
        now = db.now
        case = {"category": "logistics", "severity": "low", "quote": text, "score": 1.0, "engine": "embedded"}
        db.add(CaseRow(id=ids["case_id"], lane=place, message_id=message, state="new", opened_at=now, **case, **there))
        db.flush()
        db.add_all(
            [
                CompensationRow(
                    id=ids["compensation_id"],
                    case_id=ids["case_id"],
                    kind="points",
                    status="proposed",
                    proposed_by=owner,
                    proposed_at=now,
                ),
                IncidentRow(
                    id=ids["incident_id"],
                    category="logistics",
                    status="open",
                    cases=1,
                    members=1,
                    checklist=[],
                    opened_at=now,
                    last_at=now,
                    **there,
                ),
                SuggestionRow(
                    id=ids["suggestion_id"], member_id=member, status="new", said_at=now, created_at=now, **there
                ),
                DutyRow(
                    id=ids["duty_id"],
                    community_id=place,
                    user_id=owner,
                    weekday=1,
                    shift="09:00-18:00",
                    added_by=owner,
                    added_at=now,
                ),
                CandidateRow(
                    id=ids["candidate_id"],
                    community_id=place,
                    kind="entry",
                    origin="unanswered",
                    status="open",
                    version=1,
                    question=text,
                    count=1,
                    created_at=now,
                    last_asked_at=now,
                ),
                *(
                    DeliveryRow(
                        id=new_id("dlv"),
                        lane=place,
                        kind="reply",
                        state="queued",
                        decision=new_id("x"),
                        text=text,
                        ai_generated=True,
                        created_at=now,
                        not_before=now,
                        expires_at=now,
                        **there,
                    )
                    for _ in range(1)
                ),
            ]
        )


_AT = "2026-11-21T01:00:00Z"
_DECIDE = {"decision": "reject", "version": 1, "reason": "x"}


class Bodies:
    """What each route is sent: as little as its schema takes, so that the look at permissions is reached."""

    def __init__(self, app: FastAPI) -> None:
        self._document = app.openapi()
        self._fields = _forms(app)

    def of(self, route: str, place: str, ids: dict[str, str]) -> dict[str, Any]:
        """`json`, `data` (a form), `content`, `params`."""
        own = _own(route, place, ids)
        method, path = route.split(" ")
        operation = self._document["paths"].get(path, {}).get(method.lower())
        if operation is None:
            return self._form(route, place) | own
        params = {
            one["name"]: self._value(one["schema"], one["name"], place)
            for one in operation.get("parameters", ())
            if one["in"] == "query" and (one.get("required") or one["name"] == "community")
        }
        made: dict[str, Any] = {"params": params}
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if schema is not None and operation["requestBody"].get("required"):
            made["json"] = self._value(schema, "", place)
        return made | own

    def _form(self, route: str, place: str) -> dict[str, Any]:
        if " /console/api/" in route:
            return {}
        data = {}
        for one in self._fields.get(route, ()):
            if one.field_info.is_required():
                wanted: Any = Annotated[one.field_info.annotation, one.field_info]
                adapter: TypeAdapter[Any] = TypeAdapter(wanted)
                schema = adapter.json_schema()
                schema = schema.get("$defs", {}).get(schema.get("$ref", "").split("/")[-1], schema)
                data[one.alias] = self._value(schema, one.alias, place)
        return {"data": data}

    def _value(self, schema: dict[str, Any], name: str, place: str) -> Any:
        if "$ref" in schema:
            return self._value(self._document["components"]["schemas"][schema["$ref"].split("/")[-1]], name, place)
        if name in ("community_id", "community"):
            return place
        if name in ("at", "sent_at"):
            return _AT
        if name in ("id", "message_id", "event_id", "answer_id"):
            return new_id("x").lower().replace("_", "-")[:30]
        for key in ("examples", "enum"):
            if schema.get(key):
                return schema[key][0]
        if "const" in schema:
            return schema["const"]
        for key in ("anyOf", "oneOf", "allOf"):
            if key in schema:
                return self._value(schema[key][0], name, place)
        return self._plain(schema, name, place)

    def _plain(self, schema: dict[str, Any], name: str, place: str) -> Any:
        kind = schema.get("type")
        if choice := re.fullmatch(r"\^\((\w+)\|.*", schema.get("pattern", "")):
            return choice[1]
        if kind == "object":
            wanted = {*schema.get("required", ()), "community_id", "community"} & schema.get("properties", {}).keys()
            return {one: self._value(schema["properties"][one], one, place) for one in sorted(wanted)}
        if kind == "array":
            return [self._value(schema["items"], name, place)] if schema.get("minItems", 1 if name else 0) else []
        plain = {"integer": max(1, int(schema.get("minimum", 1))), "number": 1.0, "boolean": False, "null": None}
        return plain.get(str(kind), "2026-11-20" if schema.get("format") == "date" else "核对投诉")


def _own(route: str, place: str, ids: dict[str, str]) -> dict[str, Any]:
    """What a schema alone doesn't tell, and forms of the console."""
    there = {"community_id": place}
    message = {
        "channel": "wecom",
        "sender": {"id": "wx-new"},
        "text": "你好",
        "sent_at": _AT,
        "message_id": new_id("x"),
    }
    known: dict[str, dict[str, Any]] = {
        "POST /v1/messages": {"json": message | there},
        "POST /v1/messages:batch": {"json": {"messages": [message | there]}},
        "POST /v1/drafts/{draft_id}/pick": {"json": {"entry_id": ids["entry_id"]}},
        "POST /v1/members/import": {"json": {}},
        "POST /v1/members/find": {"json": {"channel": "wecom", "contact": f"wx-{place}"}},
        "PUT /v1/knowledge/entries/{entry_id}": {
            "json": {
                "id": ids["entry_id"],
                "kind": "faq",
                "title": "一",
                "phrasings": ["问"],
                "answer": "答",
                "community": place,
            },
            "params": {"version": 1},
        },
        "POST /v1/knowledge/import": {"content": b"[]", "params": {"dry_run": True}},
        "POST /v1/communities": {
            "json": {"id": "new", "name": "新群", "type": "interest", "channel": "wecom", "parent_id": "root"}
        },
        "POST /v1/keys": {"json": {"name": "new", "communities": [place]}},
        "POST /v1/users": {"json": {"login": "new", "name": "新人", "role": "bot"}},
        "PUT /v1/settings/{key}": {"json": {"value": "friendly", "community_id": place}},
        "POST /console/api/drafts/{draft_id}/decision": {"json": _DECIDE},
        "POST /console/api/drafts/{draft_id}/snooze": {"json": {"minutes": 10}},
        "POST /console/api/paste": {"json": there | {"text": "你好", "nickname": "小李"}},
        "POST /console/api/knowledge/import": {"content": b"[]", "params": {"dry_run": True, "name": "a.yaml"}},
        "POST /console/members": {"data": {"sought": "小满"}},
        "POST /console/members/{member_id}/erase": {"data": {"typed": ids["member_id"][-6:], "reason": "本人申请"}},
        "POST /v1/complaints/{case_id}/compensation": {"json": {"version": 1, "kind": "coupon", "cents": 100}},
        "POST /v1/incidents/{incident_id}/actions": {"json": {"action": "close", "version": 1, "text": "已处理"}},
        "POST /v1/knowledge/entries": {
            "json": {
                "id": f"new-{place}",
                "kind": "faq",
                "title": "一",
                "phrasings": ["问"],
                "answer": "答",
                "community": place,
            }
        },
        "POST /console/api/risks/{risk_id}/decision": {"json": {"decision": "dismiss", "version": 1}},
        "GET /console/api/risks/{risk_id}/texts": {"params": {"action": "mute", "minutes": 10}},
        "POST /console/knowledge/test/phrasing": {"data": {"entry_id": ids["entry_id"], "text": "快递呢"}},
        "POST /console/risks/rules": {"data": {"community": place}, "params": {"community": place}},
        "POST /console/risks/rules/try": {"data": {"community": place}, "params": {"community": place}},
    }
    return known.get(route, {})


def copied(path: str) -> sqlite3.Connection:
    """The database as it stands, in memory, to be put back after a call that changed it."""
    kept = sqlite3.connect(":memory:", check_same_thread=False)
    with sqlite3.connect(path) as source:
        source.backup(kept)
    source.close()
    return kept


def same(kept: sqlite3.Connection, path: str) -> bool:
    """Whether nothing was audited since."""
    with sqlite3.connect(path) as now:
        found = now.execute("SELECT number FROM audit_head").fetchone()
    now.close()
    return bool(found == kept.execute("SELECT number FROM audit_head").fetchone())


def put_back(kept: sqlite3.Connection, path: str) -> None:
    target = sqlite3.connect(path)
    target.execute("PRAGMA synchronous=OFF")
    kept.backup(target)
    target.close()
