"""The embedded thought about one turn: what it needs of the knowledge base, and the reply or why there is none.
Reads the knowledge, writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from agent.flows.community import CommunityView, today
from agent.flows.turns import Read
from agent.services import Services
from agent.steps import grounding, reference, reply
from agent.steps.boundaries import boundary
from agent.steps.follow_up import Said, correction, points_back
from agent.steps.reply import Asked, Reply
from agent.steps.triage import questions
from core import log
from core.caller import system_caller
from core.vocabulary import AbstainedReason, Band, EntryKind, MessageKind, RiskLevel, Scene, SenderRole
from knowledge.gate import Verdict
from knowledge.retriever import Scope as SearchScope
from tools.knowledge import search_knowledge

_log = log.get(__name__)
WORKER: Final = system_caller("inbox")
MEMBER_NAME: Final = "member_name"


@dataclass(frozen=True, slots=True)
class Drafted:
    """`asked` is what was searched for, one for each question; `in_context` says that an earlier message was needed to
    understand it."""

    reply: Reply
    asked: tuple[Asked, ...]
    in_context: bool


def draft(services: Services, read: Read) -> Drafted:
    """The reply to a turn that wants one."""
    text = read.turn.text
    if _risky(read):
        return _abstained(services, read, AbstainedReason.RISK_HOLD)
    reason = boundary(text)
    if reason is not None:
        return _abstained(services, read, reason)
    asked, in_context = _all_asked(services, read)
    made = reply.compose(asked, _view(read).values, kept_slots=kept_slots(read))
    if made.text is None and read.triage.kind == MessageKind.COMPLAINT:
        made = _soothing(services, read) or made
    else:
        made = grounded(made, read, asked)
    return Drafted(made, tuple(asked), in_context)


def kept_slots(read: Read) -> frozenset[str]:
    """Slots that are filled when the text is handed out."""
    return frozenset({MEMBER_NAME}) if read.has_name else frozenset()


def ask(services: Services, read: Read, question: str) -> Asked:
    """Search the knowledge base for one self-contained question."""
    view = _view(read)
    found = search_knowledge(
        WORKER,
        services.knowledge,
        question,
        communities=view.lineage,
        today=today(read.at),
        audience=read.audience,
        threshold=view.threshold,
    )
    return Asked(question=question, candidates=tuple(found.candidates), judged=found.judged)


def _view(read: Read) -> CommunityView:
    assert read.community is not None
    return read.community


def _risky(read: Read) -> bool:
    """What a person cleared since is no risk any more."""
    flagged = (row for row in read.turn.kept if not row.risk_cleared)
    return any(RiskLevel(row.risk["level"]).at_least(RiskLevel.MEDIUM) for row in flagged)


def _abstained(services: Services, read: Read, reason: AbstainedReason) -> Drafted:
    nearest = ask(services, read, read.turn.text)
    return Drafted(reply.abstain(reason, [nearest]), (nearest,), in_context=False)


def _all_asked(services: Services, read: Read) -> tuple[list[Asked], bool]:
    """Each question of the turn, what it points back to filled in; whether anything was."""
    text = read.turn.text
    before = list(read.before)
    asked, in_context = [], False
    for part in questions(text) or [text]:
        found, used = _in_context(services, read, part, before)
        asked.append(found)
        in_context |= used
        before.append(Said(SenderRole.MEMBER, read.turn.head.member_id, read.at, part))
    return asked, in_context


def _in_context(services: Services, read: Read, part: str, before: Sequence[Said]) -> tuple[Asked, bool]:
    corrected = correction(part)
    own = ask(services, read, corrected or part)
    if corrected or not (points_back(part) or read.quoted):
        return own, False
    earlier = reference.anchor(before, read.turn.head.member_id, read.quoted)
    if earlier is None or (own.judged.verdict == Verdict.ANSWERS and own.judged.band == Band.HIGH):
        return own, earlier is not None
    return _better(own, ask(services, read, reference.joined(earlier, part))), True


def _better(own: Asked, joined: Asked) -> Asked:
    """What the earlier message makes of a question counts, unless the question alone finds the better answer: 那 may
    also begin a new subject."""
    if own.judged.verdict != Verdict.ANSWERS:
        return joined
    better = joined.judged.verdict == Verdict.ANSWERS and joined.judged.score >= own.judged.score
    return joined if better else own


def _soothing(services: Services, read: Read) -> Reply | None:
    """Where no entry answers a complaint, a script of the scene `complaint` in the community's tone begins it."""
    view = _view(read)
    scope = SearchScope(view.lineage, today(read.at), (EntryKind.SCRIPT,))
    scripts = [entry for entry in services.knowledge.retriever.entries(scope) if entry.scene == Scene.COMPLAINT]
    for script in sorted(scripts, key=lambda entry: (entry.tone != view.tone, entry.id)):
        made = reply.from_script(script, view.values, kept_slots=kept_slots(read), reason="complaint_script")
        if made is not None:
            return made
    return None


def grounded(made: Reply, read: Read, asked: Sequence[Asked]) -> Reply:
    """The draft, if its quotes stand in the cited versions and its facts in their answers; else an abstention."""
    if made.text is None:
        return made
    answers = {(c.entry.id, c.entry.version): c.entry.answer for one in asked for c in one.candidates}
    sources = [answers[(cited.entry_id, cited.version)] for cited in made.citations if cited.used]
    unsupported = grounding.unsupported(made.text, [*sources, *_view(read).values.values()])
    false = grounding.false_citations(made.citations, answers)
    if not unsupported and not false:
        return made
    _log.warning("draft_not_grounded", message=read.turn.head.id, facts=len(unsupported), citations=false)
    return reply.abstain(AbstainedReason.RELATED_BUT_NOT_ANSWERING, asked)
