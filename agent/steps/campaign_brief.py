"""Reads a campaign's brief (简报) as far as plain words go: who, what for, what with, when. What it can't do it says in
`gaps`, never by a silent guess. The brief is text of a person: it sets no scope and no effect."""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Final, Literal, NamedTuple

from agent.steps import campaign_audience, campaign_time
from agent.steps.campaign_audience import Audience
from agent.steps.campaign_names import Community as Community
from agent.steps.campaign_names import Known as Known
from core import segments as tree
from core.text import normalize
from core.vocabulary import Activity, Scene

Gap = Literal["value", "tag", "audience", "community", "offer", "send_past", "send_unread"]
_GOALS: Final = (
    ("repurchase_rate", r"复购|回购|再买|第二单"),
    ("gmv", r"gmv|销售额|业绩|营业额|成交额|卖货额"),
    ("aov", r"客单价?|凑单"),
    ("renewal_rate", r"续费|续卡|续期"),
    ("churn_rate", r"(降低|减少|压低|控制)[^,。;!?]{0,6}流失|流失率|防流失"),
    ("retention_d30", r"留存"),
    ("registration_rate", r"报名|注册|预约"),
    ("participation_rate", r"参加|参与|到场|到店|打卡|签到|接龙|投票|出席|来(听|看|玩)|沙龙|讲座"),
    ("completion_rate", r"看完|完播"),
    ("invites", r"拉新|邀请|裂变|老带新|转介绍"),
    ("shares", r"分享|转发"),
    ("points_redeemed", r"(积分)?兑换|花掉积分"),
    ("csat", r"满意度|回访"),
    ("nps", r"nps|推荐意愿"),
    ("open_rate", r"打开率|阅读"),
    ("click_rate", r"点击"),
    (
        "purchase_conversion",
        r"下单|转化|成交|购买|首单|用券|买|券|满\d+减|折|(?<!不带)(?<!不做)(?<!不搞)促销|优惠|清仓|冲量|秒杀|拼团",
    ),
    ("interaction_rate", r"互动|发言|说话|聊|活跃|冒泡|盘活|破冰|唤醒|激活|召回|回流|回来|问候|潜水|沉默"),
)
_AIM: Final = re.compile(r"目标|为了|提高|提升|拉高|拉动|冲|增加|促进|带动|希望|想让|争取|kpi")
_SCENES: Final = (
    (Scene.BIRTHDAY, r"生日"),
    (
        Scene.WAKE_UP,
        r"唤醒|沉睡|流失|好久没|很久没|召回|激活|回流|没来|潜水|沉默|没(怎么)?(说话|发言|冒泡|下单)|不活跃|休眠|拉回|盘活",
    ),
    (Scene.CHECK_IN, r"打卡|签到"),
    (Scene.WELCOME, r"新人|欢迎|新成员|刚(入|进)群"),
    (Scene.PRODUCT_INTRO, r"新品|上新|产品介绍|种草"),
    (Scene.GREETING, r"早安|晚安|早上好|问候|节日祝福|降温|换季"),
)
_OFF: Final = re.compile(r"满(\d+)元?(?:立)?减(\d+)元?(?:的?(?:优惠)?券)?")
_COUPON: Final = re.compile(r"(\d+(?:\.\d+)?)(?:元|块)(?:钱)?的?(?:无门槛)?(?:的)?(?:优惠|现金|代金|抵扣)?(?:券|红包)")
_RATE_OFF: Final = re.compile(r"([\d.]+|[一二三四五六七八九]{1,2})折(?:券|优惠)?")
_POINTS: Final = re.compile(r"(\d+)个?(?:积分|禾豆)")
# Words before the gift that are a verb or a greeting belong to the sentence, not to the gift.
_GIFT: Final = re.compile(
    r"(?:送|赠送?|领|发)(?:一?[份个张本套])?"
    r"((?:[^,。;!? *送赠领发请来给欢迎]{0,8}?)(?:小样|试用装|礼包|小礼品|小礼物|礼物|绘本|赠品|样品))"
)
_GIVEN: Final = re.compile(r"(?:送|赠|领)[^,。;!?]{0,8}(?:小样|试用装|礼包|小礼品|礼物|绘本|赠品|样品|福利|奖品)")
_UNCLEAN: Final = re.compile(
    r"[*,。;!?\s]|\d(?![\d.]*[片包份个件张袋盒本支瓶罐套元块折减券积禾豆次%])|请|欢迎|来|发|推|送|给|通知|今[天晚]|明[天早晚]|昨天|上午|下午|晚上|点[半钟]?"
)
MOST_OFFER: Final = 20
_AHEAD: Final = re.compile(
    r"提前(\d{1,3}|[一二两三四五六七八九十半]{1,3})?个?(多)?(天|周|星期|礼拜|月|小时|分钟|钟头)|(提前|到时候?再)(发|推|通知|提醒)"
)
_BUDGET: Final = re.compile(r"预算(?:是|为|大概|约|不超过|控制在|上限|最多)?(\d+(?:\.\d+)?)(万|千|k|w)?元?")
_SHARE: Final = re.compile(
    r"(?:对照组?|留)(?:出|个|组)?(?:比例)?(\d{1,2})%|(\d{1,2})%(?:的人)?(?:做|当|作)?(?:为)?对照"
)
_CONVERSION: Final = re.compile(r"(?:预计|预估|估计|按)?转化率?(?:是|为|按|约|大概|预计|能到)?(\d+(?:\.\d+)?)%")
_MARGIN: Final = re.compile(r"毛利率?(?:是|为|按|约|大概)?(\d+(?:\.\d+)?)%")
_LIFT: Final = re.compile(r"(?:提升|提高|涨|拉高|拉回|多|增加|降低|减少)(?:到|了|回来)?(\d+(?:\.\d+)?%|\d+个百分点)")


class Offer(NamedTuple):
    """What is given, in yuan. `value` is what one costs at most; None where it can't be told."""

    text: str
    value: float | None
    threshold: float | None
    points: int | None


class Brief(NamedTuple):
    """`wanted_value` and `wanted_tags` are what the brief asks for and no data can tell; `gaps` name that and whatever
    else was not understood, with the word. `unclear` are the parts that name people and were not understood; where
    `said` is False the brief says nobody at all."""

    segment: tree.Node
    activity: tuple[Activity, ...]
    wanted_value: tuple[str, ...]
    wanted_tags: tuple[str, ...]
    goal: str
    lift: str | None
    scene: Scene
    offer: Offer | None
    budget: float | None
    send: campaign_time.Wanted | None
    control_share: float | None
    conversion: float | None
    margin: float | None
    gaps: tuple[tuple[Gap, str], ...]
    said: bool
    unclear: tuple[str, ...]


def read(brief: str, now: datetime, known: Known, *, whole: str | None = None) -> Brief:
    """What the brief says; `now` is aware and in the reporting time zone.

    `whole` is the brief before its refused parts were left out: whom they name is still meant (沉睡老客凌晨三点推一条).
    """
    text, who = normalize(brief).text, normalize(brief if whole is None else whole).text
    audience = campaign_audience.read(who, known, now.date())
    rest = campaign_audience.read(text, known, now.date()).rest
    # A refused time, in the quiet hours, is still the one that is moved.
    send = campaign_time.read(rest, now) or campaign_time.read(audience.rest, now)
    return Brief(
        segment=audience.segment,
        activity=audience.activity,
        wanted_value=audience.value,
        wanted_tags=audience.tags,
        goal=_goal(text),
        lift=found[1] if (found := _LIFT.search(text)) else None,
        scene=next((scene for scene, words in _SCENES if re.search(words, text)), Scene.EVENT_NOTICE),
        offer=_offer(text),
        budget=_budget(text),
        send=send,
        control_share=_share(_SHARE.search(text)),
        conversion=_share(_CONVERSION.search(text)),
        margin=_share(_MARGIN.search(text)),
        gaps=tuple(_gaps(text, audience, send)),
        said=audience.said,
        unclear=audience.unclear,
    )


def _gaps(text: str, audience: Audience, send: campaign_time.Wanted | None) -> Iterator[tuple[Gap, str]]:
    if audience.value:
        yield "value", ""
    for tag in audience.tags:
        yield "tag", tag
    for group in audience.groups:
        yield "community", group
    if not audience.said or audience.unclear:
        yield "audience", "、".join(audience.unclear)
    if send is not None and send.past:
        yield "send_past", send.words
    if match := _AHEAD.search(text):
        yield "send_unread", match[0]
    if _offer(text) is None and (match := _GIVEN.search(text)):
        yield "offer", match[0]


def _goal(text: str) -> str:
    """The metric of the clause that names an aim, else of the whole brief."""
    aims = [clause for clause in re.split(r"[,。;!?]", text) if _AIM.search(clause)]
    for part in (*aims, text):
        for metric, words in _GOALS:
            if re.search(words, part):
                return metric
    return "interaction_rate"


def _offer(text: str) -> Offer | None:
    points = int(match[1]) if (match := _POINTS.search(text)) else None
    if match := _OFF.search(text):
        return Offer(match[0], float(match[2]), float(match[1]), points)
    if match := _COUPON.search(text):
        return Offer(match[0], float(match[1]), None, points)
    for pattern in (_RATE_OFF, _GIFT, _POINTS):
        if match := pattern.search(text):
            words = (match[1] if pattern is _GIFT else match[0]).strip()
            if pattern is _POINTS or clean_offer(words):
                return Offer(words, None, None, points)
    return None


def clean_offer(words: str) -> bool:
    """Whether this can stand in a member's text as what is given: short, and no piece of another sentence in it."""
    return 0 < len(words) <= MOST_OFFER and not _UNCLEAN.search(words)


def _budget(text: str) -> float | None:
    match = _BUDGET.search(text)
    if match is None:
        return None
    return float(match[1]) * {"万": 10_000, "w": 10_000, "千": 1_000, "k": 1_000}.get(match[2] or "", 1)


def _share(match: re.Match[str] | None) -> float | None:
    return float(next(part for part in match.groups() if part)) / 100 if match else None
