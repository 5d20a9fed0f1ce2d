"""Settings that are rows: what an operator may change while it runs, per deployment or per community.

A community's value is inherited by its sub-groups. The definitions here are the one place where a key, its type,
its bounds and its default are known; the console, the docs and the checks read them from here.
"""

import math
from dataclasses import dataclass
from datetime import date
from typing import Annotated, Any, Generic, Literal, NotRequired, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError, with_config
from typing_extensions import TypedDict  # pydantic wants this one below Python 3.12

from core import office_hours
from core.errors import BadInput
from core.vocabulary import ComplaintCategory, Department, RiskLabel, Severity

T = TypeVar("T")
Scope = Literal["deployment", "community"]


@dataclass(frozen=True, slots=True)
class Tunable(Generic[T]):
    """One setting. `scope` community means: may differ per community, and the deployment's value is the root's."""

    key: str
    type: Any
    default: T
    scope: Scope
    doc: str
    minimum: float | None = None
    maximum: float | None = None

    def check(self, value: object) -> T:
        """The value in its type. Raises `BadInput` `setting_invalid` naming the key and what is allowed."""
        try:
            checked: T = TypeAdapter(self.type).validate_python(value, strict=isinstance(value, str))
        except ValidationError as error:
            raise BadInput("setting_invalid", key=self.key, why=error.errors()[0]["msg"]) from None
        if isinstance(checked, int | float) and not isinstance(checked, bool):
            if not math.isfinite(checked):
                raise BadInput("setting_invalid", key=self.key, why="not finite")
            low = self.minimum is not None and checked < self.minimum
            high = self.maximum is not None and checked > self.maximum
            if low or high:
                raise BadInput("setting_invalid", key=self.key, why=f"{self.minimum} … {self.maximum}")
        return checked


UNDO_SECONDS = Tunable("approvals.undo_seconds", int, 10, "community", "控制台批准后可撤回的秒数", 0, 300)
DELIVERY_HOURS = Tunable("deliveries.expire_hours", int, 24, "community", "批准后多少小时内没发出就作废", 1, 720)
DELIVERY_TRIES = Tunable("deliveries.tries", int, 8, "deployment", "推送失败最多试几次", 1, 20)
WEBHOOK_TIMEOUT = Tunable("deliveries.webhook_timeout_seconds", float, 10.0, "deployment", "推送一次的时限", 1, 60)
LEASE_SECONDS = Tunable("due.lease_seconds", int, 30, "deployment", "一次领取的租期，过期由别的进程接手", 5, 600)
DUE_TRIES = Tunable("due.tries", int, 5, "deployment", "一件到期的事出错后最多试几次", 1, 50)
SESSION_HOURS = Tunable("console.session_hours", int, 12, "deployment", "控制台登录多久后要重新登录", 1, 720)
LOGIN_TRIES = Tunable("console.login_tries", int, 5, "deployment", "5 分钟内同一账号最多输错几次", 1, 100)
GATE_THRESHOLD = Tunable("reply.gate_threshold", float | None, None, "community", "作答门槛；空为出厂拟合值", 0, 1)
TONE = Tunable("reply.tone", Literal["professional", "friendly"], "friendly", "community", "草稿语气")
VARIABLES: Tunable[dict[str, str]] = Tunable(
    "reply.variables", dict[str, str], {}, "community", "话术变量的取值，如服务时间、热线"
)
AI_LABEL = Tunable("deliveries.ai_label", bool, True, "community", "发出的草稿是否标明由 AI 辅助生成")
AiMark = Literal["off", "metadata", "suffix"]
AI_MARKS: Tunable[dict[str, AiMark]] = Tunable(
    "deliveries.ai_marks",
    dict[Annotated[str, StringConstraints(min_length=1, max_length=32)], AiMark],
    {},
    "community",
    "各渠道怎样标明 AI 辅助生成：不标、标记字段、文末加一句；没写的渠道按 deliveries.ai_label 标记或不标",
)
AI_SUFFIX = Tunable(
    "deliveries.ai_suffix",
    Annotated[str, StringConstraints(min_length=1, max_length=60)],
    "（AI 辅助生成，已人工审核）",
    "community",
    "文末标明 AI 辅助生成的那句话",
)

BURST_SECONDS = Tunable(
    "inbox.burst_seconds", float, 6.0, "community", "同一成员停顿多少秒后才算说完（连发合并）", 0, 60
)
BURST_MOST_SECONDS = Tunable("inbox.burst_most_seconds", float, 15.0, "community", "连发合并最多等多少秒", 0, 300)
CONTEXT_MINUTES = Tunable("inbox.context_minutes", int, 30, "community", "理解指代时最多往回看多少分钟", 1, 1440)
STALE_MINUTES = Tunable(
    "inbox.stale_minutes", int, 1440, "community", "没人处理、群里又聊了很多的草稿，多少分钟后算话题已过", 5, 10_080
)
CASCADE = Tunable("model.cascade", bool, True, "deployment", "只在内置引擎没把握时才问模型；关掉则每条草稿都问")
CONTROL_SHARE = Tunable("campaigns.control_share", float, 0.1, "community", "活动对照组比例", 0, 0.5)
CAMPAIGN_CAP_DAYS = Tunable("campaigns.cap_days", int, 7, "community", "同一成员多少天内最多收一次活动消息", 0, 90)
CAMPAIGN_MOST = Tunable(
    "campaigns.most_members", int, 2_000, "community", "一次活动最多触达多少人（渠道上限）", 1, 1_000_000
)
QUIET_HOURS = Tunable("campaigns.quiet_hours", str, "21:00-09:00", "community", "免打扰时段，不发活动消息")
CANDIDATE_LEAST = Tunable(
    "knowledge.candidate_least", int, 2, "deployment", "同一个没答上的问题有几条才列为候选", 1, 100
)
STALE_DAYS = Tunable("knowledge.stale_days", int, 14, "deployment", "条目还有多少天到期就列出来", 0, 365)
REVIEW_DAYS = Tunable("knowledge.review_days", int, 180, "deployment", "条目在用、却多少天没改过就列出来复查", 1, 3_650)
CHECK_DAYS = Tunable(
    "knowledge.check_days", int, 7, "deployment", "每隔多少天自查一遍条目和话术的措辞；0 为不查", 0, 365
)
ACTIVITY_NEW_DAYS = Tunable("activity.new_days", int, 14, "deployment", "入群多少天内算新人", 0, 365)
ACTIVITY_LAPSED_DAYS = Tunable(
    "activity.lapsed_days", int, 30, "deployment", "多少整天没有活动算流失；也是统计发言和活跃天数的窗口", 1, 365
)
ACTIVITY_DORMANT_DAYS = Tunable("activity.dormant_days", int, 90, "deployment", "多少整天没有活动算沉睡", 1, 3_650)
ACTIVITY_CORE_DAYS = Tunable("activity.core_days", int, 12, "deployment", "核心成员在窗口内至少活跃几天", 1, 365)
ACTIVITY_CORE_MESSAGES = Tunable(
    "activity.core_messages", int, 20, "deployment", "核心成员在窗口内至少发言几条", 1, 10_000
)

Penalty = Literal["watch", "restate_rules", "warn_private", "mute", "remove"]
_Share = Annotated[float, Field(ge=0.05, le=1)]
_Word = Annotated[str, StringConstraints(min_length=1, max_length=40, strip_whitespace=True)]
LADDER_DAYS = Tunable("risk.ladder_days", int, 30, "deployment", "处罚阶梯往回看多少天的违规", 1, 365)
LADDER_STEPS: Tunable[list[Penalty]] = Tunable(
    "risk.ladder_steps",
    Annotated[list[Penalty], Field(min_length=1, max_length=6)],
    ["warn_private", "mute", "remove"],
    "community",
    "第一次、第二次……违规各建议什么",
)
LADDER_WORST: Tunable[list[str]] = Tunable(
    "risk.remove_at_once",
    list[RiskLabel],
    ["scam", "porn", "gambling", "gray_market"],
    "community",
    "哪些风险一次就建议移出",
)
MUTE_MINUTES = Tunable("risk.mute_minutes", int, 60, "community", "建议禁言多少分钟", 1, 43_200)
ALERT_COMMUNITY = Tunable(
    "risk.alert_community", Annotated[str, Field(max_length=40)], "", "community", "警报发到哪个管理群；空为只在控制台"
)
SAME_TIMES = Tunable("risk.same_times", int, 3, "community", "同一成员把同样的话说到第几遍算刷屏", 2, 100)
SAME_MINUTES = Tunable("risk.same_minutes", int, 30, "community", "在多少分钟内说的算同样的话", 1, 1_440)
CROWD_MEMBERS = Tunable("risk.crowd_members", int, 4, "community", "几个成员发同样的链接或长文算群发广告", 2, 1_000)
CROWD_MINUTES = Tunable("risk.crowd_minutes", int, 15, "community", "几个成员在多少分钟内发的才算", 1, 1_440)
VOLUME_MESSAGES = Tunable("risk.volume_messages", int, 15, "community", "一个成员连发多少条文字算刷屏", 3, 1_000)
VOLUME_SECONDS = Tunable("risk.volume_seconds", int, 60, "community", "在多少秒内连发的算", 5, 3_600)


@with_config(ConfigDict(extra="forbid"))
class RiskWord(TypedDict):
    """A word that speaks for a label; without a `weight` it is enough alone."""

    word: _Word
    label: RiskLabel
    weight: NotRequired[Annotated[float, Field(ge=0.1, le=1)]]


RISK_WORDS: Tunable[list[RiskWord]] = Tunable(
    "risk.words",
    Annotated[list[RiskWord], Field(max_length=500)],
    [],
    "community",
    "本群另加的风险词：词、风险类别、分量；上级的一并有效",
)
RISK_ALLOWED: Tunable[list[str]] = Tunable(
    "risk.allowed",
    Annotated[list[_Word], Field(max_length=500)],
    [],
    "community",
    "本群里没问题的说法，不算风险；上级的一并有效",
)
RISK_OFF: Tunable[list[str] | None] = Tunable(
    "risk.off", list[RiskLabel] | None, None, "community", "本群不查哪些风险，空为沿用上级；自伤求助总是要查"
)
RISK_THRESHOLDS: Tunable[dict[str, float]] = Tunable(
    "risk.thresholds",
    dict[RiskLabel, _Share],
    {},
    "community",
    "本群各类风险从多少分起算，没写的沿用上级；自伤求助不能调高",
)
HEAT_MINUTES = Tunable("risk.heat_minutes", int, 60, "community", "群情警报看最近多少分钟", 5, 1_440)
HEAT_DAYS = Tunable("risk.heat_days", int, 14, "community", "群情警报和最近多少天的平常比", 1, 90)
HEAT_LEAST = Tunable("risk.heat_least", int, 10, "community", "至少有多少条成员消息才报群情", 1, 10_000)
HEAT_SHARE = Tunable("risk.heat_share", float, 0.3, "community", "负面占比至少到多少才报群情", 0.01, 1)
HEAT_FACTOR = Tunable("risk.heat_factor", float, 3.0, "community", "负面占比是平常的多少倍才报群情", 1, 100)


def _shift(text: str) -> str:
    office_hours.parse(text)
    return text


def _opens(week: dict[str, list[str]]) -> dict[str, list[str]]:
    if not office_hours.ever_opens(week):
        raise ValueError("a week without any opening")
    return week


def _day(text: str) -> str:
    date.fromisoformat(text)
    return text


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, OSError):
        raise ValueError("no zone of the IANA database") from None
    return name


_Shifts = Annotated[list[Annotated[str, AfterValidator(_shift)]], Field(max_length=6)]
_Date = Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\d$"), AfterValidator(_day)]
_Ladder = Annotated[
    list[Annotated[str, StringConstraints(min_length=1, max_length=40)]], Field(min_length=1, max_length=8)
]
DayKey = Literal["daily", "workday", "restday", "mon", "tue", "wed", "thu", "fri", "sat", "sun"]
CLOCK_ZONE = Tunable(
    "clocks.zone",
    Annotated[str, StringConstraints(min_length=1, max_length=64), AfterValidator(_zone)],
    "Asia/Shanghai",
    "deployment",
    "营业时间和值班表按哪个时区",
)
CLOCK_HOURS: Tunable[dict[DayKey, list[str]]] = Tunable(
    "clocks.hours",
    Annotated[dict[DayKey, _Shifts], AfterValidator(_opens)],
    {"daily": ["09:00-21:00"]},
    "community",
    "营业时间：每天 daily、工作日 workday、休息日 restday 或 mon…sun，各有几段 HH:MM-HH:MM，可跨零点",
)
CLOCK_HOLIDAYS: Tunable[Literal["open", "closed"]] = Tunable(
    "clocks.holidays",
    Literal["open", "closed"],
    "open",
    "community",
    "法定节假日：照常，或休息（调休的周末算工作日）",
)
CLOCK_CLOSED: Tunable[list[str]] = Tunable(
    "clocks.closed_dates",
    Annotated[list[_Date], Field(max_length=400)],
    [],
    "community",
    "另外哪几天休息，YYYY-MM-DD",
)
CLOCK_OPENED: Tunable[dict[str, list[str]]] = Tunable(
    "clocks.open_dates",
    Annotated[dict[_Date, _Shifts], Field(max_length=400)],
    {},
    "community",
    "哪几天另有营业时间，不管节假日和休息：YYYY-MM-DD 和几段 HH:MM-HH:MM",
)
QUESTION_CLOCK = Tunable("clocks.question_on", bool, True, "community", "群里的提问要不要计时")
QUESTION_MINUTES = Tunable("clocks.question_minutes", int, 5, "community", "群里的提问多少分钟内要有人答", 1, 10_080)
QUESTION_WARN = Tunable("clocks.question_warn_minutes", int, 4, "community", "到第几分钟提醒；0 为不提醒", 0, 10_080)
QUESTION_STEP = Tunable(
    "clocks.question_escalate_minutes", int, 5, "community", "超时后每隔多少分钟再往上报一级；0 为不再报", 0, 10_080
)
QUESTION_LADDER: Tunable[list[str]] = Tunable(
    "clocks.question_ladder",
    _Ladder,
    ["answerer", "service", "supervisor", "admin", "owner"],
    "community",
    "提问超时依次报给哪些角色，没有人的角色跳过",
)
COMPLAINT_CLOCK = Tunable("clocks.complaint_on", bool, True, "community", "客诉要不要计时")
COMPLAINT_MINUTES = Tunable("clocks.complaint_minutes", int, 30, "community", "客诉多少分钟内要初步回应", 1, 10_080)
COMPLAINT_WARN = Tunable("clocks.complaint_warn_minutes", int, 25, "community", "到第几分钟提醒；0 为不提醒", 0, 10_080)
COMPLAINT_STEP = Tunable(
    "clocks.complaint_escalate_minutes", int, 15, "community", "超时后每隔多少分钟再往上报一级；0 为不再报", 0, 10_080
)
COMPLAINT_LADDER: Tunable[list[str]] = Tunable(
    "clocks.complaint_ladder",
    _Ladder,
    ["service", "supervisor", "admin", "owner"],
    "community",
    "客诉超时依次报给哪些角色，没有人的角色跳过",
)

_Fen = Annotated[int, Field(ge=0, le=10_000_000)]
_Contact = Annotated[str, StringConstraints(min_length=1, max_length=40)]


@with_config(ConfigDict(extra="forbid"))
class Limit(TypedDict):
    """The most that may be offered without a manager: `cents` in fen, `points` where it is points."""

    cents: _Fen
    points: _Fen


COMPLAINT_JOIN_HOURS = Tunable(
    "complaints.join_hours", int, 72, "community", "同一成员同一件事多少小时内再投诉并进原工单", 1, 8_760
)
COMPLAINT_REOPEN_DAYS = Tunable(
    "complaints.reopen_days", int, 14, "community", "有结果或结案后多少天内同一件事再投诉就重新打开", 0, 365
)
COMPLAINT_ANSWER_HOURS = Tunable(
    "complaints.answer_hours", int, 72, "community", "告知结果后多少营业小时没有回音才算没有回音", 1, 1_000
)
COMPLAINT_LIMITS: Tunable[dict[str, Limit]] = Tunable(
    "complaints.limits",
    dict[Severity, Limit],
    {
        "low": {"cents": 1_000, "points": 100},
        "medium": {"cents": 3_000, "points": 300},
        "high": {"cents": 10_000, "points": 1_000},
        "critical": {"cents": 0, "points": 0},
    },
    "community",
    "不用经理批的补偿上限，按轻重：多少分钱、多少积分；没写的都要经理批",
)
COMPLAINT_ROUTES: Tunable[dict[str, str]] = Tunable(
    "complaints.routes",
    dict[ComplaintCategory, Department],
    {
        "product_quality": "product",
        "logistics": "logistics",
        "price_promotion": "marketing",
        "false_advertising": "marketing",
    },
    "community",
    "哪类客诉转哪个部门，没写的转客服",
)
COMPLAINT_CONTACTS: Tunable[dict[str, list[str]]] = Tunable(
    "complaints.contacts",
    dict[Department, Annotated[list[_Contact], Field(max_length=20)]],
    {},
    "community",
    "各部门的联系人：用户的登录名或 id，或管理群的社群 id（消息发到群里）",
)

PRIVACY_NOTICE = Tunable(
    "privacy.notice",
    Annotated[str, StringConstraints(max_length=4_000)],
    "",
    "community",
    "给成员看的个人信息告知：收集什么、作什么用、怎样查看和删除；空为没有",
)
PRIVACY_MESSAGE_DAYS = Tunable(
    "privacy.message_days", int, 0, "deployment", "消息、草稿、投递的文字保留多少天，过期清空；0 为一直保留", 0, 36_500
)
PRIVACY_LEFT_DAYS = Tunable(
    "privacy.left_days", int, 0, "deployment", "成员退出所有群多少天后自动删除；0 为不自动删除", 0, 36_500
)

INCIDENT_MEMBERS = Tunable("incidents.members", int, 3, "community", "几位不同成员投诉同一件事就算群体性事件", 2, 1_000)
INCIDENT_MINUTES = Tunable("incidents.minutes", int, 30, "community", "在多少分钟内投诉的才算同一起", 1, 1_440)
SUGGESTION_DEPARTMENT = Tunable(
    "suggestions.department",
    Literal["", "service", "product", "logistics", "marketing"],
    "product",
    "community",
    "成员的建议转给哪个部门；空为等人来转",
)
SURVEY_DAYS = Tunable("surveys.link_days", int, 7, "community", "满意度链接几天内有效", 1, 90)
SURVEY_ADDRESS = Tunable(
    "surveys.address",
    Annotated[str, StringConstraints(max_length=200, pattern=r"^(https?://[^\s/?#]+(/[^\s?#]*)?)?$")],
    "",
    "deployment",
    "成员打开满意度链接用的网址，如 https://qunzhu.example.com；空为请成员直接回复数字",
)

ALL: dict[str, Tunable[Any]] = {
    tunable.key: tunable
    for tunable in (
        UNDO_SECONDS,
        DELIVERY_HOURS,
        DELIVERY_TRIES,
        WEBHOOK_TIMEOUT,
        LEASE_SECONDS,
        DUE_TRIES,
        SESSION_HOURS,
        LOGIN_TRIES,
        GATE_THRESHOLD,
        TONE,
        VARIABLES,
        AI_LABEL,
        AI_MARKS,
        AI_SUFFIX,
        BURST_SECONDS,
        BURST_MOST_SECONDS,
        CONTEXT_MINUTES,
        STALE_MINUTES,
        CASCADE,
        CONTROL_SHARE,
        CAMPAIGN_CAP_DAYS,
        CAMPAIGN_MOST,
        QUIET_HOURS,
        CANDIDATE_LEAST,
        STALE_DAYS,
        REVIEW_DAYS,
        CHECK_DAYS,
        ACTIVITY_NEW_DAYS,
        ACTIVITY_LAPSED_DAYS,
        ACTIVITY_DORMANT_DAYS,
        ACTIVITY_CORE_DAYS,
        ACTIVITY_CORE_MESSAGES,
        LADDER_DAYS,
        LADDER_STEPS,
        LADDER_WORST,
        MUTE_MINUTES,
        ALERT_COMMUNITY,
        SAME_TIMES,
        SAME_MINUTES,
        CROWD_MEMBERS,
        CROWD_MINUTES,
        VOLUME_MESSAGES,
        VOLUME_SECONDS,
        RISK_WORDS,
        RISK_ALLOWED,
        RISK_OFF,
        RISK_THRESHOLDS,
        HEAT_MINUTES,
        HEAT_DAYS,
        HEAT_LEAST,
        HEAT_SHARE,
        HEAT_FACTOR,
        PRIVACY_NOTICE,
        PRIVACY_MESSAGE_DAYS,
        PRIVACY_LEFT_DAYS,
        CLOCK_ZONE,
        CLOCK_HOURS,
        CLOCK_HOLIDAYS,
        CLOCK_CLOSED,
        CLOCK_OPENED,
        QUESTION_CLOCK,
        QUESTION_MINUTES,
        QUESTION_WARN,
        QUESTION_STEP,
        QUESTION_LADDER,
        COMPLAINT_CLOCK,
        COMPLAINT_MINUTES,
        COMPLAINT_WARN,
        COMPLAINT_STEP,
        COMPLAINT_LADDER,
        COMPLAINT_JOIN_HOURS,
        COMPLAINT_REOPEN_DAYS,
        COMPLAINT_ANSWER_HOURS,
        COMPLAINT_LIMITS,
        COMPLAINT_ROUTES,
        COMPLAINT_CONTACTS,
        INCIDENT_MEMBERS,
        INCIDENT_MINUTES,
        SUGGESTION_DEPARTMENT,
        SURVEY_DAYS,
        SURVEY_ADDRESS,
    )
}


def tunable(key: str) -> Tunable[Any]:
    """The definition of `key`. Raises `BadInput` `setting_unknown`."""
    if key not in ALL:
        raise BadInput("setting_unknown", key=key)
    return ALL[key]
