"""A member is erased: nothing of their words stays, in chunks that a kill may interrupt, and a restore honours it."""

from collections.abc import Callable
from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import erasure, events, intake
from agent.flows.incoming import IncomingEvent, IncomingMessage
from agent.services import Services
from core.caller import Caller
from core.errors import NotFound
from core.ids import new_id
from store import clearing, erasure_log, members, personal, privacy
from store.audit import AuditRow
from store.members import MemberIdentityRow, MemberKeyRow, MemberRow, MembershipRow
from store.messages import MessageRow
from store.tables import METADATA

SECRET = "把快递寄到浙江省杭州市西湖区文三路478号3幢502，电话13912345678"


def _say(services: Services, bot: Caller, number: int, text: str, **values: Any) -> str:
    said = {
        "channel": "wecom",
        "community_id": "mama",
        "message_id": f"m-{number}",
        "sender": {"id": "wx-xiaoman", "name": "小满妈妈"},
        "text": text,
        "sent_at": services.clock.now() + timedelta(seconds=number),
    }
    return intake.receive(services, bot, IncomingMessage.model_validate(said | values)).message_id


def _member(services: Services, message_id: str) -> str:
    with services.database.read() as db:
        return str(db.execute(sa.select(MessageRow.member_id).where(MessageRow.id == message_id)).scalar_one())


def _everything(services: Services) -> str:
    """All rows of all tables, the audit too."""
    with services.database.engine.connect() as connection:
        rows = [row for table in METADATA.sorted_tables for row in connection.execute(sa.select(table)).all()]
    return repr(rows)


# scope: 37
def test_nothing_of_their_words_stays_and_the_audit_does(services: Services, bot: Caller, owner: Caller) -> None:
    first = _say(services, bot, 1, SECRET)
    _say(services, bot, 1, "改一下：" + SECRET, revision=1)
    _say(services, bot, 2, "你们客服电话多少？我的微信号是 xiaoman_mama88", conversation="private")
    source = {"type": "join", "event_id": "e-1", "data": {"source": "文三路门店"}}
    joined = {"channel": "wecom", "community_id": "mama", "member": {"id": "wx-xiaoman"}, "at": services.clock.now()}
    with services.database.write() as db:
        members.leave(db, "mama", _member(services, first), db.now)
    events.receive(services, bot, [IncomingEvent.model_validate(source | joined)])
    other = _say(services, bot, 3, "我只是路过", sender={"id": "wx-other", "name": "路人甲"})
    member_id = _member(services, first)
    done = erasure.erase(services, owner, member_id, "小满妈妈本人要求")
    assert done.begun
    text = _everything(services)
    for word in ("快递", "文三路", "客服电话", "小满妈妈", "xiaoman"):
        assert word not in text
    assert "我只是路过" in text
    assert _member(services, other) != member_id
    with services.database.read() as db:
        for table in (MemberKeyRow, MemberIdentityRow):
            assert db.execute(sa.select(sa.func.count()).where(table.member_id == member_id)).scalar_one() == 0
        actions = set(db.execute(sa.select(AuditRow.action).where(AuditRow.object_id == member_id)).scalars())
        assert {"member.erasing", "member.erased"} <= actions
        assert db.get_one(MemberRow, member_id).erased_at is not None


def test_who_writes_again_is_somebody_new(services: Services, bot: Caller, owner: Caller) -> None:
    member_id = _member(services, _say(services, bot, 1, "你好"))
    erasure.erase(services, owner, member_id)
    again = _say(services, bot, 2, "我又来了")
    assert _member(services, again) != member_id
    assert _say(services, bot, 1, "你好") is not None, "a repeat of an old message is known as one"
    with services.database.read() as db:
        assert db.execute(sa.select(MessageRow.text).where(MessageRow.external_id == "m-1")).scalar_one() == ""


def test_what_was_interrupted_is_finished_by_the_sweeper(services: Services, bot: Caller, owner: Caller) -> None:
    member_id = _member(services, _say(services, bot, 1, SECRET))
    noted = services.env.data_dir / erasure_log.FILE
    assert erasure.begin(services.database, owner, member_id, noted, why=erasure.REQUESTED)
    assert not erasure.begin(services.database, owner, member_id, noted, why=erasure.REQUESTED)
    assert "快递" in _everything(services)
    assert erasure.sweep(services) == 1
    assert erasure.sweep(services) == 0
    assert "快递" not in _everything(services)


def test_a_restored_backup_forgets_them_again(services: Services, bot: Caller) -> None:
    member_id = _member(services, _say(services, bot, 1, SECRET))
    log = services.env.data_dir / "noted.log"
    erasure_log.append(log, services.keyring, member_id, services.clock.now())
    assert member_id not in log.read_text()
    assert erasure.apply_log(services.database, log) == 1
    assert erasure.apply_log(services.database, log) == 0
    assert "快递" not in _everything(services)


def test_a_member_that_there_is_not(services: Services, owner: Caller) -> None:
    with pytest.raises(NotFound, match="member_not_found"):
        erasure.erase(services, owner, new_id("mem"))


# scope: 37
def test_ten_thousand_messages_are_cleared_in_slices(services: Services, bot: Caller, owner: Caller) -> None:
    first = _say(services, bot, 1, SECRET)
    member_id = _member(services, first)
    with services.database.write() as db:
        row = db.get_one(MessageRow, first)
        same = {column.name: getattr(row, column.name) for column in MessageRow.__table__.columns}
        rows = [same | {"id": new_id("msg"), "external_id": f"bulk-{n}", "due_at": None} for n in range(10_000)]
        db.execute(sa.insert(MessageRow), rows)
    done = erasure.erase(services, owner, member_id)
    assert done.rows >= 10_001
    with services.database.read() as db:
        left = sa.select(sa.func.count()).select_from(MessageRow).where(MessageRow.text != "")
        assert db.execute(left).scalar_one() == 0
        assert privacy.unfinished(db) == []
    assert clearing.SLICE <= 1_000


@pytest.mark.parametrize("moment", ["_sender", "_turn"])
def test_a_message_that_comes_in_beside_it_keeps_no_words(
    services: Services, bot: Caller, owner: Caller, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    """Whether the erasure comes when the sender was just found or when the message is about to be stored."""
    member_id = _member(services, _say(services, bot, 1, "你好"))
    real: Callable[..., Any] = getattr(intake, moment)
    beside = Thread(target=erasure.erase, args=(services, owner, member_id))

    def met(*args: Any) -> Any:
        found = real(*args)
        if beside.ident is None:
            beside.start()
            beside.join(1)  # or it waits for this message
        return found

    monkeypatch.setattr(intake, moment, met)
    message_id = _say(services, bot, 2, "快递放门口就行")
    beside.join()
    with services.database.read() as db:
        row = db.get_one(MessageRow, message_id)
        assert row.member_id != member_id or row.text == ""
        stay = sa.select(sa.func.count()).where(MembershipRow.member_id == member_id, MembershipRow.left_at.is_(None))
        assert db.execute(stay).scalar_one() == 0


def test_every_column_that_may_hold_words_is_classified() -> None:
    assert personal.unclassified(METADATA) == []
    named = {*personal.CLEARED, *personal.KEPT, *personal.DROPPED}
    assert named <= set(METADATA.tables)
    for table, columns in (*personal.CLEARED.items(), *personal.KEPT.items()):
        assert set(columns) <= set(METADATA.tables[table].columns.keys())
