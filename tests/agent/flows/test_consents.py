"""What members agree to and opt out of is kept, and honoured where something would be sent."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import consents, intake, member_access, retention
from agent.flows import settings as set_settings
from agent.flows.incoming import IncomingMessage
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.errors import BadInput, Forbidden
from core.ids import new_id
from core.vocabulary import ConsentKind
from store import member_list, members
from store.deliveries import DeliveryRow
from store.drafts import DraftRow
from store.messages import MessageRow


def _say(services: Services, bot: Caller, number: int, text: str, **values: Any) -> str:
    said = {
        "channel": "wecom",
        "community_id": "mama",
        "message_id": f"m-{number}",
        "sender": {"id": "wx-xiaoman", "name": "小满妈妈"},
        "text": text,
        "conversation": "private",
        "sent_at": services.clock.now(),
    }
    message_id = intake.receive(services, bot, IncomingMessage.model_validate(said | values)).message_id
    with services.database.read() as db:
        return str(db.execute(sa.select(MessageRow.member_id).where(MessageRow.id == message_id)).scalar_one())


@pytest.mark.parametrize(
    "text",
    [
        "退订",
        "TD",
        "ｔｄ",
        "回复TD",
        "别再给我发广告了",
        "不要再推送了",
        "取消订阅",
        "我不想再收到你们的消息",
        "退订！",
        "麻烦退订一下",
    ],
)
def test_words_that_opt_out(text: str) -> None:
    assert consents.opts_out(text)


@pytest.mark.parametrize(
    "text",
    [
        "怎么退订？",
        "别给我发错颜色了",
        "我想退订那本杂志可以退钱吗",
        "快递不要再发了，我要退货",
        "群里说回复“TD”退订是真的吗",
        "不要发货了",
        "今天天气不错",
        "",
    ],
)
def test_words_that_do_not(text: str) -> None:
    assert not consents.opts_out(text)


def _delivery(services: Services, member_id: str, kind: str = "campaign") -> str:
    now = services.clock.now()
    row = DeliveryRow(id=new_id("dlv"), lane="x", kind=kind, state="queued", community_id="mama", channel="wecom")
    row.member_id, row.decision, row.text, row.ai_generated = member_id, new_id("cmp"), "满减券", False
    row.created_at = row.not_before = now
    row.expires_at, row.fence, row.attempts = now + timedelta(days=1), 0, 0
    with services.database.write() as db:
        db.add(row)
    return row.id


def test_an_opt_out_in_their_own_words_takes_back_what_is_queued(services: Services, bot: Caller) -> None:
    member_id = _say(services, bot, 1, "你好")
    queued = _delivery(services, member_id)
    _say(services, bot, 2, "td", conversation="group")
    with services.database.read() as db:
        assert member_list.consents(db, member_id) == [], "in the group it may mean anything"
    _say(services, bot, 3, "TD")
    with services.database.read() as db:
        (said,) = member_list.consents(db, member_id)
        assert (said.kind, said.granted, said.source[:8]) == (ConsentKind.MARKETING, False, "message:")
        assert db.get_one(DeliveryRow, queued).state == "cancelled"


def _draft(member_id: str, **values: Any) -> DraftRow:
    row = DraftRow(id=new_id("drf"), kind="private", community_id="mama", channel="wecom", member_id=member_id)
    for name, value in values.items():
        setattr(row, name, value)
    return row


def test_private_drafts_wait_for_nobody_who_wants_none(services: Services, bot: Caller, owner: Caller) -> None:
    member_id = _say(services, bot, 1, "请问怎么退款")
    with services.database.read() as db:
        consents.require_private(db, _draft(member_id))
    note = consents.note
    note(services, owner, member_id, ConsentKind.PRIVATE_MESSAGE, granted=False, source="电话")
    with services.database.read() as db:
        with pytest.raises(Forbidden, match="member_opted_out"):
            consents.require_private(db, _draft(member_id))
        consents.require_private(db, _draft(member_id, reply_to="m-1"))
        consents.require_private(db, _draft(member_id, case_id="case_1"))
        consents.require_private(db, _draft(member_id, kind="reply"))
    with pytest.raises(BadInput, match="at_in_future"):
        later = services.clock.now() + timedelta(days=1)
        note(services, owner, member_id, ConsentKind.DATA, granted=True, source="x", at=later)


# scope: 37
def test_the_notice_is_told_and_who_was_shown_it_is_kept(services: Services, bot: Caller, owner: Caller) -> None:
    member_id = _say(services, bot, 1, "你好")
    with pytest.raises(BadInput, match="notice_missing"):
        consents.note_shown(services, owner, member_id, "mama", "welcome")
    set_settings.change(services, owner, "privacy.notice", "我们收集昵称和发言，用于答疑。", "root")
    hashed = consents.note_shown(services, owner, member_id, "mama", "welcome")
    with services.database.read() as db:
        assert consents.notice_hash(consents.notice(db, "mama")) == hashed


# scope: 37
def test_retention_is_off_until_it_is_set(services: Services, bot: Caller, owner: Caller, clock: ManualClock) -> None:
    member_id = _say(services, bot, 1, "很久以前说的话")
    with services.database.write() as db:
        members.leave(db, "mama", member_id, db.now)
        db.execute(sa.update(MessageRow).values(due_at=None, stage="done"))
    clock.advance(days=400)
    assert retention.sweep(services) == 0
    set_settings.change(services, owner, "privacy.message_days", 365)
    assert retention.sweep(services) > 0
    with services.database.read() as db:
        assert db.execute(sa.select(MessageRow.text)).scalars().all() == [""]
        assert member_access.found(db, member_id).erased_at is None
    set_settings.change(services, owner, "privacy.left_days", 30)
    assert retention.sweep(services) == 1
    assert retention.sweep(services) == 0
    with services.database.read() as db:
        assert member_access.found(db, member_id).erased_at is not None
