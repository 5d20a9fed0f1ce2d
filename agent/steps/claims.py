"""Words that mislead, in a brief or in a text of our own: one list (`agent/lexicons/copy.yaml`), read clause by clause.

"不要写全网最低" asks for the opposite and "别信包过的" warns: neither is a find.
"""

import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final, Literal, NamedTuple

from core.yaml_text import load_yaml

Where = Literal["brief", "copy"]
_FILES: Final = ("copy.yaml", "campaign_traps.yaml")
_BREAKS: Final = re.compile(r"[,。;!?\n]")
_ENDS: Final = re.compile(r"[。!?\n]")
_NOT_BEFORE: Final = re.compile(
    r"(不要|别(?!忘|人|的|家)|不能|不得(?!不)|不许|不准|不可|不用|不必|无需|不再|不写|不说|不提|不做|不搞|不放|不含|不涉及"
    r"|不出现|不使用|不承诺|不参与|不参加|不打算|不想|不会|不是|不属于|绝不|禁止|严禁|避免|避开|杜绝|拒绝|没有|去掉|删掉"
    r"|删除|排除|剔除|不包括|防止|谨防|反对|打击|抵制|切勿|请勿|勿|防|查|处理)[^,。;!?]{0,14}$|(?<![仅光但])不$"
)
_NOT_AFTER: Final = re.compile(
    r"^[^,。;!?]{0,6}?(这[种类样些]的?|之类的?|等)?(词|话|说法|字眼|内容|表述|承诺|宣传|行为)?[^,。;!?]{0,3}"
    r"(不要|别(?!忘|人|的|家)|不能|不许|不准|不行|禁止|一律不|都不|就不|也不|去掉|删掉|不参加|不参与|不在|除外|不写|不提"
    r"|不用|不做|不搞|不发|不可以|违规|排除|剔除)"
)
# In a finished text less excuses: 别犹豫，全网最低 and 不看后悔 press on.
_SAID_NOT: Final = re.compile(
    r"(不(能|得|可|许|准|写|说|提|做|搞|含|承诺|保证|属于|涉及|具有?备?|参与|推荐|是|要(相信|信|写|说)|允许|存在|支持)"
    r"|别(信|再信|写|说|搞)|(并|从|也|都|绝)(不|没有?)|禁止|严禁|避免|杜绝|拒绝(?!绝)|没有(?!比)|未|无(?=任何)|谨防|切勿|请勿|抵制"
    r"|反对|打击|举报)[^,。;!?]{0,10}$|(?<![仅光但])不$"
)
_SAID_NOT_AFTER: Final = re.compile(
    r"^[^,。;!?]{0,6}?(这[种类样些]的?|之类的?|等)?(词|话|说法|字眼|宣传|行为|评价|的人|的广告)[^,。;!?]{0,6}"
    r"(不|别|违规|禁止|假|骗|当心|小心|举报|都是|一经|取消|处罚)|^[^,。;!?]{0,4}(是骗|是假|不可信|不靠谱|违法|不允许|不代表|不作)"
)
_WARNS: Final = re.compile(
    r"举报|骗子|骗局|诈骗|受骗|上当|反诈|传销|谨防|当心|警惕|别信|不要(相信|信)|切勿相信|不可信|避雷|违法|虚假宣传|请大家监督"
)
_TWICE: Final = re.compile(r"不得不|不能不|不可不|别不|不要不|不仅|不光|不但|不止")


class Rule(NamedTuple):
    """One row of the list; `advice` is empty where the label's own stands."""

    label: str
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    anywhere: bool
    negated: bool
    sourced: bool
    advice: str
    within: Where | None


class Spot(NamedTuple):
    """A find in the normalised text: the words themselves, the clauses that they stand in, the rule that found them."""

    rule: Rule
    start: int
    end: int
    clause: tuple[int, int]


@cache
def _rules(where: Where) -> tuple[Rule, ...]:
    names = _FILES if where == "brief" else _FILES[:1]
    loaded = [load_yaml(files("agent.lexicons").joinpath(name).read_text("utf-8")) for name in names]
    rules = [_rule(label, row) for one in loaded for label, rows in one.items() for row in rows]
    return tuple(rule for rule in rules if rule.within in (None, where))


def _rule(label: str, row: dict[str, Any]) -> Rule:
    return Rule(
        label,
        re.compile(row["pattern"]),
        re.compile(row["unless"]) if row.get("unless") else None,
        row.get("anywhere", False),
        row.get("negated", True),
        row.get("sourced", False),
        row.get("advice", ""),
        row.get("in"),
    )


def spots(text: str, where: Where, labels: Collection[str] | None = None) -> Iterator[Spot]:
    """Every find in a normalised text, of these labels or of all."""
    for rule in _rules(where):
        if labels is not None and rule.label not in labels:
            continue
        for match in rule.pattern.finditer(text):
            clause = _around(_BREAKS, text, match.start(), match.end())
            if match[0] and not _excused(rule, text, match, clause, where):
                yield Spot(rule, match.start(), match.end(), clause)


def _excused(rule: Rule, text: str, match: re.Match[str], clause: tuple[int, int], where: Where) -> bool:
    start, end = clause
    if rule.unless is not None and rule.unless.search(text if rule.anywhere else text[start:end]):
        return True
    if not rule.negated:
        return False
    before = _TWICE.sub("", text[start : match.start()])
    after = text[match.end() : end]
    if where == "brief":
        return bool(_NOT_BEFORE.search(before) or _NOT_AFTER.search(after))
    first, last = _around(_ENDS, text, match.start(), match.end())
    return bool(_SAID_NOT.search(before) or _SAID_NOT_AFTER.search(after) or _WARNS.search(text[first:last]))


def _around(breaks: re.Pattern[str], text: str, start: int, end: int) -> tuple[int, int]:
    """What stands between two breaks and touches `start:end`."""
    first = max((found.end() for found in breaks.finditer(text, 0, start)), default=0)
    last = breaks.search(text, end)
    return first, last.start() if last else len(text)
