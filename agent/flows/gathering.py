"""Questions that the knowledge base did not answer become candidates (候选): each with the open one that asks the same,
else with one of its own; and what people answered to them is kept beside. Nothing here makes an entry.

Looked at are drafts that abstained for want of knowledge, drafts whose text a person replaced by another answer, and
questions that staff answered by hand before there was a draft or past the one there was. History is left out.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple

from agent.flows import community, turns
from agent.flows.drafting import WORKER
from agent.services import Services
from agent.steps import candidates as step
from agent.steps import follow_up
from agent.steps.candidates import Group, Heard
from agent.steps.follow_up import Open, Part
from agent.steps.triage import questions
from core import log
from core.vocabulary import (
    AbstainedReason,
    CandidateKind,
    CandidateOrigin,
    DraftStatus,
    ExpiredReason,
    MessageKind,
    SenderRole,
)
from knowledge.embeddings import Vector
from knowledge.gate import Verdict
from store import candidates, changes, communities, drafts, messages, unanswered
from store.alone import alone
from store.audit import Deed
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import ReadSession, WriteSession
from store.vault import MemberKeys
from tools.knowledge import search_knowledge

_log = log.get(__name__)
UNKNOWN: Final = (
    AbstainedReason.NO_ANSWER_IN_KB,
    AbstainedReason.RELATED_BUT_NOT_ANSWERING,
    AbstainedReason.STALE_ENTRY,
)
"""Why a draft abstains where knowledge is missing; the other reasons would stay whatever the entries said."""
LOOKING_BACK: Final = timedelta(days=30)
MOST_MESSAGES: Final = 20_000
MOST_GROUPS: Final = 1_000
"""Open candidates that a new question is compared with, those asked last."""
MOST_MEMBERS: Final = 12
"""Wordings of a candidate that speak for it."""
MOST_SAID: Final = 60
SLICE: Final = 200
_REMEMBERED: Final = 12_000  # 25 MB at 512 dimensions
_WORDINGS: Final = 20_000
_DISMISSED: Final = 100_000


class Gathering(NamedTuple):
    """How many messages were placed, how many candidates that made, how many answers of people were found."""

    questions: int
    candidates: int
    answers: int


@dataclass(frozen=True, slots=True)
class Question:
    """A message that asks, with its wording."""

    message: MessageRow
    text: str


def sweep(services: Services) -> int:
    """Gather where any draft has changed since this process last did; how many messages were placed."""
    with services.database.read() as db:
        number = changes.number(db, changes.DRAFTS)
    if number == services.gathered.number:
        return 0
    placed = gather(services).questions
    services.gathered.number = number
    return placed


def gather(services: Services) -> Gathering:
    """Place everything that is new. Idempotent; of several processes one at a time does it. Raises `EmbeddingError`."""
    with services.gathered.lock, alone(services.database, "candidates"):
        placed, made = _place_all(services)
        return Gathering(placed, made, _answer_all(services))


def _place_all(services: Services) -> tuple[int, int]:
    with services.database.read() as db:
        found = _drafted(db, services) + _by_hand(db, services)
        if not found:
            return 0, 0
        known = _known(db, services)
    return _place(services, known, found)


def _drafted(db: ReadSession, services: Services) -> list[Question]:
    since = services.clock.now() - LOOKING_BACK
    rows = unanswered.unplaced(db, since, UNKNOWN, MOST_MESSAGES)
    fresh = {row.message_id: row for row in rows if row.seen not in services.gathered.dismissed}
    found: list[Question] = []
    for some in _slices(dict.fromkeys(row.draft_id for row in fresh.values())):
        found += _of_drafts(db, services, some)
    counted = {question.message.id: question for question in found if question.message.id in fresh}
    _dismiss(services, {row.seen for row in fresh.values() if row.message_id not in counted})
    return list(counted.values())


def _of_drafts(db: ReadSession, services: Services, draft_ids: Sequence[str]) -> list[Question]:
    """What was asked in the messages of drafts whose answer the knowledge base did not have."""
    found = []
    for draft_id, ids in drafts.message_ids(db, draft_ids).items():
        draft = drafts.get(db, draft_id)
        rows = {row.id: row for row in messages.many(db, ids) if not row.recalled}
        if draft is not None and _counts(db, services, draft, list(rows.values())):
            heard = [Heard(row.id, row.text) for row in rows.values()]
            found += [Question(rows[key], text) for key, text in step.askings(heard).items()]
    return found


def _counts(db: ReadSession, services: Services, draft: DraftRow, rows: Sequence[MessageRow]) -> bool:
    if draft.text is None:
        return True
    if draft.status == DraftStatus.MODIFIED:
        return step.rewritten(draft.text, draft.final_text or "") and not _picked(draft)
    by_hand = _by_staff(db, services, rows, unanswered.ended_at(db, draft.id))
    return by_hand is not None and len(by_hand.text) >= step.SUBSTANTIAL and step.rewritten(draft.text, by_hand.text)


def _picked(draft: DraftRow) -> bool:
    """Whether the person took another entry's answer: then a phrasing is missing, no entry."""
    return any(one.get("picked") for one in draft.alternatives)


def _by_hand(db: ReadSession, services: Services) -> list[Question]:
    """Questions that were answered before there was a draft, and that the knowledge base would not answer."""
    rows = [row for row in unanswered.answered_first(db) if row.id not in services.gathered.dismissed]
    asked = [row for row in rows if row.triage and row.triage["kind"] == MessageKind.QUESTION]
    found = [Question(row, step.wording(row.text)) for row in asked if not _would_answer(db, services, row)]
    _dismiss(services, {row.id for row in rows} - {question.message.id for question in found})
    return found


def _would_answer(db: ReadSession, services: Services, row: MessageRow) -> bool:
    view = community.view(db, row.community_id)
    found = search_knowledge(
        WORKER,
        services.knowledge,
        row.text,
        communities=view.lineage,
        today=community.today(services.clock.now()),
        threshold=view.threshold,
    )
    return found.judged.verdict == Verdict.ANSWERS


def _dismiss(services: Services, message_ids: set[str]) -> None:
    if len(services.gathered.dismissed) > _DISMISSED:
        services.gathered.dismissed.clear()
    services.gathered.dismissed |= message_ids


@dataclass(frozen=True, slots=True)
class _Known:
    """What stands for the open candidates: their groups, the wordings of each, and the vectors of those."""

    groups: list[Group]
    wordings: dict[str, list[str]]
    vectors: dict[str, Vector]


def _place(services: Services, known: _Known, found: Sequence[Question]) -> tuple[int, int]:
    """How many questions were placed, and how many candidates that made."""
    known.vectors.update(_vectors(services, [question.text for question in found]))
    vectors = {question.message.id: known.vectors[question.text] for question in found}
    groups = [group for group in step.place(known.groups, vectors) if group.joined]
    asked = {question.message.id: question for question in found}
    with services.database.write() as db:
        placed = [_store(db, group, known, asked) for group in groups]
        counts = sum(number for number, _ in placed), sum(made for _, made in placed)
        if counts[0]:
            details = {"questions": counts[0], "candidates": counts[1]}
            db.audit(Deed(WORKER, "candidates.gathered", "knowledge", "candidates", None, details))
    return counts


def _known(db: ReadSession, services: Services) -> _Known:
    rows = candidates.unanswered(db, MOST_GROUPS)
    asked = candidates.asked(db, [row.id for row in rows])
    shown = {row.id: asked[row.id][:MOST_MEMBERS] for row in rows}
    texts = _remembered(db, services, [message for some in shown.values() for message in some])
    said = {row.id: [texts[one] for one in shown[row.id] if one in texts] for row in rows}
    vectors = _vectors(services, [text for texts in said.values() for text in texts])
    groups = [_group(key, [vectors[text] for text in texts]) for key, texts in said.items() if texts]
    return _Known(groups, said, vectors)


def _group(key: str, vectors: Sequence[Vector]) -> Group:
    return Group(key, len(vectors), sum(vectors[1:], start=vectors[0]))


def _remembered(db: ReadSession, services: Services, message_ids: Sequence[str]) -> dict[str, str]:
    """`wordings_of`, each worked out once for a revision of its message."""
    known = services.gathered.wordings
    keys: dict[str, str] = {}
    for some in _slices(message_ids):
        keys |= {one: f"{one}:{revision}" for one, revision in unanswered.revisions(db, some).items()}
    fresh = wordings_of(db, [one for one, key in keys.items() if key not in known])
    known |= {keys[one]: text for one, text in fresh.items() if one in keys}
    found = {one: known[key] for one, key in keys.items() if key in known}
    _trim(known, _WORDINGS)
    return found


def _trim(known: dict[str, Any], most: int) -> None:
    """Forget what was remembered first."""
    for key in list(known)[: max(0, len(known) - most)]:
        del known[key]


def wordings_of(db: ReadSession, message_ids: Sequence[str]) -> dict[str, str]:
    """What each message asked, as when it was gathered; recalled ones are left out."""
    found: dict[str, str] = {}
    for some in _slices(message_ids):
        rows = {row.id: row for row in messages.many(db, some) if not row.recalled}
        found |= {key: step.wording(row.text) for key, row in rows.items()}
        answered = unanswered.drafts_of(db, list(rows))
        together = drafts.message_ids(db, list(dict.fromkeys(draft.id for draft in answered.values())))
        for ids in together.values():
            heard = [Heard(row.id, row.text) for row in messages.many(db, ids) if not row.recalled]
            found |= {key: text for key, text in step.askings(heard).items() if key in rows}
    return found


def _vectors(services: Services, texts: Sequence[str]) -> dict[str, Vector]:
    """A vector for every text; those seen lately are remembered."""
    known = services.gathered.vectors
    fresh = [text for text in dict.fromkeys(texts) if text not in known]
    found = {text: known[text] for text in texts if text in known}
    for some in _slices(fresh):
        rows = services.knowledge.embedder.embed(some)
        found |= {text: row.copy() for text, row in zip(some, rows, strict=True)}
    known |= found
    _trim(known, _REMEMBERED)
    return found


def _store(db: WriteSession, group: Group, known: _Known, asked: dict[str, Question]) -> tuple[int, int]:
    """Write what came to a group: how many messages, and whether that made a candidate. One that was decided on
    meanwhile stays as it is, and what came to it begins anew."""
    new = [asked[key] for key in group.joined]
    open_ = [one for one in (group.key, *group.absorbed) if one is not None and candidates.lock_open(db, one)]
    rows = [row for one in open_ if (row := candidates.get(db, one)) is not None]
    kept = open_[0] if open_ else _begin(db, new[0])
    placed = sum(candidates.ask(db, kept, question.message.id) for question in new)
    for other in open_[1:]:
        candidates.absorb(db, kept, other)
    wordings = [text for one in open_ for text in known.wordings[one]] + [question.text for question in new]
    candidates.change(
        db,
        kept,
        question=wordings[step.typical([known.vectors[text] for text in wordings])],
        community_id=_common(db, [row.community_id for row in rows] + [one.message.community_id for one in new]),
        last_asked_at=max([row.last_asked_at for row in rows] + [one.message.sent_at for one in new]),
    )
    candidates.recount(db, kept)
    return placed, int(not open_)


def _begin(db: WriteSession, first: Question) -> str:
    kind, origin = CandidateKind.ENTRY, CandidateOrigin.UNANSWERED
    return candidates.add(
        db, community_id=first.message.community_id, kind=kind, origin=origin, question=first.text, entry_id=None
    )


def _common(db: ReadSession, community_ids: Sequence[str]) -> str:
    """The lowest community that all of these are in: who may read there may read every question."""
    lineages = [communities.lineage(db, one) for one in dict.fromkeys(community_ids)]
    return next(one for one in lineages[0] if all(one in lineage for lineage in lineages))


def _answer_all(services: Services) -> int:
    """Keep what people answered to messages of open candidates since; how many answers were new."""
    with services.database.read() as db:
        pairs = unanswered.with_new_answer(db, MOST_MESSAGES)
        fresh = [pair for pair in pairs if _unheard(pair[1]) not in services.gathered.dismissed]
        found = [(key, message_id, _answered(db, services, message_id)) for key, message_id in fresh]
    _dismiss(services, {_unheard(message_id) for _, message_id, answer in found if answer is None})
    new = [(key, answer) for key, _, answer in found if answer is not None]
    if not new:
        return 0
    with services.database.write() as db:
        kept = [_keep(db, key, answer) for key, answer in new]
    # One staff message may answer several questions of a candidate, and is kept once.
    _dismiss(services, {_unheard(answer.message_id) for (_, answer), was in zip(new, kept, strict=True) if not was})
    return sum(kept)


def _unheard(message_id: str) -> str:
    """Stands in `dismissed` for a message whose answer can't be told from what else was said."""
    return f"answer:{message_id}"


def _keep(db: WriteSession, key: str, answer: step.Answered) -> bool:
    if not candidates.lock_open(db, key):
        return False
    values = {"source": answer.source, "source_id": answer.source_id, "message_id": answer.message_id, "at": answer.at}
    return candidates.answer(db, key, **values)


def _answered(db: ReadSession, services: Services, message_id: str) -> step.Answered | None:
    row = messages.get(db, message_id)
    draft = unanswered.drafts_of(db, [message_id]).get(message_id)
    if row is None:
        return None
    if draft is None:
        return _by_staff(db, services, [row], row.done_at)
    if draft.final_text is not None and draft.decided_at is not None:
        return step.Answered("draft", draft.id, message_id, draft.final_text, draft.decided_at)
    heard = messages.many(db, drafts.message_ids(db, [draft.id])[draft.id])
    answer = _by_staff(db, services, heard, unanswered.ended_at(db, draft.id))
    return None if answer is None else replace(answer, message_id=message_id)


def _by_staff(
    db: ReadSession, services: Services, asked: Sequence[MessageRow], until: datetime | None
) -> step.Answered | None:
    """The staff message after which the question was no longer open: the same rules say which it was."""
    if not asked or until is None:
        return None
    first = asked[0]
    said = messages.said_since(db, first.lane, max(row.sent_at for row in asked), [], MOST_SAID)
    heard = [row for row in said if row.received_at <= until and row.sender_role == SenderRole.STAFF]
    question = _open(db, services, asked)
    for number, row in enumerate(heard, 1):
        ended = follow_up.outcomes([question], [turns.said_of(one) for one in heard[:number]], _likeness(services))
        if ended.get(question.key) == ExpiredReason.HUMAN_ANSWERED:
            return step.Answered("staff", row.id, first.id, row.text, row.sent_at)
    return None


def _open(db: ReadSession, services: Services, asked: Sequence[MessageRow]) -> Open:
    first = asked[0]
    text = "\n".join(row.text for row in asked)
    return Open(
        key=first.id,
        member_id=first.member_id,
        asked_at=max(row.sent_at for row in asked),
        external_ids=frozenset(row.external_id for row in asked),
        parts=tuple(Part(one) for one in questions(text) or [text]),
        called=turns.called(db, MemberKeys(db, services.keyring), first.member_id, first.channel),
    )


def _likeness(services: Services) -> follow_up.Likeness:
    def cosine(left: str, right: str) -> float:
        vectors = _vectors(services, [left, right])
        return float(vectors[left] @ vectors[right])

    return cosine


def _slices(ids: Iterable[str]) -> Iterator[list[str]]:
    every = list(ids)
    return (every[start : start + SLICE] for start in range(0, len(every), SLICE))
