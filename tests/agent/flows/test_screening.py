"""What was seen around a message speaks in its screening, at the times at which things were said."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import communities as communities_flow
from agent.flows import events, screening
from agent.flows import settings as settings_flow
from agent.flows.incoming import IncomingEvent
from agent.flows.risks import Choice, Ruling, decide
from agent.steps import behaviour
from agent.steps.signs import Sign
from core.errors import BadInput
from core.vocabulary import CommunityType, RiskLabel
from store import risks
from store.messages import MessageRow
from store.risks import RiskItemRow
from tests.house import House

SALE = "欢迎来我直播间看看，今晚八点开播"
AD = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"
LINK_AD = "内部福利群进来领 https://deal.example/abc 手慢无"


def labels(house: House, message_id: str) -> set[str]:
    return {hit["label"] for hit in house.message_row(message_id).risk["labels"]}


def layers(house: House, message_id: str, label: RiskLabel) -> str:
    hits = house.message_row(message_id).risk["labels"]
    return next(str(hit["layer"]) for hit in hits if hit["label"] == label)


def items(house: House) -> list[RiskItemRow]:
    with house.services.database.read() as db:
        return list(db.execute(sa.select(RiskItemRow).order_by(RiskItemRow.id)).scalars())


@pytest.fixture
def noticed(monkeypatch: pytest.MonkeyPatch) -> list[list[tuple[str, str]]]:
    """What behaviour said of each message, (label, key) each, whatever the verdict makes of it."""
    said: list[list[tuple[str, str]]] = []
    real = behaviour.signs

    def signs(*given: Any) -> list[Sign]:
        found = real(*given)
        said.append([(sign.label.value, sign.key) for sign in found])
        return found

    monkeypatch.setattr(behaviour, "signs", signs)
    return said


def by(number: int, **values: Any) -> dict[str, Any]:
    return {"sender": {"id": f"wx-{number}", "name": f"成员{number}"}, **values}


def all_of(house: House, texts: list[str], prefix: str = "m", **values: Any) -> list[str]:
    return [house.say(text, f"{prefix}-{number}", **values) for number, text in enumerate(texts)]


def test_the_same_thing_said_three_times_is_flooding_however_it_is_dressed_up(house: House) -> None:
    # scope: 29
    said = all_of(house, [SALE, SALE + "！！", "欢 迎 来 我 直 播 间 看 看 今 晚 八 点 开 播 🔥🔥"])
    assert [RiskLabel.FLOODING in labels(house, one) for one in said] == [False, False, True]
    assert "behaviour" in layers(house, said[2], RiskLabel.FLOODING)


def test_a_flood_is_one_item_for_a_person_not_one_a_message(house: House) -> None:
    all_of(house, [SALE] * 8)
    assert [row.label_names for row in items(house)] == [",flooding,"]


def test_an_hour_later_the_same_is_no_repetition(house: House) -> None:
    all_of(house, [SALE, SALE])
    house.clock.advance(seconds=3600)
    assert RiskLabel.FLOODING not in labels(house, house.say(SALE, "late"))


def test_the_same_in_three_groups_is_seen_too(house: House) -> None:
    for name in ("a", "b"):
        communities_flow.create(
            house.services,
            house.owner,
            community_id=name,
            name=name,
            type=CommunityType.INTEREST,
            channel="wecom",
            parent_id="root",
        )
    said = [house.say(SALE, f"m-{name}", community_id=name) for name in ("mama", "a", "b")]
    assert RiskLabel.FLOODING in labels(house, said[2])


def test_chatty_people_are_left_alone(house: House) -> None:
    all_of(house, ["哈哈哈"] * 3 + ["哈哈哈哈哈哈"] * 3, "laugh")
    for number in range(20):
        house.say("收到", f"ok-{number}", **by(number))
        house.say("好的收到，谢谢老师", f"thanks-{number}", **by(number))
        lines = "\n".join(f"{n + 1}. 成员{n} {n % 3 + 1}份" for n in range(number + 1))
        house.say(f"#接龙 周六草莓团购\n{lines}", f"list-{number}", **by(number))
    all_of(house, ["请问今天几点发货呀"] * 3, "ask", **by(30))
    photos = {"type": "image", "attachments": [{"kind": "image", "name": "晒图.jpg"}]}
    for number in range(20):
        house.say("", f"photo-{number}", **by(31, **photos))
    assert [hit for row in items(house) for hit in row.labels if "behaviour" in hit["layer"]] == []


def test_fifteen_texts_within_a_minute_are_too_many(house: House) -> None:
    said = all_of(house, [f"第{n}句话" for n in range(15)])
    assert [RiskLabel.FLOODING in labels(house, one) for one in said] == [False] * 14 + [True]


def test_the_same_link_from_four_accounts_is_an_advertisement_unless_staff_said_it_first(house: House) -> None:
    # scope: 29
    said = [house.say(LINK_AD, f"m-{n}", **by(n)) for n in range(4)]
    assert RiskLabel.FLOODING in labels(house, said[3])
    staff: dict[str, Any] = {"sender": {"id": "wx-staff", "role": "staff"}}
    shared = "群规在这里 https://docs.example/rules 请大家看一下"
    house.say(shared, "staff", **staff)
    assert [labels(house, house.say(shared, f"s-{n}", **by(n))) for n in range(6)] == [set()] * 6


def test_a_newcomer_is_known_by_their_joining(house: House, noticed: list[list[tuple[str, str]]]) -> None:
    plain = "这家的面包不错 https://bread.example/shop 推荐"
    joined = {"channel": "wecom", "community_id": "mama", "event_id": "e-1", "type": "join", "at": house.clock.now()}
    event = IncomingEvent.model_validate(joined | {"member": {"id": "wx-new", "name": "新人"}})
    events.receive(house.services, house.bot, [event])
    house.clock.advance(seconds=60)
    house.say(plain, "old", **by(1))
    house.say(plain, "new", sender={"id": "wx-new", "name": "新人"})
    # In a group that has just been connected, whom nobody saw join is not new.
    assert noticed == [[], [("ad_spam", "newcomer")]]


def test_who_was_never_seen_in_a_group_that_was_listened_to_for_long_is_new(house: House) -> None:
    house.clock.advance(seconds=20 * 86_400)
    with house.services.database.read() as db:
        view = screening.screening(db, house.services, "mama")
    assert screening._days_here(None, view, house.clock.now()) == 0.0
    assert screening._days_here(None, view, house.clock.now() - timedelta(days=10)) is None


def test_a_link_that_an_edit_put_in_is_seen(house: House, noticed: list[list[tuple[str, str]]]) -> None:
    house.say("今晚一起看吧", "m-1", **by(1))
    house.say("今晚一起看 https://film.example/x 吧", "m-1", revision=1, **by(1))
    house.say("今晚一起看 https://film.example/x 吧！", "m-1", revision=2, **by(1))
    house.say("", "m-1", revision=3, recalled=True, **by(1))
    assert noticed == [[], [("ad_spam", "edited in")], [], []]


def test_former_offences_speak_on_the_same_label(house: House, noticed: list[list[tuple[str, str]]]) -> None:
    received = house.say(AD, "ad", **by(2))
    with house.services.database.read() as db:
        item = risks.of_message(db, received)
    assert item is not None
    labels = (RiskLabel.AD_SPAM,)
    decide(house.services, house.owner, item.id, Ruling(Choice.CONFIRM, 1, labels=labels), undoable=False)
    house.say("今天天气不错呀", "m-1", **by(2))
    house.say("今天天气不错呀", "m-2", **by(3))
    house.clock.advance(seconds=31 * 86_400)
    house.say("今天天气也不错呀", "m-3", **by(2))
    assert noticed[1:] == [[("ad_spam", "former offences")], [], []]


def test_imported_messages_are_judged_by_their_own_times(house: House) -> None:
    start = house.clock.now() - timedelta(days=30)
    apart = [house.say(SALE, f"day-{n}", history=True, sent_at=start + timedelta(days=n), **by(1)) for n in range(5)]
    dense = [house.say(SALE, f"min-{n}", history=True, sent_at=start + timedelta(minutes=n), **by(2)) for n in range(3)]
    assert [RiskLabel.FLOODING in labels(house, one) for one in apart] == [False] * 5
    assert [RiskLabel.FLOODING in labels(house, one) for one in dense] == [False, False, True]


def test_a_repeat_of_the_same_request_is_no_repetition(house: House) -> None:
    for _ in range(4):
        received = house.say(SALE, "m-1")
    assert labels(house, received) == set()


def test_staff_may_repeat_themselves(house: House) -> None:
    said = all_of(house, [SALE] * 4, sender={"id": "wx-staff", "role": "staff"})
    assert labels(house, said[3]) == set()


def test_a_recalled_message_counts_no_more(house: House) -> None:
    all_of(house, [SALE, SALE])
    house.say("", "m-0", revision=1, recalled=True)
    assert RiskLabel.FLOODING not in labels(house, house.say(SALE, "m-9"))


def test_the_fingerprint_is_a_keyed_hash_and_nothing_for_little(house: House) -> None:
    row = house.message_row(house.say(SALE, "m-1"))
    assert row.fingerprint is not None
    assert len(row.fingerprint) == 64
    assert house.message_row(house.say("哈哈哈哈", "m-2")).fingerprint is None
    house.say("改成别的一句话了", "m-1", revision=1)
    assert house.message_row(row.id).fingerprint != row.fingerprint


def test_a_community_has_rules_of_its_own(house: House) -> None:
    word = "蓝瓶子"
    assert labels(house, house.say(f"可以{word}的找我", "m-1")) == set()
    settings_flow.change(
        house.services, house.owner, "risk.words", [{"word": word, "label": "gray_market"}], community_id="mama"
    )
    house.clock.advance(seconds=10)
    assert RiskLabel.GRAY_MARKET in labels(house, house.say(f"可以{word}的找我呀", "m-2"))
    settings_flow.change(house.services, house.owner, "risk.off", ["gray_market", "self_harm"], community_id="mama")
    house.clock.advance(seconds=10)
    assert RiskLabel.GRAY_MARKET not in labels(house, house.say(f"可以{word}的快找我", "m-3"))
    # Danger to life is looked for whatever is switched off.
    assert RiskLabel.SELF_HARM in labels(house, house.say("我真的不想活了，活着没意思", "m-4"))


def test_limits_are_settings_and_checked(house: House) -> None:
    settings_flow.change(house.services, house.owner, "risk.same_times", 2, community_id="mama")
    said = all_of(house, [SALE, SALE])
    assert RiskLabel.FLOODING in labels(house, said[1])
    for key, value in (
        ("risk.words", [{"word": "x", "label": "nonsense"}]),
        ("risk.thresholds", {"scam": 0}),
        ("risk.off", ["x"]),
    ):
        try:
            settings_flow.change(house.services, house.owner, key, value)
        except BadInput as error:
            assert error.code == "setting_invalid"
        else:
            raise AssertionError(key)


def test_what_is_definite_is_marked_and_not_the_whole_text(house: House) -> None:
    ad = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"
    said = all_of(house, [ad] * 3)
    for hit in house.message_row(said[2]).risk["labels"]:
        if hit["label"] == RiskLabel.AD_SPAM:
            assert [0, len(ad)] not in hit["spans"]


def test_the_index_finds_the_same_text(house: House) -> None:
    with house.services.database.read() as db:
        names = {index["name"] for index in sa.inspect(db.connection()).get_indexes(MessageRow.__tablename__)}
    assert "ix_messages_fingerprint" in names
