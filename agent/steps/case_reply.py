"""Our words to who complains: one neutral line for the group, and a private message in four steps, 共情 → 聚焦问题 →
方案与时间 → 补偿. The fourth promises nothing that nobody approved. The member's name stays a slot."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from agent.steps.reply import Confidence, Reply, citation
from core import catalogue
from core.masking import mask
from core.vocabulary import Band, ComplaintCategory, Scene, Severity
from knowledge.entries import Entry
from knowledge.slots import fill
from prompts.loader import render

STEPS: Final = ("empathy", "focus", "plan", "compensation")
MOST_ANSWER: Final = 600
_FOR_GROUP: Final = re.compile(r"群[里内]|公开")
_PERSONAL: Final = re.compile(
    r"[0-9０-９]|订单|单号|快递|物流|退款|退货|换货|赔|补偿|手机号?|电话|地址|卡号|付款|商品|产品|质量"
    r"|您(?:误会|搞错|弄错|自己|没有看|不看)|你(?:误会|搞错|弄错|自己)|造谣|不实|恶意|胡说"
)
"""What a line that everybody reads has nothing to do with: an order's or a person's details, and who is to blame."""
_NAME_SLOT: Final = "member_name"
_WITHIN: Final[Mapping[int, str]] = {30: "半小时内", 60: "一小时内", 120: "两小时内"}


class Manner(NamedTuple):
    """How to write: tone and slot values of the community, slots that are filled when the text is handed out, and
    within how many minutes the first answer is due."""

    tone: str
    values: Mapping[str, str]
    kept_slots: frozenset[str]
    minutes: int = 30


class Matter(NamedTuple):
    """What is answered. `answered`: what the knowledge base says of it; `offer`: compensation that was approved, in
    words; `again`: the member had complained before."""

    category: ComplaintCategory
    severity: Severity
    answered: Reply | None = None
    offer: str | None = None
    again: bool = False


class CaseDrafts(NamedTuple):
    """`group` is None where the complaint was made in private."""

    group: Reply | None
    private: Reply


def drafts(matter: Matter, manner: Manner, scripts: Sequence[Entry], *, in_group: bool) -> CaseDrafts:
    """Both texts for one complaint; `scripts` are those of the scene `complaint` that are valid here."""
    fitting = sorted(scripts, key=lambda entry: (entry.tone != manner.tone, entry.id))
    return CaseDrafts(group_line(matter, manner, fitting) if in_group else None, private(matter, manner, fitting))


def group_line(matter: Matter, manner: Manner, scripts: Iterable[Entry]) -> Reply:
    """The line that everybody reads: a script for it where one is neutral, else ours."""
    for script in scripts:
        text = _filled(script, manner) if _FOR_GROUP.search(script.title) else None
        if text is not None and is_neutral(text):
            return _reply(text, [script], "complaint_line")
    text = render("complaint/group", tone=manner.tone, critical=matter.severity is Severity.CRITICAL)
    return _reply(_addressed(text, manner), [], "complaint_line")


def is_neutral(text: str) -> bool:
    """Whether a line names neither details nor fault."""
    return _PERSONAL.search(text) is None and not mask(text).findings


def private(matter: Matter, manner: Manner, scripts: Iterable[Entry]) -> Reply:
    """The four steps, a paragraph each: those of the script for the category where there is one in four lines."""
    script, steps = _script(matter.category, manner, scripts)
    answered = matter.answered if matter.answered is not None and matter.answered.text else None
    answer = answered.text[:MOST_ANSWER] if answered is not None and answered.text else ""
    if steps is None:
        steps = [_addressed(step(name, matter, manner, answer), manner) for name in STEPS]
    else:
        steps = [*steps[:2], _joined(steps[2], answer), steps[3]]
        if matter.offer:
            steps[3] = step("compensation", matter, manner)
    made = _reply("\n".join(steps), [script] if script is not None else [], "complaint_steps")
    return made if answered is None else _with_answer(made, answered)


def step(name: str, matter: Matter, manner: Manner, answer: str = "") -> str:
    """One step in our own words."""
    return render(
        "complaint/private",
        step=name,
        category=matter.category.value,
        severity=matter.severity.value,
        tone=manner.tone,
        within=_WITHIN.get(manner.minutes, "当天"),
        answer=answer,
        offer=matter.offer or "",
        again=matter.again,
    ).strip()


def result(words: str, offer: str | None, tone: str, *, known: bool) -> str:
    """The message that tells the member what came of it; `words` are the person's who handled it, `known` says whether
    the member has a name."""
    text = render("complaint/result", result=words.strip(), offer=offer or "", tone=tone)
    return _addressed(text, Manner(tone, {}, frozenset({_NAME_SLOT}) if known else frozenset()))


def offered(kind: str, cents: int, points: int) -> str:
    """Compensation in words: 优惠券 20 元, 积分 200 分."""
    name = catalogue.text(f"compensation_kind.{kind}")
    if points:
        return f"{name} {points}"
    yuan = f"{cents // 100}" if cents % 100 == 0 else f"{cents / 100:.2f}"
    return f"{name} {yuan} 元"


def _script(
    category: ComplaintCategory, manner: Manner, scripts: Iterable[Entry]
) -> tuple[Entry | None, list[str] | None]:
    """The operator's script for a category, by its title, and its four lines."""
    name = catalogue.text(f"complaint_category.{category.value}")
    for script in scripts:
        if script.scene is not Scene.COMPLAINT or name not in script.title:
            continue
        text = _filled(script, manner)
        lines = [line.strip() for line in (text or "").splitlines() if line.strip()]
        if len(lines) == len(STEPS):
            return script, lines
    return None, None


def _filled(script: Entry, manner: Manner) -> str | None:
    """A script with its slots filled; None where a value is lacking."""
    filled = fill(script.answer, manner.values)
    return None if set(filled.missing) - manner.kept_slots else filled.text


def _addressed(text: str, manner: Manner) -> str:
    """Our own words to somebody whose name nobody knows begin with 您好."""
    if _NAME_SLOT in manner.kept_slots:
        return text
    return text.replace("{member_name}您好", "您好").replace("{member_name}", "您好")


def _joined(plan: str, answer: str) -> str:
    return f"{plan}按现有的规则：{answer}" if answer else plan


def _reply(text: str, used: Sequence[Entry], reason: str) -> Reply:
    return Reply(
        text=text,
        citations=tuple(citation(entry, used=True) for entry in used),
        confidence=Confidence(band=Band.LOW, reason=reason),
    )


def _with_answer(made: Reply, answered: Reply) -> Reply:
    known = {one.entry_id for one in made.citations}
    more = tuple(one for one in answered.citations if one.entry_id not in known)
    return made.model_copy(update={"citations": (*made.citations, *more), "alternatives": answered.alternatives})
