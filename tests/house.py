"""A small community with knowledge of its own, and the few moves that most tests of flows and routes make in it."""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

import sqlalchemy as sa

from agent.flows import access, approvals, inbox, intake
from agent.flows import knowledge as knowledge_flow
from agent.flows import settings as settings_flow
from agent.flows.approvals import Decided, Ruling
from agent.flows.incoming import IncomingMessage
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.ids import new_id
from core.vocabulary import Decision, DraftStatus, Engine, Requires
from store import deliveries, drafts, due, messages
from store.deliveries import DeliveryRow
from store.drafts import DraftRow, DraftVersionRow
from store.due import Claim, DueBase
from store.members import MemberRow, MembershipRow
from store.messages import MessageRow
from store.session import Database, WriteSession
from store.tables import METADATA

T = TypeVar("T")
LEASE = timedelta(seconds=30)

KNOWLEDGE = """
- id: refund-wrong
  kind: faq
  title: 买错了怎么退款
  phrasings: [拍错了想退钱, 买错东西能退吗, 请问买错了怎么退款呀]
  answer: 七天内在「我的订单」里点退款，选择“拍错了”，审核通过后三个工作日原路退回。
- id: shipping-time
  kind: faq
  title: 下单后多久发货
  phrasings: [什么时候发货, 几天能寄出来, 请问多久发货呀]
  answer: 付款后48小时内发货，节假日顺延一天。
- id: points-where
  kind: faq
  title: 积分在哪里查
  phrasings: [我的积分怎么看, 在哪查积分]
  answer: "{member_name}您好，打开小程序“我的”页面，点“积分明细”就能看到。"
- id: courier-phone
  kind: faq
  title: 快递员电话是多少
  phrasings: [怎么联系快递员, 送货的人电话给我一下]
  answer: 本区快递员的电话是{courier_phone}，工作时间内可以直接打。
"""
ASKS_REFUND = "请问买错了怎么退款呀？"
ASKS_SHIPPING = "请问多久发货呀？"
ASKS_POINTS = "请问在哪里查积分呀？"
ASKS_COURIER = "请问快递员电话是多少？"


def in_parallel(most: int, calls: Iterable[Any]) -> list[Any]:
    """Run the calls on `most` threads; what each returned, or the exception that it raised."""

    def caught(call: Any) -> Any:
        try:
            return call()
        except Exception as error:
            return error

    with ThreadPoolExecutor(most) as pool:
        return list(pool.map(caught, calls))


def row_counts(database: Database) -> dict[str, int]:
    """How many rows each table holds."""
    with database.read() as db:
        return {
            table.name: db.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
            for table in METADATA.sorted_tables
        }


def claim_all(services: Services, table: type[DueBase], most: int = 100, worker: str = "w") -> list[Claim]:
    with services.database.write() as db:
        return due.claim(db, table, worker=worker, lease=LEASE, most=most)


@dataclass(frozen=True, slots=True)
class House:
    """`community` is `mama` under `root`; `owner` may do everything, `bot` is a key for all communities."""

    services: Services
    clock: ManualClock
    owner: Caller
    bot: Caller
    community: str

    def learn(self, text: str = KNOWLEDGE) -> None:
        done = knowledge_flow.import_file(self.services, self.owner, text.encode(), "yaml", dry_run=False)
        assert done.errors == []
        self.services.knowledge.refresh()

    def message(self, text: str, message_id: str = "m-1", **values: Any) -> IncomingMessage:
        wire: dict[str, Any] = {
            "channel": "wecom",
            "community_id": self.community,
            "message_id": message_id,
            "sender": {"id": "wx-xiaoman", "name": "小满妈妈"},
            "text": text,
            "sent_at": self.clock.now(),
        }
        return IncomingMessage.model_validate(wire | values)

    def say(self, text: str, message_id: str = "m-1", *, history: bool = False, **values: Any) -> str:
        """Receive one message; its id."""
        incoming = self.message(text, message_id, **values)
        return intake.receive(self.services, self.bot, incoming, history=history).message_id

    def without_bursts(self) -> None:
        """Messages are due at once, for tests that leave the work to a worker while the clock stands still."""
        settings_flow.change(self.services, self.owner, "inbox.burst_seconds", 0)

    def work(self, after: float = 6.0) -> list[str]:
        """Let the bursts close and a worker handle everything that is due; the ids that it finished."""
        self.clock.advance(seconds=after)
        return inbox.handle(self.services, claim_all(self.services, MessageRow))

    def work_with_model(self) -> list[str]:
        """Let whoever waits for the model handle what was handed on; the ids that it finished."""
        with self.services.database.write() as db:
            claims = due.claim(db, MessageRow, worker="w", lease=LEASE, most=100, which=inbox.MODEL_QUEUE)
        return inbox.handle(self.services, claims, with_model=True)

    def ask(self, text: str, message_id: str = "m-1", **values: Any) -> DraftRow:
        """Receive one message and have it handled; its draft."""
        received = self.say(text, message_id, **values)
        assert received in self.work()
        found = self.draft_of(received, "private" if values.get("conversation") == "private" else "reply")
        assert found is not None
        return found

    def message_row(self, message_id: str) -> MessageRow:
        with self.services.database.read() as db:
            row = messages.get(db, message_id)
        assert row is not None
        return row

    def draft_of(self, message_id: str, kind: str = "reply") -> DraftRow | None:
        with self.services.database.read() as db:
            return drafts.of_message(db, message_id, kind)

    def draft_row(self, draft_id: str) -> DraftRow:
        with self.services.database.read() as db:
            row = drafts.get(db, draft_id)
        assert row is not None
        return row

    def deliveries(self) -> list[DeliveryRow]:
        with self.services.database.read() as db:
            return list(db.execute(sa.select(DeliveryRow).order_by(DeliveryRow.id)).scalars())

    def delivery(self, delivery_id: str | None) -> DeliveryRow:
        assert delivery_id is not None
        with self.services.database.read() as db:
            row = deliveries.get(db, delivery_id)
        assert row is not None
        return row

    def member_id(self) -> str:
        """A member called 小满妈妈, made by a message of theirs."""
        return self.message_row(self.say("大家早上好", f"hello-{new_id('x')}")).member_id or ""

    def make_drafts(self, number: int, *, text: str | None = "付款后48小时内发货。", **values: Any) -> list[str]:
        """Pending drafts straight into the store; their ids."""
        with self.services.database.write() as db:
            made = [_draft(db.now, text, **({"community_id": self.community} | values)) for _ in range(number)]
            db.add_all(made)
            db.flush()
            db.add_all(
                DraftVersionRow(draft_id=row.id, version=1, status=row.status, text=text, by="test", at=db.now)
                for row in made
            )
        return [row.id for row in made]

    def decide(
        self,
        draft_id: str,
        decision: Decision = Decision.APPROVE,
        *,
        version: int = 1,
        text: str | None = None,
        reason: str | None = None,
        caller: Caller | None = None,
        undoable: bool = False,
        override_copy: bool = False,
    ) -> Decided:
        ruling = Ruling(decision, version, text, reason, override_copy)
        return approvals.decide(self.services, caller or self.owner, draft_id, ruling, undoable=undoable)

    def user(self, role: str, community_id: str | None = None, login: str | None = None) -> Caller:
        """A new user with this role."""
        login = login or f"u-{new_id('x')[-10:].lower()}"
        access.create_user(self.services, self.owner, login=login, name=login, role=role, community_id=community_id)
        return access.caller_of_login(self.services, login)


def _draft(now: datetime, text: str | None, **values: Any) -> DraftRow:
    abstained = None if text else {"reason": "no_answer_in_kb", "missing": []}
    plain: dict[str, Any] = {
        "id": new_id("drf"),
        "kind": "reply",
        "version": 1,
        "status": DraftStatus.PENDING,
        "requires": Requires.MODERATOR,
        "channel": "wecom",
        "lane": "mama",
        "text": text,
        "citations": [{"entry_id": "made", "version": 1, "title": "", "quote": text, "used": True}] if text else [],
        "alternatives": [],
        "confidence": {"band": "high", "reason": "test"},
        "engine": Engine.EMBEDDED,
        "degraded": False,
        "copy_check": [],
        "abstained": abstained,
        "created_at": now,
    }
    return DraftRow(**(plain | values))


def stay(
    db: WriteSession,
    community_id: str,
    joined: datetime,
    left: datetime | None = None,
    *,
    member_id: str | None = None,
    source: str | None = None,
) -> str:
    """A membership straight into the store, of a new member where none is named; the member's id."""
    if member_id is None:
        member_id = new_id("mem")
        db.add(MemberRow(id=member_id, profile={}, created_at=joined))
        db.flush()
    values = {"community_id": community_id, "joined_at": joined, "left_at": left, "source": source}
    db.add(MembershipRow(id=new_id("stay"), member_id=member_id, **values))
    return member_id


def utter(db: WriteSession, community_id: str, member_id: str | None, at: datetime, **values: Any) -> str:
    """A message straight into the store, already handled; its id."""
    plain: dict[str, Any] = {
        "id": new_id("msg"),
        "lane": community_id,
        "channel": "wecom",
        "community_id": community_id,
        "external_id": new_id("x"),
        "revision": 0,
        "body_hash": "0",
        "type": "text",
        "conversation": "group",
        "member_id": member_id,
        "sender_role": "member",
        "text": "早上好",
        "sent_at": at,
        "received_at": at,
        "stage": "done",
        "risk": {"level": "none", "labels": [], "action": "none", "reason": ""},
    }
    row = MessageRow(**(plain | values))
    db.add(row)
    return row.id
