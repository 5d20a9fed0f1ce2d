"""From a manager's question to its `Interpretation`: deterministic, without a model, the same for the service and the
evals."""

import itertools
import re
from collections.abc import Sequence
from datetime import date
from typing import Any, Final

from agent.steps.question_parse import places, unread
from agent.steps.question_parse.interpretation import Interpretation, Kind, Known, Reason, refused
from agent.steps.question_parse.periods import clash, mentions, number, period
from agent.steps.question_parse.words import Hit, pattern, words
from core.text import normalize

_LISTED: Final = {"members", "messages", "speakers", "new_members", "exited_members", "interaction_rate", "dau"}
_OF_MEMBERS: Final = ("source", "channel", "activity", "level", "value", "tag")
_TOP_PEOPLE: Final = re.compile(
    r"(?:前|top|最[多爱能]的?)\s*(?:\d{1,3}|[一二三四五六七八九十两]{1,3})\s*(?:个|名|位)?(?:的)?(?:人|成员|用户|姐妹|话痨)|"
    r"发言(?:量|数)?(?:排名|排行)?(?:前|top)\s*(?:\d{1,3}|[一二三四五六七八九十]{1,3})(?:名|位)"
)
_JOIN: Final = re.compile(r"[和跟与、及,/以]|还有|分别|同时")
_TOP: Final = re.compile(
    r"(?:top|前|最(?!近)\S{1,4}?的?|倒数|后)\s*(\d{1,3}|[一二三四五六七八九十两]{1,3})\s*(?:名|位|个|群|人|天|条|大|款|$|的)|"
    r"(?:哪|取|列出?)(\d{1,3}|[一二三四五六七八九十两]{1,2})个|top\s*(\d{1,3})"
)
_HOURS: Final = re.compile(
    r"(凌晨|早上|上午|中午|下午|晚上|昨晚|今晚|晚)?(\d{1,2}|[一二三四五六七八九十]{1,3})点(?:到|至|-|~)(\d{1,2}|[一二三四五六七八九十]{1,3})点"
)
_ONE: Final = re.compile(r"哪(?:一)?(?:个|天|周|月|位|场|类|种|次|日)(?!些|几)|谁|第一|冠军|几点|(?:周|星期|礼拜)几")
_QUIET_DAYS: Final = re.compile(
    r"(?:超过|已经|连续|至少|有|最近|近)*"
    r"(\d{1,3}|[一二三四五六七八九十两半]{1,3})(?:个)?(天|周|月|星期)(?:以上|多)?(?:都|内|里)?(?:没|未|不)(?:有)?(?:人)?"
    r"(?:说话|发言|说过话|发过言|冒泡|动静|活跃|互动|出现|上线|登录|活动|露面|吭声|消息|来)(?:过|了)?(?:话|言)?"
)
# The days at which a standing begins (`docs/questions.md`); without activity for any other number of days is none.
_QUIET: Final = {30: ["lapsed", "dormant"], 90: ["dormant"]}
_PEOPLE: Final = re.compile(r"谁|哪些(?:人|成员|用户)|名单|哪个人|哪位")
_EVERYBODY: Final = re.compile("有(?:谁|哪些人)|名单")
_SILENT_WORDS: Final = re.compile(r"不(?:说话|吭声|发言|冒泡)的?")
_IMPERATIVE: Final = re.compile(r"多少|几[个人条次位天]|哪|谁|吗|率|有没有|是否|占比|趋势|怎么样|如何")
MOST_METRICS: Final = 4
TALKING: Final = frozenset({"messages", "speakers", "dau", "interaction_rate"})
"""Metrics by which people are ranked; a list by any other one is of standings."""
_NO_FIGURES: Final = ("messages_list", "complaints_list", "advice")
# Metrics that rank by themselves, and those whose words another one's phrase may hold.
_NO_PEOPLE: Final = {"messages", "interaction_rate", "exit_rate", "churn_rate", "risk_flags", "peak_hour"}
_PEOPLE_METRICS: Final = {"members", "new_members", "exited_members", "net_growth", "speakers"}
_RANKED: Final = {"peak_hour", "hot_topics"}
_SAME: Final = {"interaction_rate": ("speakers",), "stickiness": ("dau", "mau"), "messages_per_speaker": ("speakers",)}
_FOLLOW_UP: Final = re.compile(r"^(?:那|那么|换成|改成|再看看?|只看|如果是|按)|呢[?？]?$")


def parse(question: str, known: Known, today: date, history: Sequence[str] = ()) -> Interpretation:
    """`history` are the asker's earlier questions, oldest first; what a short follow-up leaves out comes from the last
    of them."""
    found = _parse(question, known, today)
    if history and found.tool != "refuse" and _FOLLOW_UP.search(normalize(question).text.strip()):
        return _followed(found, parse(history[-1], known, today, history[:-1]))
    if history and found.reason == "out_of_scope":
        return _followed(_parse(question, known, today, follows=True), parse(history[-1], known, today, history[:-1]))
    return found


def _parse(question: str, known: Known, today: date, *, follows: bool = False) -> Interpretation:
    text = normalize(question).text.strip()
    reason = _refused(text)
    if reason is not None:
        return refused(reason)
    bare = _without_periods(text, today)
    where = places.communities(bare, known)
    if where.unknown and known.communities:
        return refused("no_data", unread=where.unknown)
    filters = _filters(text, bare, known, where.values)
    told, bare = bare, places.blanked(bare, where.spans)
    metrics = _metrics(bare, filters)
    tool = _tool(text, metrics, filters)
    group_by = _group_by(bare, metrics, filters, tool)
    named = metrics or filters.get("activity") or tool or group_by in _OF_MEMBERS
    if not named and not follows:
        date = unread.rest(bare, known, Interpretation())
        return refused("no_data", unread=date) if date and unread.is_date(date) else refused("out_of_scope")
    if tool == "metric_definition":
        return _defined(metrics, filters)
    found = _built(text, metrics, tool, group_by, filters, today)
    if tool in _NO_FIGURES:
        return found
    part = clash(_for_period(text), today, members="members" in metrics)
    part = part or unread.condition(bare, told) or _lost(text, bare, today, found)
    part = part or unread.rest(bare, known, found) or _unlisted(bare, found)
    return refused("no_data", unread=part) if part else found


def _lost(text: str, bare: str, today: date, found: Interpretation) -> str | None:
    """The part of the question that was read and that `found` doesn't hold: a figure for the rest would answer another
    question."""
    people = _PEOPLE.search(bare) if found.tool == "members_list" else None
    if people is not None and (found.order == "asc" or found.group_by is not None):
        return _said("order", bare) or _said("dimensions", bare) or people[0]
    if found.values("activity") and "exited_members" in found.metrics:
        # Who has left has no other standing any more.
        return _said("activities", bare)
    asked_of = mentions(_for_period(text), today) or found.values("cohort")
    if found.values("activity") and _SILENT_WORDS.search(bare) and asked_of:
        # Silent is said of the last 30 days and not of the period named.
        return next(match[0] for match in _SILENT_WORDS.finditer(bare))
    return _second(bare, found)


def _unlisted(bare: str, found: Interpretation) -> str | None:
    """A list knows who joined and of which standing, not who did most of it; and 谁来了 is no list of everybody."""
    people = _PEOPLE.search(bare) if found.tool == "members_list" else None
    if people is None or set(found.metrics) & TALKING:
        return None
    most = re.search("最(?!近)..?", bare)
    if most is None and (found.metrics or found.filters or _EVERYBODY.search(bare)):
        return None
    return (most or people)[0]


def _second(bare: str, found: Interpretation) -> str | None:
    """A metric, a second dimension or an order that is not part of `found`."""
    if len(found.metrics) > MOST_METRICS:
        return next(bare[hit.start : hit.end] for hit in words("metrics").all(bare) if hit.name == found.metrics[-1])
    dimensions = _dimensions(bare, found.metrics)
    if len(dimensions) > 1 and found.group_by:
        return next(bare[hit.start : hit.end] for hit in dimensions if hit.name != found.group_by)
    for hit in words("metrics").all(bare):
        weak = hit.name in (*_WEAK, "new_members") or _is_standing(hit, bare)
        if (
            not weak
            and hit.name not in found.metrics
            and found.metrics
            and hit.name not in _SAME.get(found.metrics[0], ())
        ):
            return bare[hit.start : hit.end]
        if _asked_beside(bare[hit.start : hit.end], hit.name, found):
            return bare[hit.start : hit.end]
    if found.order is None and found.tool is None and not set(found.metrics) & _RANKED:
        return _said("order", bare)
    return None


def _asked_beside(said: str, name: str, found: Interpretation) -> bool:
    """几条 beside joiners, 多少人 beside messages: a number of its own that the metric doesn't hold."""
    if found.tool is not None or name in found.metrics:
        return False
    of_people = name == "members" and re.search("(?:多少|几)个?(?:人|成员|位)", said)
    of_messages = name == "messages" and re.search("(?:多少|几)[条句]", said)
    return bool(
        (of_people and set(found.metrics) & _NO_PEOPLE) or (of_messages and set(found.metrics) & _PEOPLE_METRICS)
    )


def _said(section: str, bare: str) -> str | None:
    return next((bare[hit.start : hit.end] for hit in words(section).all(bare)), None)


def _dimensions(bare: str, metrics: list[str]) -> list[Hit]:
    """Those that a breakdown is wanted by: a trend beside months is no days, and a peak hour is no hours."""
    hits = words("dimensions").all(bare)
    if "peak_hour" in metrics:
        hits = [hit for hit in hits if hit.name not in ("hour", "day", "weekday")]
    names = {hit.name for hit in hits}
    if "source" in names:
        hits = [hit for hit in hits if hit.name != "channel"]
    if names & {"week", "month", "hour", "weekday"}:
        hits = [hit for hit in hits if not re.search("走势|趋势|曲线|折线", bare[hit.start : hit.end])]
    kept: dict[str, Hit] = {}
    for hit in hits:
        kept.setdefault(hit.name, hit)
    return list(kept.values())


def _built(
    text: str, metrics: list[str], tool: Kind | None, group_by: str | None, filters: dict[str, Any], today: date
) -> Interpretation:
    order, limit = _order(_without_periods(text, today), group_by, tool)
    if not metrics and (filters.get("activity") or group_by in _OF_MEMBERS) and tool is None:
        metrics = ["members"]
    if tool == "members_list" and metrics == ["interaction_rate"]:
        metrics = ["messages"]
    wanted: Any = metrics[0] if len(metrics) == 1 else metrics or None
    return Interpretation.model_validate(
        {
            "metric": wanted,
            "tool": tool,
            "period": period(_for_period(text), today),
            "group_by": group_by,
            "filters": filters or None,
            "order": order,
            "limit": limit,
        }
    )


def _followed(found: Interpretation, before: Interpretation) -> Interpretation:
    """A follow-up keeps of the question before what it doesn't say itself."""
    if before.tool == "refuse":
        return found
    merged = {**(before.filters or {}), **(found.filters or {})}
    values: dict[str, Any] = {
        "metric": found.metric or before.metric,
        "tool": found.tool or (before.tool if not found.metric else None),
        "reason": None,
        "period": found.period or before.period,
        "group_by": found.group_by or (before.group_by if not (found.filters or {}).get("community") else None),
        "filters": merged or None,
        "order": found.order or before.order,
        "limit": found.limit or before.limit,
    }
    return Interpretation.model_validate(values)


def _refused(text: str) -> Reason | None:
    """The first kind of refusal that the question asks for. Words that also stand in honest questions about figures
    (被删除的消息有多少) refuse only without a figure asked for."""
    for name, found in words("refusals").patterns.items():
        if found.search(text) and not _honest(name, text):
            reason: Any = name
            return reason  # type: ignore[no-any-return]
    return None


def _honest(name: str, text: str) -> bool:
    if name == "mutation":
        return bool(_IMPERATIVE.search(text)) and not re.search(
            r"^(?:请|帮我?|把)?.{0,20}(?:踢|删掉?|群发|禁言|拉黑)", text
        )
    if name in ("out_of_scope", "no_data"):
        return bool(words("metrics").all(text)) and name == "out_of_scope"
    return False


def _without_periods(text: str, today: date) -> str:
    text = _for_period(text)
    for one in reversed(mentions(text, today)):
        text = text[: one.start] + " " + text[one.end :]
    return text


def _for_period(text: str) -> str:
    """30天没说话的人 names a standing, no period."""
    return _QUIET_DAYS.sub(lambda match: " " if _quiet(match) else match[0], text)


def _quiet(match: re.Match[str]) -> list[str]:
    days = (number(match[1]) or 0) * {"天": 1, "周": 7, "星期": 7, "月": 30}[match[2]]
    return _QUIET.get(days, [])


def _metrics(bare: str, filters: dict[str, Any]) -> list[str]:
    """The metrics named, in order. 多少人 alone is `members`; beside another metric it only asks for its number."""
    hits = _unfiltered(words("metrics").all(bare), bare, filters)
    names = list(dict.fromkeys(hit.name for hit in hits))
    if len(names) > 1 and "members" in names and not _joined(hits, "members", bare):
        names.remove("members")
    if len(names) > 1 and not any(_JOIN.search(bare[a.end : b.start]) for a, b in itertools.pairwise(hits)):
        strong = [name for name in names if name not in _WEAK]
        names = strong if _apart(hits, bare) else _most_specific(names)
    return names


def _unfiltered(hits: list[Hit], bare: str, filters: dict[str, Any]) -> list[Hit]:
    """Within a cohort, 新加入的 says who is counted and not what."""
    if filters.get("cohort"):
        rest = [hit for hit in hits if hit.name not in ("new_members", "members")]
        return rest or hits
    if filters.get("activity"):
        rest = [hit for hit in hits if hit.name not in ("members",)]
        kept = [hit for hit in rest if not _is_standing(hit, bare)]
        return kept or [hit for hit in hits if hit.name == "members"][:1]
    return hits


def _is_standing(hit: Hit, bare: str) -> bool:
    """沉默成员, 新人: the hit lies on the words of the standing itself."""
    return any(hit.start < one.end and one.start < hit.end for one in words("activities").all(bare))


def _joined(hits: list[Hit], name: str, bare: str) -> bool:
    """Whether the metric stands in an enumeration: 人数和发言数."""
    for before, after in itertools.pairwise(hits):
        between = bare[before.end : after.start]
        if name in (before.name, after.name) and re.fullmatch(r"\s*(?:[和跟与、及,/]|以及|还有)\s*", between):
            return True
    return False


_WEAK: Final = ("messages", "members", "shares")


def _most_specific(names: list[str]) -> list[str]:
    """One metric out of several hits of one phrase: a weak word beside a stronger one is its wording."""
    strong = [name for name in names if name not in _WEAK]
    return strong[:1] or names[:1]


def _apart(hits: Sequence[Hit], bare: str) -> bool:
    """Two figures named one after the other with nothing between: 进来多少人 走了多少."""
    strong = [hit for hit in hits if hit.name not in _WEAK]
    return any(a.name != b.name and not bare[a.end : b.start].strip() for a, b in itertools.pairwise(strong))


def _tool(text: str, metrics: list[str], filters: dict[str, Any]) -> Kind | None:
    if pattern("definition").search(text) and (metrics or filters.get("activity")):
        return "metric_definition"
    if pattern("advice").search(text):
        return "advice"
    if "投诉" in text and pattern("complaints_list").search(text):
        return "complaints_list"
    if pattern("messages_list").search(text) and not set(metrics) - {"messages", "risk_flags"}:
        return "messages_list"
    if (pattern("lists").search(text) or _TOP_PEOPLE.search(text)) and not _counts_only(metrics):
        return "members_list"
    return None


def _counts_only(metrics: list[str]) -> bool:
    """A question that says 谁 or 列出 but is about something that people aren't listed by."""
    return bool(set(metrics) - _LISTED)


def _defined(metrics: list[str], filters: dict[str, Any]) -> Interpretation:
    standings = [] if set(metrics) - {"members", "new_members"} else filters.get("activity", [])
    about = standings or metrics
    return Interpretation(tool="metric_definition", filters={"metric": list(about)})


def _filters(text: str, bare: str, known: Known, named: list[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "community": named,
        "channel": places.channels(_without(bare, named), known.channels),
        "source": places.sources(bare, known.sources),
        "tag": places.names(bare, known.tags),
        "campaign": places.names(bare, known.campaigns),
        "moderator": places.names(bare, known.moderators),
        "activity": _activity(text, bare),
        "value": list(dict.fromkeys(hit.name for hit in words("values").all(_without(bare, named)))),
        "hour": _hours(text),
        "birthday_in_period": ["true"] if "生日" in text else [],
    }
    if pattern("cohort").search(bare):
        found["cohort"] = "joined_in_period"
        found["activity"] = [one for one in found["activity"] if one != "new"]
    return {name: values for name, values in found.items() if values}


def _hours(text: str) -> list[str]:
    """晚上8点到10点: the hours 20 and 21."""
    found = _HOURS.search(text)
    if found is None:
        return []
    late = 12 if found[1] and found[1][-1] in "晚午" and found[1] not in ("上午", "中午") else 0
    start, end = (number(found[2]) or 0), (number(found[3]) or 0)
    start, end = (one + late if one < 12 else one for one in (start, end))
    return [f"{hour:02d}" for hour in range(start, end)] if 0 <= start < end <= 24 else []


def _without(text: str, named: list[str]) -> str:
    for name in named:
        text = text.replace(normalize(name).text, " ")
    return text


def _activity(text: str, bare: str) -> list[str]:
    quiet = _QUIET_DAYS.search(text)
    if quiet is not None and _quiet(quiet):
        return _quiet(quiet)
    if words("dimensions").patterns["activity"].search(bare):
        return []
    found = [hit.name for hit in words("activities").all(bare)]
    return list(dict.fromkeys(found))


def _group_by(bare: str, metrics: list[str], filters: dict[str, Any], tool: Kind | None) -> str | None:
    """The dimension that the question breaks its figure down by; a metric that is one itself (高峰时段) has none."""
    hits = [hit.name for hit in words("dimensions").all(bare)]
    if tool in ("messages_list", "complaints_list", "advice"):
        return None
    if "peak_hour" in metrics:
        hits = [name for name in hits if name not in ("hour", "day", "weekday")]
    if "dau" in metrics and "day" in hits and not re.search(r"哪|按天|趋势|走势|逐|分别|曲线", bare):
        hits.remove("day")
    if "channel" in hits and "source" in hits:
        hits.remove("channel")
    if len(filters.get("community", [])) > 1 and not hits:
        return "community"
    if len(filters.get("channel", [])) > 1 and not hits:
        return "channel"
    return hits[0] if hits else None


def _order(text: str, group_by: str | None, tool: Kind | None) -> tuple[str | None, int | None]:
    """`limit` is a number that was named, or one where 哪个 asks for the first."""
    order = words("order").first(text)
    top = _TOP.search(text)
    limit = number(next(part for part in top.groups() if part)) if top else None
    if order is None and limit is None:
        return ("time_asc" if group_by in ("day", "week", "month") else None), None
    if group_by is None and tool != "members_list":
        return None, None
    if limit is None and order and _ONE.search(text):
        limit = 1
    return order or "desc", limit
