"""One word for one thing: the wire values of triage, risk, drafts, deliveries and members.

Values are stable from the first release. Chinese names live in the message catalogues (`core/catalogue.py`).
"""

from enum import StrEnum


class MessageKind(StrEnum):
    """What a member's message is (`triage.kind`)."""

    QUESTION = "question"
    COMPLAINT = "complaint"
    SUGGESTION = "suggestion"
    PRAISE = "praise"
    CHATTER = "chatter"
    NOTICE = "notice"
    OTHER = "other"


class RiskLabel(StrEnum):
    """What a member's message may carry (`risk.labels[].label`); several may hold at once."""

    AD_SPAM = "ad_spam"
    SCAM = "scam"
    FAKE_TRADE = "fake_trade"
    GRAY_MARKET = "gray_market"
    GAMBLING = "gambling"
    PORN = "porn"
    ABUSE = "abuse"
    PRIVACY = "privacy"
    FLOODING = "flooding"
    CRISIS = "crisis"
    SELF_HARM = "self_harm"
    ILLEGAL_POLITICS = "illegal_politics"
    INJECTION = "injection"


class RiskLevel(StrEnum):
    """How bad, in rising order (see `at_least`)."""

    NONE = "none"
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"

    def at_least(self, other: "RiskLevel") -> bool:
        """Whether this level is `other` or worse."""
        order = list(RiskLevel)
        return order.index(self) >= order.index(other)


class RiskAction(StrEnum):
    """What is *proposed*; nothing is done without a person."""

    NONE = "none"
    WATCH = "watch"
    WARN_PRIVATE = "warn_private"
    RESTATE_RULES = "restate_rules"
    MUTE = "mute"
    REMOVE = "remove"
    HOLD_AND_ALERT = "hold_and_alert"


class RiskStatus(StrEnum):
    """Where the review of a flagged message stands. `withdrawn`: nothing was left to decide, since the message was
    recalled or edited before anybody did."""

    PENDING = "pending"
    CONFIRMED = "confirmed"
    DISMISSED = "dismissed"
    WITHDRAWN = "withdrawn"


class RiskOrigin(StrEnum):
    """Who flagged the message."""

    SCREEN = "screen"
    PERSON = "person"


class ModelSays(StrEnum):
    """What a language model made of a message that the screening was unsure of; `failed`: it could not be had, or its
    answer did not count."""

    CONFIRMS = "confirms"
    ADDS = "adds"
    DENIES = "denies"
    FAILED = "failed"


class AlarmStatus(StrEnum):
    """Of a group's mood (群情): open until the share of negative messages fell again."""

    OPEN = "open"
    CLOSED = "closed"


class MessageType(StrEnum):
    TEXT = "text"
    IMAGE = "image"
    FILE = "file"
    VOICE = "voice"
    SYSTEM = "system"


class Conversation(StrEnum):
    GROUP = "group"
    PRIVATE = "private"


class SenderRole(StrEnum):
    MEMBER = "member"
    STAFF = "staff"
    BOT = "bot"


class MessageStage(StrEnum):
    """How far the worker is with a message. `received` is due work; the rest are ends."""

    RECEIVED = "received"
    DONE = "done"
    HELD = "held"
    FAILED = "failed"
    SUPERSEDED = "superseded"


class EventType(StrEnum):
    """What may come in by `POST /v1/events`."""

    JOIN = "join"
    LEAVE = "leave"
    REACTION = "reaction"
    CHECK_IN = "check_in"
    EXPOSURE = "exposure"
    OPEN = "open"
    CLICK = "click"
    VISIT = "visit"
    REGISTER = "register"
    ATTEND = "attend"
    SHARE = "share"
    INVITE = "invite"
    ORDER = "order"
    REFUND = "refund"
    PLAY = "play"
    COMPLETE = "complete"
    RENEW = "renew"
    SURVEY = "survey"


class CommunityType(StrEnum):
    """总群 and the six group types of a matrix (社群矩阵)."""

    ORGANISATION = "organisation"
    KNOWLEDGE = "knowledge"
    FANS = "fans"
    SERVICE = "service"
    PARTNER = "partner"
    INTEREST = "interest"
    PRODUCT = "product"


class EntryKind(StrEnum):
    """`document` is a passage of a longer text (资料), `case` somebody else's story (案例、竞品), which is looked up
    by the team and never quoted to members."""

    FAQ = "faq"
    SCRIPT = "script"
    DOCUMENT = "document"
    CASE = "case"


ANSWERING_KINDS = (EntryKind.FAQ, EntryKind.DOCUMENT)
"""What a reply to a member may be made of."""


class EntryStatus(StrEnum):
    """Only `approved` entries are searched."""

    DRAFT = "draft"
    APPROVED = "approved"
    RETIRED = "retired"


class CandidateKind(StrEnum):
    """What a candidate (候选) of the knowledge base would become: an entry, or one more phrasing of an entry."""

    ENTRY = "entry"
    PHRASING = "phrasing"


class CandidateOrigin(StrEnum):
    """Where a candidate came from: questions that nothing answered, a moderator's pick, a proposal of the model."""

    UNANSWERED = "unanswered"
    PICKED = "picked"
    MODEL = "model"


class CandidateStatus(StrEnum):
    """Only a person moves a candidate out of `open`."""

    OPEN = "open"
    ACCEPTED = "accepted"
    REJECTED = "rejected"


class StaleReason(StrEnum):
    """Why an entry should be looked at again, the most urgent first."""

    RETIRED_BUT_CITED = "retired_but_cited"
    EXPIRED = "expired"
    EXPIRING = "expiring"
    NOT_REVIEWED = "not_reviewed"


class Scene(StrEnum):
    """Where a script (话术) is used."""

    WELCOME = "welcome"
    GREETING = "greeting"
    RULES = "rules"
    EVENT_NOTICE = "event_notice"
    PRODUCT_INTRO = "product_intro"
    ANSWER = "answer"
    COMPLAINT = "complaint"
    CRISIS = "crisis"
    WARNING = "warning"
    ICE_BREAKER = "ice_breaker"
    BIRTHDAY = "birthday"
    CHECK_IN = "check_in"
    WAKE_UP = "wake_up"
    AFTER_SALES = "after_sales"
    ANNOUNCEMENT = "announcement"
    FAREWELL = "farewell"


class Audience(StrEnum):
    ALL = "all"
    NEW = "new"
    OLD = "old"


class Tone(StrEnum):
    PROFESSIONAL = "professional"
    FRIENDLY = "friendly"


class DraftStatus(StrEnum):
    PENDING = "pending"
    ESCALATED = "escalated"
    APPROVED = "approved"
    MODIFIED = "modified"
    REJECTED = "rejected"
    EXPIRED = "expired"


OPEN_DRAFT_STATUSES = (DraftStatus.PENDING, DraftStatus.ESCALATED)


class Decision(StrEnum):
    APPROVE = "approve"
    MODIFY = "modify"
    REJECT = "reject"
    ESCALATE = "escalate"


class Requires(StrEnum):
    MODERATOR = "moderator"
    MANAGER = "manager"


class Engine(StrEnum):
    EMBEDDED = "embedded"
    LLM = "llm"


class Band(StrEnum):
    """Confidence of a draft."""

    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class AbstainedReason(StrEnum):
    """A reply is due, but there is no text; a person sees the item."""

    NO_ANSWER_IN_KB = "no_answer_in_kb"
    RELATED_BUT_NOT_ANSWERING = "related_but_not_answering"
    NEEDS_MEMBER_DATA = "needs_member_data"
    POLICY = "policy"
    RISK_HOLD = "risk_hold"
    STALE_ENTRY = "stale_entry"
    MODEL_UNAVAILABLE = "model_unavailable"


class NoDraftReason(StrEnum):
    """No reply was wanted; nobody sees an item."""

    NOT_A_QUESTION = "not_a_question"
    HUMAN_ANSWERED = "human_answered"
    ASKER_RESOLVED = "asker_resolved"
    ASKER_FOUND_ANSWER = "asker_found_answer"
    BURST_NOT_FINISHED = "burst_not_finished"
    HISTORY = "history"
    NOT_FROM_MEMBER = "not_from_member"


class ExpiredReason(StrEnum):
    CONVERSATION_MOVED_ON = "conversation_moved_on"
    HUMAN_ANSWERED = "human_answered"
    ASKER_RESOLVED = "asker_resolved"
    ASKER_FOUND_ANSWER = "asker_found_answer"
    MESSAGE_RECALLED = "message_recalled"
    MESSAGE_EDITED = "message_edited"
    RISK_DECIDED = "risk_decided"
    MEMBER_ERASED = "member_erased"


class DeliveryKind(StrEnum):
    REPLY = "reply"
    PRIVATE = "private"
    ANNOUNCEMENT = "announcement"
    MODERATION = "moderation"
    CAMPAIGN = "campaign"
    ALERT = "alert"
    PING = "ping"


class DeliveryState(StrEnum):
    QUEUED = "queued"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    UNKNOWN = "unknown"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class ConsentKind(StrEnum):
    """What a member agreed to or opted out of."""

    DATA = "data"
    MARKETING = "marketing"
    PRIVATE_MESSAGE = "private_message"
    INTRODUCTION = "introduction"


class Activity(StrEnum):
    """One of a member's three axes (活跃), evaluated in this order."""

    EXITED = "exited"
    DORMANT = "dormant"
    LAPSED = "lapsed"
    NEW = "new"
    CORE = "core"
    ACTIVE = "active"
    SILENT = "silent"


class CampaignStatus(StrEnum):
    DRAFT = "draft"
    PROPOSED = "proposed"
    AWAITING_SECOND = "awaiting_second"
    APPROVED = "approved"
    REJECTED = "rejected"
    EXPIRED = "expired"
    SCHEDULED = "scheduled"
    RUNNING = "running"
    PAUSED = "paused"
    COMPLETED = "completed"
    CANCELLED = "cancelled"
    FAILED = "failed"


class Arm(StrEnum):
    """Whether a campaign's member gets the message or is only watched."""

    TREATED = "treated"
    CONTROL = "control"


class CopyLabel(StrEnum):
    """What is wrong with a text of our own (`copy.labels`)."""

    ABSOLUTE_CLAIM = "absolute_claim"
    FALSE_PROMISE = "false_promise"
    MEDICAL_CLAIM = "medical_claim"
    FALSE_SCARCITY = "false_scarcity"
    PYRAMID_COMMISSION = "pyramid_commission"
    PRIVACY = "privacy"
    UNSUPPORTED_FACT = "unsupported_fact"
    REWARD_FOR_PRAISE = "reward_for_praise"


class RefusalLabel(StrEnum):
    """Why a part of a campaign's brief was left out (`refusals[].label`)."""

    ABSOLUTE_CLAIM = "absolute_claim"
    FALSE_PROMISE = "false_promise"
    MEDICAL_CLAIM = "medical_claim"
    FALSE_SCARCITY = "false_scarcity"
    PYRAMID_COMMISSION = "pyramid_commission"
    PRIVACY = "privacy"
    UNSUPPORTED_FACT = "unsupported_fact"
    REWARD_FOR_PRAISE = "reward_for_praise"
    BREASTMILK_SUBSTITUTE = "breastmilk_substitute"
    MINORS = "minors"
    OPT_OUT = "opt_out"
    QUIET_HOURS = "quiet_hours"
    FREQUENCY_CAP = "frequency_cap"
    CHANNEL_LIMIT = "channel_limit"
    FAKE_TRADE = "fake_trade"


class ExclusionReason(StrEnum):
    """Why a member of a segment gets no message, in the order in which it is looked at."""

    EXITED = "exited"
    OPT_OUT = "opt_out"
    NO_IDENTITY = "no_identity"
    FREQUENCY_CAP = "frequency_cap"
    CHANNEL_LIMIT = "channel_limit"


class ComplaintCategory(StrEnum):
    """What a complaint is about (`complaint.category`)."""

    PRODUCT_QUALITY = "product_quality"
    LOGISTICS = "logistics"
    REFUND = "refund"
    SERVICE_ATTITUDE = "service_attitude"
    PRICE_PROMOTION = "price_promotion"
    POINTS_ACCOUNT = "points_account"
    FALSE_ADVERTISING = "false_advertising"
    PRIVACY_HARASSMENT = "privacy_harassment"
    COMMUNITY_ORDER = "community_order"
    OTHER = "other"


class Severity(StrEnum):
    """How grave a complaint is, in rising order (see `at_least`). `critical`: safety, legal, regulator, media, a group
    incident."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    def at_least(self, other: "Severity") -> bool:
        """Whether this is as grave as `other` or graver."""
        order = list(Severity)
        return order.index(self) >= order.index(other)


class CaseState(StrEnum):
    """Where a complaint case (客诉工单) stands. A breach is a flag of its clock, no state."""

    NEW = "new"
    ACKNOWLEDGED = "acknowledged"
    MOVED_PRIVATE = "moved_private"
    INVESTIGATING = "investigating"
    RESOLVED = "resolved"
    REOPENED = "reopened"
    CLOSED = "closed"
    DISMISSED = "dismissed"


OPEN_CASE_STATES = (
    CaseState.NEW,
    CaseState.ACKNOWLEDGED,
    CaseState.MOVED_PRIVATE,
    CaseState.INVESTIGATING,
    CaseState.RESOLVED,
    CaseState.REOPENED,
)
"""Somebody still owes the member something; `resolved` waits for their answer."""


class CaseAnswer(StrEnum):
    """What the member said to the result; `no_answer` after 72 business hours."""

    SATISFIED = "satisfied"
    UNSATISFIED = "unsatisfied"
    NO_ANSWER = "no_answer"


class ClockKind(StrEnum):
    """The two reply clocks (响应时钟)."""

    GROUP_QUESTION = "group_question"
    COMPLAINT = "complaint"


class ClockMark(StrEnum):
    """What falls due of a clock: kinds of its timers, and of the notices that come of them."""

    WARN = "clock_warn"
    BREACH = "clock_breach"
    ESCALATE = "clock_escalate"


class Department(StrEnum):
    """Whom a case or a suggestion is routed to (跨部门接口)."""

    SERVICE = "service"
    PRODUCT = "product"
    LOGISTICS = "logistics"
    MARKETING = "marketing"


class CompensationStatus(StrEnum):
    """Within the limit a proposal is approved by whoever makes it; above it a manager decides."""

    PROPOSED = "proposed"
    APPROVED = "approved"
    REJECTED = "rejected"


class IncidentStatus(StrEnum):
    """Of a group incident (群体性事件)."""

    OPEN = "open"
    CLOSED = "closed"


class SuggestionStatus(StrEnum):
    """Where a member's suggestion (建议) stands."""

    NEW = "new"
    ROUTED = "routed"
    PLANNED = "planned"
    DONE = "done"
    DECLINED = "declined"


class SurveyKind(StrEnum):
    """What a member was asked: 0–10 (would you recommend us) or 1–5 (are you satisfied)."""

    NPS = "nps"
    CSAT = "csat"


class RequiresCause(StrEnum):
    """Why a draft needs a manager: who may release a crisis text, or approve compensation above the limit."""

    CRISIS = "crisis"
    COMPENSATION = "compensation"


class IncidentAction(StrEnum):
    """What a person does with a group incident."""

    ASSIGN = "assign"
    TICK = "tick"
    UNTICK = "untick"
    MERGE = "merge"
    SPLIT = "split"
    CLOSE = "close"


class SurveySource(StrEnum):
    """How an answer came in."""

    API = "api"
    EVENT = "event"
    LINK = "link"
    REPLY = "reply"


class CaseAction(StrEnum):
    """What a person does with a complaint case."""

    ACKNOWLEDGE = "acknowledge"
    ASSIGN = "assign"
    MOVE_PRIVATE = "move_private"
    INVESTIGATE = "investigate"
    RESOLVE = "resolve"
    TOLD = "told"
    ANSWER = "answer"
    CLOSE = "close"
    REOPEN = "reopen"
    DISMISS = "dismiss"
    NOTE = "note"
    ROUTE = "route"
    CLASSIFY = "classify"


class CompensationKind(StrEnum):
    """What a member is offered: of all but points the value is in fen."""

    COUPON = "coupon"
    REFUND = "refund"
    GIFT = "gift"
    POINTS = "points"


class ContactKind(StrEnum):
    """A direct identifier of a member beside their ids on channels."""

    REAL_NAME = "real_name"
    PHONE = "phone"
    EMAIL = "email"
    WECHAT = "wechat"
    QQ = "qq"
    ID_CARD = "id_card"
    BANK_CARD = "bank_card"
    ADDRESS = "address"
    BIRTHDAY = "birthday"


class DisclosureKind(StrEnum):
    """How somebody of the staff came to see what is sealed."""

    REVEAL = "reveal"
    EXPORT = "export"
