"""Judges a recording by what its dialogue says must have come of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from agent.steps.question_split import questions
from core.text import tokens
from core.vocabulary import AbstainedReason, ExpiredReason, MessageKind, NoDraftReason
from evals import dialogue_case_checks as of_cases
from evals.dialogue_kinds import UNSCORED
from evals.dialogue_rows import Check
from evals.replay import Recording
from evals.seen import DraftSeen, Snapshot
from evals.verdicts import Verdict, moment_after
from knowledge.entries import Entry

_REPLACED: Final = (ExpiredReason.MESSAGE_EDITED, ExpiredReason.MESSAGE_RECALLED)
_ABOUT_ITSELF: Final = (NoDraftReason.NOT_A_QUESTION, NoDraftReason.NOT_FROM_MEMBER, NoDraftReason.HISTORY)
"""Reasons that stand on the very message, never on an earlier one of its sender."""
_SHARED: Final = 0.5
"""Share of the words of `refers_to` from which an entry's title and phrasings speak of the same thing."""

Entries = Mapping[str, Entry]


def judge(check: Check, recording: Recording, entries: Entries) -> Verdict:
    """`entries` are those that the dialogue could be answered from, by id."""
    if check.type in UNSCORED:
        return Verdict(None, f"{check.type}_not_scored")
    if check.type in of_cases.JUDGES:
        return of_cases.JUDGES[check.type](check.values, recording)
    if check.type not in _JUDGES:
        return Verdict(None, "unknown_type")
    return _JUDGES[check.type](check.values, recording, entries)


def _merged(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    turns, count = values["turns"], values["count"]
    found = _distinct(draft for turn in turns for draft in recording.end.answering(turn))
    left_out = [turn for turn in turns if not recording.end.answering(turn)]
    said = f"{len(found)} drafts for {turns}" + (f", none for {left_out}" if left_out else "")
    return Verdict(len(found) == count and not left_out, said)


def _questions(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    """A draft that answers several questions may count as one or as each of them."""
    found, assigned = _distinct(recording.end.drafts), values.get("assign") or {}
    most = sum(_asked(draft, recording) for draft in found)
    if not len(found) <= values["count"] <= most:
        return Verdict(False, f"{len(found)} drafts with {most} questions")
    for sender, turns in assigned.items():
        for turn in turns:
            drafts = recording.end.answering(turn)
            if not drafts:
                return Verdict(False, f"no draft for turn {turn}")
            if any(_senders(draft, recording) != {sender} for draft in drafts):
                return Verdict(False, f"turn {turn} is answered together with others' messages")
    return Verdict(True, f"{len(found)} drafts with {most} questions")


def _asked(draft: DraftSeen, recording: Recording) -> int:
    said = "\n".join(recording.dialogue.turns[turn].text for turn in sorted(draft.turns))
    return max(len(draft.used) + draft.unanswered, len(questions(said)), 1)


def _senders(draft: DraftSeen, recording: Recording) -> set[str]:
    return {recording.dialogue.turns[turn].sender for turn in draft.turns}


def _question(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    turn = values["turn"]
    seen = recording.end.messages.get(turn)
    drafted = bool(recording.end.answering(turn))
    kind = seen.kind if seen else None
    return Verdict(drafted or kind in (MessageKind.QUESTION, MessageKind.COMPLAINT), _told(recording.end, turn))


def _not_question(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    """Chatter inside a burst that asks something belongs to that question, which is no mistake."""
    turns = set(values["turns"])
    for turn in sorted(turns):
        drafts = recording.end.answering(turn)
        kind = recording.end.messages[turn].kind
        alone = not any(draft.turns - turns for draft in drafts)
        if alone and kind != MessageKind.COMPLAINT and (drafts or kind == MessageKind.QUESTION):
            return Verdict(False, _told(recording.end, turn))
    return Verdict(True, "; ".join(_told(recording.end, turn) for turn in sorted(turns)))


def _reference(values: Mapping[str, Any], recording: Recording, entries: Entries) -> Verdict:
    turn, refers_to = values["turn"], values["refers_to"]
    words = recording.dialogue.turns[refers_to].text if isinstance(refers_to, int) else refers_to
    named = values.get("entries")
    meant = set(named) & entries.keys() if named else {entry.id for entry in entries.values() if _shares(words, entry)}
    if not meant:
        return Verdict(None, "nothing_in_knowledge_shares_the_words")
    drafts = [draft for draft in recording.end.answering(turn) if draft.expired not in _REPLACED]
    if not drafts:
        return Verdict(False, _told(recording.end, turn))
    got = {entry for draft in drafts for entry in draft.used or (draft.nearest,) if entry}
    return Verdict(bool(got & meant), f"retrieved {', '.join(sorted(got)) or 'nothing'}")


def _shares(words: str, entry: Entry) -> bool:
    """Whether an entry's title or phrasings have at least half of the words."""
    asked = {word for word in tokens(words) if len(word) > 1} or set(tokens(words))
    there = {word for text in (entry.title, *entry.phrasings) for word in tokens(text)}
    return bool(asked) and len(asked & there) >= _SHARED * len(asked)


def _count(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    found = _distinct(recording.end.drafts)
    return Verdict(len(found) == values["expect"], f"{len(found)} drafts: {_listed(found)}")


def _no_draft(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    reason, after = values["reason"], values.get("after_turn")
    last = len(recording.dialogue.turns) - 1
    subjects = _subjects(values, recording, last if after is None else after)
    if reason == NoDraftReason.BURST_NOT_FINISHED:
        return _unfinished(recording, values.get("turn", after), last)
    snapshot = recording.end if after is None else moment_after(recording, after, subjects)
    # An abstention is an item that a person sees: it is no draft only where the reason is an abstention's.
    is_abstention = reason in list(AbstainedReason)
    for turn in subjects:
        drafts = snapshot.answering(turn)
        if is_abstention and any(draft.abstained == reason for draft in drafts):
            return Verdict(True, _told(snapshot, turn))
        if not is_abstention and not any(d.open for d in drafts) and reason in _why_none(snapshot, turn):
            return Verdict(after is not None or not any(d.open for d in snapshot.drafts), _all_told(snapshot, subjects))
    return Verdict(False, _all_told(snapshot, subjects))


def _unfinished(recording: Recording, turn: int | None, last: int) -> Verdict:
    turn = last if turn is None else turn
    at_once = recording.after[turn]
    waits = at_once.waiting(turn) or NoDraftReason.BURST_NOT_FINISHED in _why_none(at_once, turn)
    return Verdict(waits and not at_once.answering(turn), _told(at_once, turn))


def _why_none(snapshot: Snapshot, turn: int) -> set[str | None]:
    seen = snapshot.messages.get(turn)
    return {seen.no_draft if seen else None, *(draft.expired for draft in snapshot.answering(turn))}


def _subjects(values: Mapping[str, Any], recording: Recording, after: int) -> list[int]:
    """The turns that a check is about: the one that it names; else, after a member's turn, what they had said, and
    after staff's, what any member had."""
    turns = recording.dialogue.turns
    if values.get("turn") is not None:
        return [values["turn"]]
    this = turns[after]
    if values.get("after_turn") is not None and values.get("reason") in _ABOUT_ITSELF:
        return [after]
    own = values.get("after_turn") is not None and this.is_member and values["type"] == "no_draft"
    return [
        turn.number
        for turn in turns[: after + 1]
        if turn.is_member and turn.recalls is None and (not own or turn.sender == this.sender)
    ]


def _none_before(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    """For a member's turn only drafts for that member count: others may have asked before."""
    turn = recording.dialogue.turns[values["turn"]]
    found = recording.before[turn.number].drafts
    if turn.is_member:
        found = [draft for draft in found if turn.sender in _senders(draft, recording)]
    return Verdict(not found, f"{len(found)} drafts before turn {turn.number}: {_listed(found)}")


def _kept(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    after = values["after_turn"]
    subjects = _subjects(values, recording, after)
    snapshot = moment_after(recording, after, subjects)
    open_ones = [draft for turn in subjects for draft in snapshot.answering(turn) if draft.open]
    return Verdict(bool(open_ones), _all_told(snapshot, subjects))


def _expires(values: Mapping[str, Any], recording: Recording, _entries: Entries) -> Verdict:
    """Where the reason came before any draft was made, none is made for the same reason: as good."""
    turn, at, reason = values["turn"], values["at_turn"], values["reason"]
    # A draft of which the topic has passed may expire by time alone, before the turn that shows it.
    by_time = reason == ExpiredReason.CONVERSATION_MOVED_ON and at > 0
    earlier = (recording.after[at - 1] if by_time else recording.before[at]).answering(turn)
    if earlier and not any(draft.open for draft in earlier):
        return Verdict(False, f"before turn {at}: {_listed(earlier)}")
    snapshot = moment_after(recording, at, [turn])
    drafts = snapshot.answering(turn)
    before = [draft for draft in drafts if draft.id in {one.id for one in earlier}] or drafts
    gone = not any(draft.open for draft in before) and reason in _why_none(snapshot, turn)
    return Verdict(gone, f"after turn {at}: {_told(snapshot, turn)}")


_JUDGES: Final[Mapping[str, Callable[[Mapping[str, Any], Recording, Entries], Verdict]]] = {
    "merged_question": _merged,
    "questions": _questions,
    "question": _question,
    "not_question": _not_question,
    "resolve_reference": _reference,
    "draft_count": _count,
    "no_draft": _no_draft,
    "no_draft_before_turn": _none_before,
    "draft_kept": _kept,
    "draft_expires": _expires,
}


def _distinct(drafts: Iterable[DraftSeen]) -> list[DraftSeen]:
    """What a person had before them: a complaint's two drafts are one item, and what an edit or recall took back was
    never asked."""
    kept = [draft for draft in drafts if draft.expired not in _REPLACED]
    return list({draft.turns: draft for draft in kept}.values())


def _listed(drafts: Sequence[DraftSeen]) -> str:
    return "; ".join(f"{sorted(draft.turns)} {draft.expired or draft.abstained or draft.status}" for draft in drafts)


def _told(snapshot: Snapshot, turn: int) -> str:
    """What had become of a turn, in a line."""
    seen = snapshot.messages.get(turn)
    if seen is None:
        return f"turn {turn} had not come"
    drafts = snapshot.answering(turn)
    what = _listed(drafts) if drafts else "waiting" if seen.waiting else f"no draft ({seen.no_draft})"
    return f"turn {turn} {seen.kind or 'not read'}: {what}"


def _all_told(snapshot: Snapshot, turns: Sequence[int]) -> str:
    return "; ".join(_told(snapshot, turn) for turn in turns)
