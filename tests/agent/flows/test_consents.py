"""What members agree to and opt out of is kept, and honoured where something would be sent."""

from datetime import timedelta
from functools import partial
from typing import Any, NoReturn

import pytest
import sqlalchemy as sa

from agent.flows import communities, consents, erasure, intake, member_access, retention
from agent.flows import settings as set_settings
from agent.flows.incoming import IncomingMessage
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.errors import BadInput, Conflict, Forbidden
from core.ids import new_id
from core.vocabulary import CommunityType, ConsentKind, ContactKind, DeliveryState
from store import candidates, cases, member_list, members, privacy
from store.deliveries import DeliveryRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import Database
from tests.agent.flows.test_incidents import complain
from tests.house import House


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
        "退订，谢谢",
        "TD，谢谢您！",
        "我要退订。",
        "请退订！",
        "麻烦退订一下，谢谢",
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
        "退订，谢谢，那本杂志",
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


def test_what_is_answered_is_what_was_noted_and_not_the_newest(services: Services, bot: Caller, owner: Caller) -> None:
    member_id = _say(services, bot, 1, "你好")
    consents.note(services, owner, member_id, ConsentKind.DATA, granted=True, source="门店登记表")
    before = services.clock.now() - timedelta(days=3)
    row = consents.note(services, owner, member_id, ConsentKind.MARKETING, granted=False, source="电话", at=before)
    assert (row.kind, row.granted, row.at) == (ConsentKind.MARKETING, False, before)


@pytest.mark.parametrize("place", ["mama", None])
def test_a_refusal_of_long_ago_takes_back_nothing_they_agreed_to_since(
    services: Services, bot: Caller, owner: Caller, place: str | None
) -> None:
    member_id = _say(services, bot, 1, "你好")
    now, note = services.clock.now(), partial(consents.note, services, owner, member_id)
    note(ConsentKind.MARKETING, granted=True, source="门店登记表", community_id=place, at=now - timedelta(days=1))
    queued = _delivery(services, member_id)

    def state() -> str:
        with services.database.read() as db:
            return db.get_one(DeliveryRow, queued).state

    before: dict[str, Any] = {"granted": False, "source": "去年的登记表", "at": now - timedelta(days=2)}
    note(ConsentKind.MARKETING, **before)
    note(ConsentKind.MARKETING, **before, community_id="mama")
    assert state() == "queued"
    note(ConsentKind.DATA, **before)
    assert state() == "cancelled", "they never agreed to that again"


def test_consents_are_noted_for_communities_of_ones_own(house: House) -> None:
    """To opt out everywhere does no harm; to agree everywhere would take back an opt-out of a group that one has
    nothing to do with."""
    member_id, services = house.member_id(), house.services
    values = {"name": "别的群", "type": CommunityType.INTEREST, "channel": "wecom", "parent_id": "root"}
    communities.create(services, house.owner, community_id="other", **values)  # type: ignore[arg-type]
    with services.database.write() as db:
        members.join(db, "other", member_id, db.now)
    admin = house.user("admin", "mama")
    note = partial(consents.note, services, admin, member_id, ConsentKind.MARKETING, source="电话")
    refused: tuple[dict[str, Any], ...] = (
        {"granted": True, "community_id": "other"},
        {"granted": True},
        {"granted": False, "community_id": "nowhere"},
    )
    for said in refused:
        with pytest.raises(Forbidden, match="scope_missing"):
            note(**said)
    assert note(granted=False).community_id is None
    assert note(granted=True, community_id="mama").granted


def test_nothing_is_noted_of_who_was_erased(house: House) -> None:
    member_id, services, owner = house.member_id(), house.services, house.owner
    message_id = house.say("我的电话是13912345678")
    erasure.erase(services, owner, member_id)
    set_settings.change(services, owner, "privacy.notice", "我们收集昵称和发言，用于答疑。", "root")
    for call in (
        lambda: consents.note(services, owner, member_id, ConsentKind.DATA, granted=True, source="小满妈妈说的"),
        lambda: consents.note_shown(services, owner, member_id, "mama", "welcome"),
        lambda: member_access.set_contacts(services, owner, member_id, ContactKind.PHONE, ["13912345678"]),
        lambda: member_access.reveal(services, owner, member_id, ["name"], "小满妈妈要回电"),
        lambda: member_access.reveal_message(services, owner, message_id, "小满妈妈要回电"),
    ):
        with pytest.raises(Conflict, match="member_erased"):
            call()
    with services.database.read() as db:
        assert member_list.consents(db, member_id) == []
        assert privacy.disclosures(db, member_id) == []


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


def _texts(house: House) -> set[str]:
    with house.services.database.read() as db:
        return set(db.execute(sa.select(MessageRow.text)).scalars()) - {""}


# scope: 37
def test_words_that_somebody_still_has_to_decide_on_are_kept(house: House) -> None:
    services = house.services
    drafted = house.ask("有谁知道这款奶瓶的奶嘴怎么换型号吗？")
    flagged = "加微信 abcd1234 领取刷单返现，日赚五百"
    house.say(flagged, "m-2")
    house.work()
    case_id = complain(house, "m1", "米粉打开就发霉了")
    with services.database.write() as db:
        case = cases.get(db, case_id)
        assert case is not None
        cases.attach(db, case_id, [case.message_id])
    unknown = _delivery(services, str(drafted.member_id))
    with services.database.write() as db:
        db.execute(sa.update(DeliveryRow).where(DeliveryRow.id == unknown).values(state=DeliveryState.UNKNOWN))
    set_settings.change(services, house.owner, "privacy.message_days", 30)
    house.clock.advance(days=31)
    before = _texts(house)
    assert len(before) == 3
    retention.sweep(services)
    assert _texts(house) == before
    assert house.delivery(unknown).text == "满减券"


# scope: 37
def test_words_of_what_was_dismissed_or_turned_down_go(house: House) -> None:
    services = house.services
    case_id = complain(house, "m1", "米粉打开就发霉了")
    with services.database.write() as db:
        case = cases.get(db, case_id)
        assert case is not None
        case.state = "dismissed"
        cases.attach(db, case_id, [case.message_id])
        values = {
            "community_id": "mama",
            "kind": "entry",
            "origin": "unanswered",
            "question": "怎么换奶嘴",
            "entry_id": None,
        }
        turned_down = candidates.add(db, **values, created_at=db.now, last_asked_at=db.now)
        candidates.change(db, turned_down, status="rejected")
    set_settings.change(services, house.owner, "privacy.message_days", 30)
    house.clock.advance(days=31)
    retention.sweep(services)
    with services.database.read() as db:
        case, candidate = cases.get(db, case_id), candidates.get(db, turned_down)
    assert case is not None and candidate is not None
    assert (case.quote, case.topic, candidate.question) == ("", None, "")
    assert _texts(house) == set()


# scope: 37
def test_where_nothing_is_too_old_nobody_waits_for_the_sweep(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.say("很久以前说的话", history=True)
    set_settings.change(house.services, house.owner, "privacy.message_days", 30)
    house.clock.advance(days=31)
    assert retention.sweep(house.services) > 0

    def refuse(_database: Database) -> NoReturn:
        pytest.fail("looking for old words held up other writers")

    monkeypatch.setattr(Database, "write", refuse)
    assert retention.sweep(house.services) == 0
