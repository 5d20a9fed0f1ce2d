"""Flagged messages become review items; people decide, and only that has an effect."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import communities as communities_flow
from agent.flows import risk_report
from agent.flows import risks as flow
from agent.flows import settings as settings_flow
from agent.flows.risks import Choice, Decided, Ruling
from agent.steps import copy_check
from core.caller import Caller
from core.errors import BadInput, Conflict, Forbidden, ForPeople, NotFound
from core.vocabulary import CommunityType, DeliveryKind, DeliveryState, MessageStage, RiskAction, RiskLabel, RiskStatus
from store import deliveries, risks
from store.audit import AuditRow
from store.deliveries import DeliveryRow
from store.risks import RiskItemRow
from tests.house import ASKS_REFUND, House, in_parallel

AD = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"
SCAM = "我是官方客服，您的账户异常，请先转账到安全账户"
DESPAIR = "我真的不想活了，活着没意思"
UNDO = 10


def flagged(house: House, text: str = AD, message_id: str = "m-1", **values: Any) -> RiskItemRow:
    """The item that this message became."""
    return item_of(house, house.say(text, message_id, **values))


def item_of(house: House, message_id: str) -> RiskItemRow:
    found = maybe_item(house, message_id)
    assert found is not None
    return found


def maybe_item(house: House, message_id: str) -> RiskItemRow | None:
    with house.services.database.read() as db:
        return risks.of_message(db, message_id)


def again(house: House, item: RiskItemRow) -> RiskItemRow:
    return item_of(house, item.message_id)


def confirm(
    house: House, item: RiskItemRow, *, undoable: bool = False, caller: Caller | None = None, **given: Any
) -> Decided:
    ruling = Ruling(Choice.CONFIRM, given.pop("version", item.version), **given)
    return flow.decide(house.services, caller or house.owner, item.id, ruling, undoable=undoable)


def dismiss(house: House, item: RiskItemRow, **given: Any) -> Decided:
    ruling = Ruling(Choice.DISMISS, given.pop("version", item.version), **given)
    return flow.decide(house.services, house.owner, item.id, ruling, undoable=False)


def sent(house: House, item: RiskItemRow) -> list[DeliveryRow]:
    with house.services.database.read() as db:
        return deliveries.of_risks(db, [item.id])[item.id]


def code_of(error: object) -> str:
    assert isinstance(error, ForPeople)
    return error.code


def test_first_ad_is_warned_in_private_with_the_rules_second_muted_third_removed(house: House) -> None:
    # scope: 29
    first = flagged(house)
    assert (first.action, first.offence, first.sends_private, first.sends_rules) == ("warn_private", 1, True, True)
    assert "不发广告" in (first.private_text or "")
    assert house.deliveries() == []  # a flag alone does nothing

    confirm(house, first)
    private, rules = sent(house, first)
    assert (private.kind, rules.kind) == (DeliveryKind.PRIVATE, DeliveryKind.ANNOUNCEMENT)
    assert private.member_id == first.member_id
    assert rules.member_id is None

    house.clock.advance(seconds=3600)
    second = flagged(house, AD + "，名额不多", "m-2")
    assert (second.action, second.minutes, second.offence) == ("mute", 60, 2)
    confirm(house, second)
    assert [(row.kind, row.action, row.minutes) for row in sent(house, second)] == [("moderation", "mute", 60)]

    house.clock.advance(seconds=3600)
    third = flagged(house, AD + "，最后一天", "m-3")
    assert (third.action, third.offence) == ("remove", 3)
    confirm(house, third)
    assert [(row.kind, row.action, row.reply_to) for row in sent(house, third)] == [("moderation", "remove", "m-3")]


def test_after_the_window_the_ladder_starts_anew(house: House) -> None:
    # scope: 29
    confirm(house, flagged(house))
    house.clock.advance(seconds=31 * 86_400)
    assert flagged(house, AD, "m-2").offence == 1


def test_offences_count_across_the_groups_of_the_deployment(house: House) -> None:
    # scope: 29
    communities_flow.create(
        house.services,
        house.owner,
        community_id="other",
        name="别的群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    confirm(house, flagged(house))
    assert flagged(house, AD, "m-2", community_id="other").action == "mute"


def test_agreeing_forces_no_penalty_but_counts(house: House) -> None:
    first = flagged(house)
    done = confirm(house, first, action=RiskAction.NONE)
    assert (done.row.status, done.row.taken_action, sent(house, first)) == ("confirmed", "none", [])
    assert flagged(house, AD, "m-2").offence == 2


def test_confirming_one_moves_the_others_of_the_member_up_the_ladder(house: House) -> None:
    first, second = flagged(house), flagged(house, AD + "，速来", "m-2")
    assert (first.action, second.action) == ("warn_private", "warn_private")
    confirm(house, first)
    moved = again(house, second)
    assert (moved.action, moved.version) == ("mute", second.version + 1)
    assert code_of(in_parallel(1, [lambda: confirm(house, second)])[0]) == "risk_changed"


def test_a_false_alarm_leaves_the_ladder_and_later_proposals_follow(house: House) -> None:
    first = flagged(house)
    confirm(house, first)
    second = flagged(house, AD, "m-2")
    assert second.action == "mute"
    dismiss(house, again(house, first))
    assert (again(house, second).action, again(house, second).offence) == ("warn_private", 1)


def test_scam_is_high_and_starts_at_remove(house: House) -> None:
    # scope: 30
    item = flagged(house, SCAM)
    assert (item.level, item.action, item.why, item.rank) == ("high", "remove", "starts_at_remove", 1)
    assert item.labels[0]["label"] == "scam"
    assert item.labels[0]["evidence"]


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("接单了，刷好评返现5元/单，垫付秒结", RiskLabel.FAKE_TRADE),  # scope: 31
        ("出银行卡四件套，全新未用，要的私", RiskLabel.GRAY_MARKET),  # scope: 32
    ],
)
def test_fake_trade_and_gray_market_are_flagged(house: House, text: str, label: RiskLabel) -> None:
    assert label in risks.parted(flagged(house, text).label_names)


def test_an_insult_is_medium_and_a_private_warning_is_proposed(house: House) -> None:
    # scope: 33
    item = flagged(house, "你就是个傻逼，滚出这个群")
    assert ("abuse" in item.label_names, item.level, item.action) == (True, "medium", "warn_private")
    assert "不骂人" in (item.private_text or "")


def test_personal_data_stays_masked_in_the_item_and_what_is_sent(house: House) -> None:
    # scope: 35
    item = flagged(house, "他家住建设路88号3栋2单元501，电话13912345678，大家去找他")
    words: dict[str, Any] = {"private_text": "请不要发别人的电话13912345678哦", "send_private": True}
    with pytest.raises(BadInput, match="copy_blocked"):
        confirm(house, item, **words)
    done = confirm(house, item, override_copy=True, reason="本人的号码", **words)
    private = next(row for row in sent(house, item) if row.kind == "private")
    for text in (str(item.labels), done.row.private_text, private.text):
        assert "13912345678" not in (text or "")
    assert private.original is not None


def test_who_may_not_decide_is_refused_and_strangers_see_nothing(house: House) -> None:
    # scope: 36
    item = flagged(house)
    with pytest.raises(Forbidden):
        confirm(house, item, caller=house.user("auditor"))
    communities_flow.create(
        house.services,
        house.owner,
        community_id="other",
        name="别的群",
        type=CommunityType.INTEREST,
        channel="wecom",
        parent_id="root",
    )
    with pytest.raises(NotFound):
        confirm(house, item, caller=house.user("supervisor", "other"))
    confirm(house, item, caller=house.user("supervisor", "mama"))


def test_of_two_who_decide_at_once_one_wins(house: House) -> None:
    item = flagged(house)
    calls = [lambda: confirm(house, item, action=RiskAction.MUTE), lambda: dismiss(house, item)] * 2
    done = in_parallel(4, calls)
    won = [one for one in done if isinstance(one, Decided)]
    lost = [one for one in done if isinstance(one, Conflict)]
    assert len(won) >= 1
    # A dismissal may follow a confirmation only in the version that it saw, and all saw the first.
    assert (len(won), len(lost)) == (1, 3)
    state = again(house, item)
    assert {one.extra["status"] for one in lost} == {state.status}
    assert len(sent(house, item)) == (1 if state.status == RiskStatus.CONFIRMED else 0)


def test_undo_takes_everything_back_before_it_is_handed_out(house: House) -> None:
    item = flagged(house)
    done = confirm(house, item, undoable=True)
    assert done.undo_seconds == UNDO
    house.clock.advance(seconds=5)
    back = flow.undo(house.services, house.owner, item.id, done.row.version)
    assert (back.row.status, back.row.confirmed, len(back.cancelled)) == ("pending", None, 2)
    assert {row.state for row in sent(house, item)} == {DeliveryState.CANCELLED}
    confirm(house, back.row)
    assert sum(row.state == DeliveryState.QUEUED for row in sent(house, item)) == 2


def test_undo_is_too_late_once_it_may_have_been_handed_out(house: House) -> None:
    item = flagged(house)
    done = confirm(house, item, undoable=True)
    house.clock.advance(seconds=UNDO)
    with pytest.raises(Conflict, match="undo_too_late"):
        flow.undo(house.services, house.owner, item.id, done.row.version)
    assert again(house, item).status == RiskStatus.CONFIRMED


def test_dismissing_tells_what_can_not_be_undone(house: House) -> None:
    item = flagged(house)
    done = confirm(house, item, action=RiskAction.MUTE, minutes=30, send_private=True)
    with house.services.database.write() as db:
        mute = next(row for row in sent(house, item) if row.action == "mute")
        deliveries.move(db, mute.id, frm=("queued",), state="delivered", delivered_at=db.now)
    back = dismiss(house, done.row)
    assert [(row.action, row.minutes) for row in back.not_undone] == [("mute", 30)]
    assert len(back.cancelled) == 1


def test_a_reply_held_back_for_a_false_alarm_is_drafted(wise: House) -> None:
    received = wise.say(f"{ASKS_REFUND}官方客服在吗，先转账的", "m-1")
    item = item_of(wise, received)
    wise.work()
    held = wise.draft_of(received)
    assert held is not None
    assert (held.abstained or {})["reason"] == "risk_hold"

    dismiss(wise, item)
    assert wise.message_row(received).stage == MessageStage.RECEIVED
    wise.work()
    draft = wise.draft_of(received)
    assert draft is not None
    assert draft.id != held.id
    assert (draft.abstained or {}).get("reason") != "risk_hold"
    assert wise.draft_row(held.id).expired == {"reason": "risk_decided"}

    # Taken back, it is held again.
    flow.undo(wise.services, wise.owner, item.id, again(wise, item).version)
    wise.work()
    last = wise.draft_of(received)
    assert last is not None
    assert (last.abstained or {})["reason"] == "risk_hold"


def test_a_held_message_is_released_by_a_false_alarm(house: House) -> None:
    received = house.say(DESPAIR)
    house.work()
    assert house.message_row(received).stage == MessageStage.HELD
    dismiss(house, item_of(house, received))
    house.work()
    assert house.message_row(received).stage == MessageStage.DONE


def test_danger_to_life_is_on_top_alerts_staff_and_never_gets_a_penalty(house: House) -> None:
    communities_flow.create(
        house.services,
        house.owner,
        community_id="staff",
        name="管理群",
        type=CommunityType.SERVICE,
        channel="wecom",
        parent_id="root",
    )
    settings_flow.change(house.services, house.owner, "risk.alert_community", "staff")
    flagged(house, AD, "m-0")
    item = flagged(house, DESPAIR)
    assert (item.level, item.action, item.offence, item.rank) == ("high", "hold_and_alert", None, 0)
    assert item.alerted_at is not None
    (alert,) = house.deliveries()
    assert (alert.kind, alert.community_id, alert.member_id) == (DeliveryKind.ALERT, "staff", None)
    assert "不想活" not in alert.text
    assert "小满" not in alert.text
    assert all(word in (item.private_text or "") for word in ("{member_name}", "12356", "110", "120"))
    with house.services.database.read() as db:
        queue = risks.page(db, statuses=("pending",), communities=None)
    assert queue[0].id == item.id

    for action in (RiskAction.MUTE, RiskAction.REMOVE, RiskAction.WARN_PRIVATE):
        with pytest.raises(BadInput, match="risk_no_penalty"):
            confirm(house, item, action=action)
    confirm(house, item)
    (caring,) = sent(house, item)
    assert caring.kind == DeliveryKind.PRIVATE
    assert flagged(house, AD, "m-9").offence == 1  # no offence


def test_without_an_alert_group_danger_is_only_in_the_console(house: House) -> None:
    item = flagged(house, DESPAIR)
    assert (item.alerted_at, house.deliveries()) == (None, [])


def test_staff_and_bots_are_never_penalised(house: House) -> None:
    staff = flagged(house, AD, sender={"id": "wx-staff", "name": "管理员", "role": "staff"})
    bot = flagged(house, AD, "m-2", sender={"id": "bot", "role": "bot"})
    assert [(row.action, row.why) for row in (staff, bot)] == [("watch", "staff_not_penalised")] * 2
    assert (bot.member_id, bot.private_text) == (None, None)
    with pytest.raises(BadInput, match="risk_no_member"):
        confirm(house, bot, action=RiskAction.REMOVE)


def test_a_recall_withdraws_what_nobody_decided_and_it_stays_as_history(house: House) -> None:
    item = flagged(house)
    house.say("", "m-1", revision=1, recalled=True)
    assert (again(house, item).status, again(house, item).labels) == (RiskStatus.WITHDRAWN, item.labels)
    with pytest.raises(Conflict, match="risk_decided"):
        confirm(house, again(house, item))


def test_a_recall_does_not_take_danger_to_life_off_the_list(house: House) -> None:
    item = flagged(house, DESPAIR)
    house.say("", "m-1", revision=1, recalled=True)
    assert again(house, item).status == RiskStatus.PENDING


def test_an_edit_updates_an_open_item_and_opens_a_decided_one_with_a_new_label(house: House) -> None:
    item = flagged(house)
    house.say(SCAM, "m-1", revision=1)
    edited = again(house, item)
    assert (edited.id, edited.version, edited.revision, edited.action) == (item.id, 2, 1, "remove")
    with pytest.raises(Conflict, match="risk_changed"):
        confirm(house, item)
    confirm(house, edited)

    house.say(SCAM + "。", "m-1", revision=2)
    assert again(house, item).status == RiskStatus.CONFIRMED
    house.say("你就是个傻逼，滚出这个群", "m-1", revision=3)
    assert (again(house, item).status, again(house, item).confirmed) == (RiskStatus.PENDING, None)


def test_an_edit_that_leaves_nothing_withdraws_the_item(house: House) -> None:
    item = flagged(house)
    house.say("大家早上好", "m-1", revision=1)
    assert again(house, item).status == RiskStatus.WITHDRAWN
    house.say(AD, "m-1", revision=2)
    assert again(house, item).status == RiskStatus.PENDING


def test_what_was_imported_alerts_nobody_and_waits_at_the_end(house: House) -> None:
    settings_flow.change(house.services, house.owner, "risk.alert_community", "mama")
    old = house.clock.now() - timedelta(days=3)
    item = item_of(house, house.say(DESPAIR, "m-1", history=True, sent_at=old))
    assert (item.rank, item.alerted_at, house.deliveries()) == (3, None, [])


def test_harmless_messages_become_no_item(house: House) -> None:
    assert maybe_item(house, house.say("大家早上好")) is None


def test_a_person_flags_what_was_missed(house: House) -> None:
    missed = house.say("这个课真的绝了，懂的来")
    item = flow.flag(house.services, house.user("answerer"), missed, [RiskLabel.AD_SPAM], "暗广")
    assert (item.origin, item.status, item.action, item.offence) == ("person", "pending", "warn_private", 1)
    with pytest.raises(Conflict, match="risk_exists"):
        flow.flag(house.services, house.owner, missed, [RiskLabel.SCAM], None)
    with pytest.raises(Forbidden):
        flow.flag(house.services, house.bot, missed, [RiskLabel.SCAM], None)
    confirm(house, item)
    with house.services.database.read() as db:
        report = risk_report.figures(db, house.services, None, 30)
    assert [(one.label, one.missed, one.n) for one in report.labels] == [("ad_spam", 1, 0)]


def test_figures_say_how_often_each_label_was_right(house: House) -> None:
    confirm(house, flagged(house, AD, "m-1"))
    dismiss(house, flagged(house, AD, "m-2"))
    confirm(house, flagged(house, AD, "m-3"), labels=(RiskLabel.SCAM,))
    flagged(house, AD, "m-4")
    with house.services.database.read() as db:
        report = risk_report.figures(db, house.services, None, 30)
        rows = list(risk_report.export(db, house.services, None, 30))
    ads = next(one for one in report.labels if one.label == RiskLabel.AD_SPAM)
    assert (ads.confirmed, ads.dismissed, ads.pending, ads.n, ads.precision) == (1, 2, 1, 3, 0.3333)
    assert next(one for one in report.labels if one.label == RiskLabel.SCAM).missed == 1
    assert len(rows) == 3
    assert (report.total.confirmed, report.total.dismissed) == (2, 1)


def test_wrong_fields_are_refused_and_change_nothing(house: House) -> None:
    item = flagged(house)
    wrong: list[tuple[str, dict[str, Any]]] = [
        ("minutes_not_expected", {"minutes": 5}),
        ("slot_unfilled", {"private_text": "您好{phone}"}),
        ("text_too_long", {"private_text": "长" * 4001}),
        ("rules_name_member", {"rules_text": "小满妈妈请不要发广告"}),
        ("text_missing", {"action": RiskAction.WATCH, "send_private": True}),
    ]
    for code, given in wrong:
        with pytest.raises(BadInput, match=code):
            confirm(house, item, **given)
    with pytest.raises(BadInput, match="risk_fields_not_expected"):
        dismiss(house, item, action=RiskAction.MUTE)
    assert (again(house, item).status, house.deliveries()) == (RiskStatus.PENDING, [])


def test_our_own_words_pass_the_copy_check(house: House) -> None:
    for number, text in enumerate((AD, SCAM, DESPAIR, "你就是个傻逼，滚出这个群", "出银行卡四件套，全新未用，要的私")):
        item = flagged(house, text, f"m-{number}", sender={"id": f"wx-{number}"})
        for words in (item.private_text, item.rules_text):
            assert copy_check.blocking(copy_check.check(words or "", []), typed=True) == []


def test_typed_promises_are_stopped_by_the_copy_check(house: House) -> None:
    item = flagged(house)
    with pytest.raises(BadInput, match="copy_blocked"):
        confirm(house, item, rules_text="本群全网最低价，保证一个月瘦20斤，请大家守规矩")
    with pytest.raises(BadInput, match="reason_missing"):
        confirm(house, item, rules_text="本群全网最低价，请大家守规矩", override_copy=True)
    assert again(house, item).status == RiskStatus.PENDING


def test_typed_words_are_sent_with_the_name_as_a_slot_and_another_action_gets_its_own_words(house: House) -> None:
    item = flagged(house)
    done = confirm(house, item, private_text="小满妈妈，别再发广告啦", send_rules=False)
    (private,) = sent(house, item)
    assert (private.text, private.ai_generated) == ("{member_name}，别再发广告啦", False)
    assert done.row.private_text == "{member_name}，别再发广告啦"

    other = flagged(house, AD, "m-2", sender={"id": "wx-2", "name": "阿紫"})
    confirm(house, other, action=RiskAction.MUTE, minutes=15, send_private=True)
    private = next(row for row in sent(house, other) if row.kind == "private")
    assert "休息15分钟" in private.text


def test_every_step_is_in_the_audit_without_words(house: House) -> None:
    item = flagged(house)
    done = confirm(house, item, undoable=True, reason="明显广告")
    flow.undo(house.services, house.owner, item.id, done.row.version)
    dismiss(house, again(house, item))
    with house.services.database.read() as db:
        rows = list(
            db.execute(sa.select(AuditRow).where(AuditRow.object_id == item.id).order_by(AuditRow.number)).scalars()
        )
    assert [row.action for row in rows] == ["risk.confirmed", "risk.undone", "risk.dismissed"]
    assert all("广告" not in str(row.details) and "兼职" not in str(row.details) for row in rows)


def test_the_steps_of_the_ladder_are_settings(house: House) -> None:
    settings_flow.change(house.services, house.owner, "risk.ladder_steps", ["mute", "remove"])
    settings_flow.change(house.services, house.owner, "risk.mute_minutes", 5, community_id="mama")
    settings_flow.change(house.services, house.owner, "risk.remove_at_once", [])
    assert (flagged(house).action, flagged(house, AD, "m-2").minutes) == ("mute", 5)
    assert flagged(house, SCAM, "m-3", sender={"id": "wx-3"}).action == "mute"


def test_decisions_on_several_items_of_a_member_and_edits_at_once_never_wait_for_each_other(house: House) -> None:
    items = [flagged(house, f"{AD}，第{n}期", f"m-{n}") for n in range(6)]
    calls: list[Callable[[], object]] = [partial(dismiss, house, one) for one in items[:3]]
    calls += [partial(confirm, house, one) for one in items[3:]]
    calls += [partial(house.say, f"{SCAM}{n}", f"m-{n}", revision=1) for n in range(6)]
    calls += [partial(house.say, f"{AD}，再来{n}", f"new-{n}") for n in range(3)]
    done = in_parallel(6, calls[::2] + calls[1::2])
    failed = {code_of(one) for one in done if isinstance(one, Exception)}
    assert failed <= {"risk_changed", "risk_decided"}
    for one in items:
        assert again(house, one).revision == 1
