"""Whom a campaign's brief means. Fails closed: everybody only where the brief says so, and whatever else names people
and was not understood stands in `unclear`, so that nobody takes a half-read audience for the whole one."""

import re
from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final, NamedTuple

from agent.steps import campaign_joined
from agent.steps.campaign_names import Community, Known, groups
from agent.steps.campaign_span import NUMBER, SPAN, days, number
from core import segments as tree
from core.text import normalize
from core.vocabulary import Activity, EventType

READ: Final = "◇"
"""Stands, in a brief, for each character that a condition was read from."""
_IDLE: Final = re.compile(
    rf"{SPAN}(以上|多|左右|内)?(都|就|一直|还)?(没有?|未|不)(怎么|再|有过?)?(来|活跃|登录|互动|动静|打开|上线|露面|出现|反应|联系|动)"
)
_ASLEEP: Final = re.compile(rf"(沉睡|睡眠|休眠|流失|沉寂)(了|超过|达|满)?{SPAN}(以上|多)?")
_QUIET: Final = re.compile(rf"{SPAN}(以上|多|内)?(都|就|一直)?(没有?|未|不)(怎么|再)?(发言|说过?话|冒泡|吭声|聊天)")
_UNBOUGHT: Final = re.compile(
    rf"{SPAN}(以上|多|内)?(都|就|一直)?(没有?|未|不)(再|有)?(下过?单|买过?|购买过?|消费过?|复购|成交)"
)
_NEVER_BOUGHT: Final = re.compile(r"(从来?|还|一直|都)?(没有?|未)(下过?单|买过?|购买过?|消费过?|成交过?|首单)(东西)?")
_BOUGHT: Final = re.compile(
    rf"(?<!没)(?<!未)(?<!没有)(买过|下过单|购买过|消费过|成交过)(东西)?({NUMBER}(次|单)(以上)?)?|复购过"
)
_DEED: Final = (
    r"(?P<deed>点击|点|打开|参加|参与|签到|打卡|下过?单|购买|买|消费|发过?言|说过?话|分享|邀请|访问)"
    r"(?P<done>过?)(东西)?((?P<times>\d+|[一二两三四五六七八九十])(?:次|单)(以上)?)?"
)
_DID: Final = (
    re.compile(rf"(?:最近|近|过去|这){SPAN}(内|里|以内|之内)?(有)?{_DEED}(?!率)"),
    re.compile(rf"{SPAN}(内|里|以内|之内)(有)?{_DEED}(?<=[过单言话])(?=的)"),
)
_DEEDS: Final = {
    "点击": EventType.CLICK,
    "点": EventType.CLICK,
    "打开": EventType.OPEN,
    "参加": EventType.ATTEND,
    "参与": EventType.ATTEND,
    "签到": EventType.CHECK_IN,
    "打卡": EventType.CHECK_IN,
    "下单": EventType.ORDER,
    "购买": EventType.ORDER,
    "买": EventType.ORDER,
    "消费": EventType.ORDER,
    "发言": "message",
    "说话": "message",
    "分享": EventType.SHARE,
    "邀请": EventType.INVITE,
    "访问": EventType.VISIT,
}
_ACTIVITY: Final = (
    (Activity.EXITED, r"退(了|过)?群的|已退群|已经退出|离群的"),
    (Activity.DORMANT, r"沉睡|睡眠(用户|会员|成员|客户|老客)|休眠|长期没来|很久没来"),
    (Activity.LAPSED, r"流失(?!原因|率)|快要?流失|即将流失|掉线的"),
    (
        Activity.NEW,
        r"(?<!邀请)(?<!拉)(?<!带)(?<!引)新人(?!礼包|也|得|各|双方|入群得)|新成员|新用户|新会员|新客|刚(入|进|加)群"
        r"|新(入|进|加)群|刚加入",
    ),
    (Activity.CORE, r"核心(成员|用户|会员|粉丝|群友)|铁粉|最活跃的(人|成员|群友|会员|一批)"),
    (Activity.SILENT, r"沉默|潜水|不(怎么)?(说话|发言|冒泡)|没(怎么)?(说话|发言|冒泡)过?|不活跃|不太活跃"),
    (Activity.ACTIVE, r"(?<!不)(?<!不太)(?<!最)活跃(?!度|时|气氛|起来|的时|一下)"),
)
_VALUE: Final = re.compile(r"高价值|高消费|大客户|vip|贵宾|消费(力|金额)?(高|前|多)|花钱多|高净值|rfm")
_TAG: Final = re.compile(
    r"(?:打了|带|有|标签(?:是|为|叫)?)[“\"「]?([\w一-鿿]{1,12}?)[”\"」]?(?:的)?标签|标签(?:是|为|叫)[“\"「]?([\w一-鿿]{1,12})"
)
_OLD: Final = re.compile(r"老(客户?|会员|成员|用户|朋友|顾客|粉|友)|老(?=带新)")
_PEOPLE: Final = (
    "成员|会员|用户|客户|顾客|群成员|群友|粉丝|朋友|家人|姐妹|宝妈|妈妈|家长|爸妈|宝子|亲|人"  # words for anybody
)
_ALL: Final = re.compile(
    rf"@?(所有|全部|全体|每个|每位|各位)(的)?({_PEOPLE})(们)?|@?所有人|@?全体|大家|全员|全群|(所有|全部|各个?|每个)(的)?(社?群)(里)?的?({_PEOPLE})?"
)
_CHANNELS: Final = {
    "wecom": r"企微|企业微信|wecom",
    "dingtalk": r"钉钉",
    "feishu": r"飞书",
    "wechat": r"(?<!企业)微信(?!号)",
    "discord": r"discord",
}

# What names people: 给 … 发, 只发 …, … 的成员, … 的.
_TO: Final = re.compile(
    r"(?:给|针对|面向|唤醒|召回|激活|叫醒)([^,。;!?]{1,40}?)"
    r"(?=发|推|送|做|办|搞|打|出|讲|寄|准备|来(?!的)|个|一(?:个|条|张|份|下)|每人|满\d|\d+元|[,。;!?]|$)"
)
_ONLY: Final = re.compile(r"(?:只|仅|单独|专门)(?:限|发|推|给|通知|针对)+([^,。;!?]{1,30})")
_WHOSE: Final = re.compile(rf"(?:^|(?<=[,。;!?给]))([^,。;!?给]{{1,40}}?)的(?:{_PEOPLE}|{READ})")
_NOUN: Final = re.compile(r"(?:^|(?<=[,。;!?给]))([^,。;!?给]{1,30}?)的(?=[,。;!?]|$|都|也|发|推|打|送)")
_STYLE: Final = re.compile(r"^ ?(文案|话术|语气|内容|标题|就说|口吻|写|说|用|要)")
_WHEN: Final = re.compile(
    r"今[天晚]|明[天早晚]|后天|[下本这]*个?(周|星期|礼拜)[一二三四五六日天末]|\d{1,2}月\d{1,2}[日号]?|\d{1,2}[日号]|早上|上午|中午|下午|傍晚|晚上|凌晨"
    r"|[\d一二三四五六七八九十两]{1,3}[点:](半|\d{1,2}分?)?"
)
_FILLER: Final = re.compile(
    rf"{READ}来|{READ}以上|想让|希望|通知|提醒|邀请|唤醒|召回|激活|拉回|盘活|叫回|推送|群发|安排|所有|全部|每[位个]|各位|那些|这些|[那这]批|最近|近期"
    rf"|但是?|并且|而且|同时|曾经?|以前|之前|已经|一直|一[条个张份次批下]|我们|咱们?|群里|群内|里面|其中|上面|大概|差不多|{_PEOPLE}|老客?"
    r"|太多|剩下|[让把叫请帮找对发推送做想的们且又还也都和跟与、在上里中群过了再就先些 \"“”『』「」(){}:/-]"
)
_OUT_BEFORE: Final = re.compile(
    r"(除了?|除去|排除|剔除|去掉|避开|不包[括含]|不含|不要(发|推|给)*|别(发|推|给)+|不(发|推|给)+)[^,。;!?]{0,6}$"
)
_OUT_AFTER: Final = re.compile(r"^[^,。;!?]{0,6}(除外|不发|别发|不要|不用|不算|排除|剔除|去掉|以外|之外|就不)")
_OPTED_OUT: Final = re.compile(r"退订|拒收|屏蔽|取消订阅|(?<![a-z])td(?![a-z])|不(想|再|愿)[^,。;!?]{0,3}收")


class Audience(NamedTuple):
    """`segment` is what was understood, `said` whether it says whom it means at all; `unclear` are the parts that
    name people and were not understood, as written, `groups` those of them that look like groups. `rest` is the text
    without the parts that name people."""

    segment: tree.Node
    activity: tuple[Activity, ...]
    value: tuple[str, ...]
    tags: tuple[str, ...]
    said: bool
    unclear: tuple[str, ...]
    groups: tuple[str, ...]
    rest: str


def read(text: str, known: Known, today: date) -> Audience:
    """The audience in a normalised brief; `today` in the reporting time zone."""
    joined, misread = campaign_joined.read(text, known, today)
    blank = _without(text, [span for _, span in joined])
    activity, conditions = _who(blank)
    named = groups(blank, known)
    conditions += [*joined, *named.conditions, *_where(blank, known)]
    spans = [span for _, span in conditions] + [*named.spans, *_activity_spans(blank)]
    everybody = [match.span() for match in _ALL.finditer(blank)]
    old = [match.span() for match in _OLD.finditer(blank)]
    value = [match.span() for match in _VALUE.finditer(blank)]
    tags = tuple(_tags(text, known))
    nodes = [node for node, _ in conditions if node is not None]
    said = bool(nodes or activity or everybody or old or named.home)
    over = _without(text, [*spans, *everybody, *old, *value])
    unclear = [*misread, *named.unclear, *tags, *_turned(text, over, spans), *_unread(text, over)]
    if value and not said:
        unclear.append(text[slice(*value[0])])
    return Audience(
        segment=_joined(nodes, old=bool(old) and not activity),
        activity=activity,
        value=("vip", "high") if value else (),
        tags=tags,
        said=said,
        unclear=_shortest(unclear),
        groups=tuple(dict.fromkeys(named.unclear)),
        rest=_without(text, [*(span for _, span in joined), *(match.span(1) for match in _TO.finditer(over))]),
    )


def _shortest(parts: Sequence[str]) -> tuple[str, ...]:
    """Each once; of two parts of which one holds the other, the shorter one."""
    every = list(dict.fromkeys(part.strip(" 的") for part in parts))
    return tuple(one for one in every if not any(other in one for other in every if other != one))


Span = tuple[int, int]
Condition = tuple[tree.Node | None, Span]


def _without(text: str, spans: Sequence[Span]) -> str:
    """The text with `READ` for every character within the spans; its length stays."""
    chars = list(text)
    for start, end in spans:
        chars[start:end] = READ * (end - start)
    return "".join(chars)


def _activity_spans(text: str) -> Iterator[Span]:
    for _, words in _ACTIVITY:
        yield from (match.span() for match in re.finditer(words, text))


def _activity(text: str) -> tuple[Activity, ...]:
    found = {activity for activity, words in _ACTIVITY if re.search(words, text)}
    for pattern in (_IDLE, _ASLEEP):
        if match := pattern.search(text):
            found -= {Activity.LAPSED, Activity.DORMANT, Activity.ACTIVE}
            found |= {Activity.DORMANT} if days(match) >= 90 else {Activity.LAPSED, Activity.DORMANT}
    if match := _QUIET.search(text):
        # silent is no message within 30 days, by its definition
        found = found | {Activity.SILENT} if days(match) == 30 else found - {Activity.SILENT}
    if found == {Activity.LAPSED} and _VALUE.search(text):
        found |= {Activity.DORMANT}  # 高价值流失 is both, by its definition
    return tuple(one for one in Activity if one in found)


def _who(text: str) -> tuple[tuple[Activity, ...], list[Condition]]:
    activity = _activity(text)
    found: list[Condition] = []
    if activity:
        found.append((tree.HasActivity(in_=activity), (0, 0)))
    for idle in (_IDLE.search(text), _ASLEEP.search(text)):
        if idle:
            length = days(idle)
            found.append((tree.LastActive(days_ago_least=length) if length not in (30, 90) else None, idle.span()))
    if match := _QUIET.search(text):
        silent = Activity.SILENT in activity
        found.append((None if silent else tree.NotPerformed(what="message", within_days=days(match)), match.span()))
    return activity, [*found, *_orders(text)]


def _orders(text: str) -> Iterator[Condition]:
    if match := _UNBOUGHT.search(text):
        yield tree.NotPerformed(what=EventType.ORDER, within_days=days(match)), match.span()
    elif match := _NEVER_BOUGHT.search(text):
        yield tree.NotPerformed(what=EventType.ORDER), match.span()
    did = next((match for pattern in _DID if (match := pattern.search(text))), None)
    if did:
        what = _DEEDS[did["deed"].replace("过", "")]
        yield tree.Performed(what=what, within_days=days(did), times=max(1, number(did["times"] or "1"))), did.span()
    elif match := _BOUGHT.search(text):
        yield tree.Performed(what=EventType.ORDER, times=max(1, number(match[4] or "1"))), match.span()


def _where(text: str, known: Known) -> Iterator[Condition]:
    found = [
        (one, match.span())
        for one in known.channels
        if (match := re.search(_CHANNELS.get(one, re.escape(one.casefold())), text))
    ]
    if found:
        yield tree.OnChannel(in_=tuple(one for one, _ in found)), found[0][1]
        yield from ((None, span) for _, span in found[1:])
    names = [(one, normalize(one).text) for one in known.sources if len(one) > 1]
    came = [(one, (at, at + len(name))) for one, name in names if (at := text.find(name)) >= 0]
    if came:
        yield tree.FromSource(in_=tuple(one for one, _ in came)), came[0][1]
        yield from ((None, span) for _, span in came[1:])


def _tags(text: str, known: Known) -> Iterator[str]:
    yield from (tag for tag in known.tags if len(tag) > 1 and normalize(tag).text in text)
    if match := _TAG.search(text):
        tag = match[1] or match[2]
        if tag not in known.tags:
            yield tag


def _joined(conditions: Sequence[tree.Node], *, old: bool) -> tree.Node:
    every = [*conditions, tree.Joined(days_ago_least=15)] if old else list(conditions)
    if not every:
        return tree.Everyone()
    return every[0] if len(every) == 1 else tree.And(of=tuple(every))


def _turned(text: str, over: str, spans: Sequence[Span]) -> Iterator[str]:
    """Clauses in which a condition is taken out again (新人除外), or is one of two (新人或者买过的)."""
    for start, end in spans:
        if start == end:
            continue
        first = max((text.rfind(mark, 0, start) for mark in ",。;!?"), default=-1) + 1
        last = min((at for mark in ",。;!?" if (at := text.find(mark, end)) >= 0), default=len(text))
        if _OUT_BEFORE.search(text[first:start]) or _OUT_AFTER.search(text[end:last]) or "或" in over[first:last]:
            yield text[first:last]


def _unread(text: str, over: str) -> Iterator[str]:
    """What names people and holds words that no condition was read from."""
    for pattern in (_TO, _ONLY, _WHOSE, _NOUN):
        for match in pattern.finditer(over):
            start, end = match.span(1)
            if _OPTED_OUT.search(text[start:end]) or (pattern in (_WHOSE, _NOUN) and _STYLE.search(match[1])):
                continue
            left = _WHEN.sub("", match[1]) if pattern in (_WHOSE, _NOUN) else match[1]
            if re.search(r"\w", _FILLER.sub("", left)):
                yield text[start:end]


__all__ = ["Audience", "Community", "Known", "read"]
