"""What a campaign's brief may not ask for, found clause by clause: the part is left out of the proposal and named with
an alternative, the rest goes on. "不要写全网最低" asks for the opposite and is no find."""

import re
from collections.abc import Collection, Iterator
from functools import cache
from importlib.resources import files
from typing import Any, Final, NamedTuple

import yaml

from core.text import Normalized, normalize
from core.vocabulary import RefusalLabel

_FILE: Final = "campaign_traps.yaml"
_BREAKS: Final = re.compile(r"[,。;!?\n]")
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
_TWICE: Final = re.compile(r"不得不|不能不|不可不|别不|不要不|不仅|不光|不但|不止")


class Trap(NamedTuple):
    """A find: `start`/`end` half-open in the original brief, `part` the clauses that it stands in."""

    label: RefusalLabel
    start: int
    end: int
    part: str


class _Rule(NamedTuple):
    label: RefusalLabel
    pattern: re.Pattern[str]
    unless: re.Pattern[str] | None
    anywhere: bool
    negated: bool


@cache
def _rules() -> tuple[_Rule, ...]:
    loaded: dict[str, list[dict[str, Any]]] = yaml.safe_load(files("agent.lexicons").joinpath(_FILE).read_text("utf-8"))
    return tuple(
        _Rule(
            RefusalLabel(label),
            re.compile(row["pattern"]),
            re.compile(row["unless"]) if row.get("unless") else None,
            row.get("anywhere", False),
            row.get("negated", True),
        )
        for label, rows in loaded.items()
        for row in rows
    )


class Spot(NamedTuple):
    """A find in the normalised text: the words themselves and the clauses that they stand in."""

    label: RefusalLabel
    start: int
    end: int
    clause: tuple[int, int]


def spots(text: str, labels: Collection[str] | None = None) -> Iterator[Spot]:
    """Every find in a normalised text, of these labels or of all."""
    for rule in _rules():
        if labels is not None and rule.label not in labels:
            continue
        for match in rule.pattern.finditer(text):
            clause = _clauses(text, match.start(), match.end())
            if not _excused(rule, text, match, *clause):
                yield Spot(rule.label, match.start(), match.end(), clause)


def detect(brief: str) -> list[Trap]:
    """Every label once, where it stands first, in the order of the brief."""
    plain = normalize(brief)
    found: dict[RefusalLabel, Trap] = {}
    for spot in spots(plain.text):
        trap = Trap(spot.label, *plain.span(*spot.clause), _original(plain, *spot.clause))
        if trap.label not in found or trap.start < found[trap.label].start:
            found[trap.label] = trap
    return sorted(found.values(), key=lambda trap: (trap.start, trap.label))


def without(brief: str, traps: list[Trap]) -> str:
    """The brief without the clauses that the finds stand in; found again until nothing is left, since a label is
    reported once only."""
    for _ in range(20):
        if not traps:
            break
        kept = [char for at, char in enumerate(brief) if not any(trap.start <= at < trap.end for trap in traps)]
        brief = "".join(kept).strip("，,。；;！!？? \n")
        traps = detect(brief)
    return brief


def _excused(rule: _Rule, text: str, match: re.Match[str], start: int, end: int) -> bool:
    if rule.unless is not None and rule.unless.search(text if rule.anywhere else text[start:end]):
        return True
    if not rule.negated:
        return False
    before = _TWICE.sub("", text[start : match.start()])
    return bool(_NOT_BEFORE.search(before) or _NOT_AFTER.search(text[match.end() : end]))


def _clauses(text: str, start: int, end: int) -> tuple[int, int]:
    """The clauses that `start:end` touches."""
    first = max((found.end() for found in _BREAKS.finditer(text, 0, start)), default=0)
    last = _BREAKS.search(text, end)
    return first, last.start() if last else len(text)


def _original(plain: Normalized, start: int, end: int) -> str:
    first, last = plain.span(start, end)
    return plain.original[first:last].strip()
