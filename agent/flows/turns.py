"""What a worker reads before it thinks: a member's turn (one message or a burst of several), what was said before and
after it, and the open questions that it may concern."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from agent.flows import community
from agent.flows.community import CommunityView
from agent.services import Services
from agent.steps import complaint, complaint_classifier
from agent.steps.complaint import Complaint
from agent.steps.follow_up import Open, Part, Said, correction
from agent.steps.triage import Triage, classify, questions
from core.vocabulary import OPEN_CASE_STATES, OPEN_DRAFT_STATUSES, Audience, MessageKind, MessageType, SenderRole
from knowledge.embeddings import Vector
from store import cases, drafts, members, messages
from store.cases import CaseRow
from store.drafts import DraftRow
from store.messages import MessageRow
from store.session import ReadSession
from store.vault import MemberKeys

LOOKING_BACK: Final = timedelta(hours=24)
"""Open drafts older than this are only ended by people and by the sweeper."""
MOST_SAID: Final = 60
MOST_BEFORE: Final = 12
_REPLY_DUE: Final = (MessageKind.QUESTION, MessageKind.COMPLAINT)


@dataclass(frozen=True, slots=True)
class Turn:
    """What one person said in one go; `rows` in their order, the first is the one that was due. `verdicts`: what of it
    complains, by the message's id; `whole`: the verdict on all of it together, where no message complains alone.
    `judged`: the language model was asked where they were unsure, `degraded`: in vain."""

    head: MessageRow
    rows: tuple[MessageRow, ...]
    verdicts: Mapping[str, Complaint] = field(default_factory=dict)
    whole: Complaint | None = None
    judged: bool = False
    degraded: bool = False

    @property
    def kept(self) -> tuple[MessageRow, ...]:
        """Those that were not recalled."""
        return tuple(row for row in self.rows if not row.recalled)

    @property
    def text(self) -> str:
        return "\n".join(row.text for row in self.kept if row.text.strip())

    @property
    def is_staff(self) -> bool:
        return self.head.sender_role == SenderRole.STAFF

    @property
    def unsure(self) -> bool:
        """Whether the language model is worth asking what of it complains."""
        return any(one.uncertain for one in self.verdicts.values()) or (self.whole is not None and self.whole.uncertain)

    @property
    def revision(self) -> int:
        """Grows with every edit of any of its messages, and whenever a person's word on a risk has it thought about
        again."""
        return sum(row.revision + row.releases for row in self.rows)

    def triages(self) -> dict[str, Triage]:
        """The kind of each message by itself."""
        return {row.id: self.triage(row) for row in self.rows}

    def triage(self, row: MessageRow) -> Triage:
        """The kind of one of its messages."""
        verdict = self.verdicts.get(row.id)
        if verdict is None:
            return classify(row.text, MessageType(row.type))
        return complaint.triaged(row.text, MessageType(row.type), verdict)


def read_turns(db: ReadSession, heads: Sequence[MessageRow]) -> list[Turn]:
    """What was said in one go with each of these."""
    bursts = messages.bursts(db, heads)
    return [Turn(head, tuple(bursts[head.id])) for head in heads]


def assessed(services: Services, turn: Turn) -> Turn:
    """The turn with what of it complains; nothing that staff says does. A scrap that may complain alone (买错了) does
    not where all of it together surely does not (买错了 怎么退款呀)."""
    if turn.is_staff:
        return turn
    verdicts = {row.id: _assess(services, row.text) for row in turn.kept}
    if len(verdicts) < 2 or any(one.is_complaint and not one.uncertain for one in verdicts.values()):
        return replace(turn, verdicts=verdicts)
    whole = _assess(services, turn.text)
    if not any(one.is_complaint for one in verdicts.values()):
        return replace(turn, verdicts=verdicts, whole=whole)
    if whole.is_complaint or whole.uncertain:
        return replace(turn, verdicts=verdicts)
    verdicts = {id: whole if one.is_complaint else one for id, one in verdicts.items()}
    return replace(turn, verdicts=verdicts, whole=whole)


def _assess(services: Services, text: str) -> Complaint:
    embedder = services.knowledge.embedder

    def vector() -> Vector:
        found: Vector = embedder.embed([text])[0]
        return found

    # The classifier was fitted on the vectors of one encoder; another's would say anything.
    fits = embedder.name == complaint_classifier.shipped().encoder
    return complaint.assess(text, vector=vector if fits else None)


@dataclass(frozen=True, slots=True)
class Read:
    """Everything that thinking about a turn needs. `triage` is the turn's as a whole; `due` says whether a reply is
    wanted; `opens` are open questions of this conversation by their draft's id (complaints without an open draft by
    their case's), `later` what was said since. `heard` counts what staff and the member said from the turn on, for
    `store.messages.heard` to be compared with later."""

    turn: Turn
    triage: Triage
    due: bool
    at: datetime
    community: CommunityView | None = None
    has_name: bool = False
    audience: Audience | None = None
    before: tuple[Said, ...] = ()
    quoted: str | None = None
    opens: tuple[Open, ...] = ()
    later: tuple[Said, ...] = ()
    open_drafts: tuple[DraftRow, ...] = ()
    open_cases: tuple[CaseRow, ...] = ()
    heard: int = 0


def read_all(db: ReadSession, services: Services, turns: Sequence[Turn], now: datetime) -> list[Read]:
    """One read for each turn. Most turns want no draft and concern no open question, and cost one query together."""
    speakers = {t.head.member_id for t in turns if t.head.member_id and not t.is_staff}
    asking = drafts.members_with_open(db, speakers) | cases.members_with_open(db, speakers)
    reader = _Reader(db, services, now)
    return [reader.read(turn, asking) for turn in turns]


class _Reader:
    """Reads of one batch share what they know of communities and keys."""

    def __init__(self, db: ReadSession, services: Services, now: datetime) -> None:
        self._db = db
        self._keys = MemberKeys(db, services.keyring)
        self._views: dict[str, CommunityView] = {}
        self._now = now

    def read(self, turn: Turn, asking: set[str]) -> Read:
        triage = overall(turn)
        due = not turn.is_staff and bool(turn.kept) and triage.kind in _REPLY_DUE
        read = Read(turn, triage, due, self._now)
        if turn.is_staff or turn.head.member_id in asking:
            read = self._with_opens(read)
        return self._with_context(read) if due or read.opens else read

    def _view(self, community_id: str) -> CommunityView:
        if community_id not in self._views:
            self._views[community_id] = community.view(self._db, community_id)
        return self._views[community_id]

    def _with_opens(self, read: Read) -> Read:
        head = read.turn.head
        whose = None if read.turn.is_staff else head.member_id
        since = self._now - LOOKING_BACK
        rows = drafts.open_in_lane(self._db, head.lane, since=since, member_id=whose)
        # A question whose draft was turned down still waits for somebody's answer.
        turned_down = drafts.rejected_waiting(self._db, head.lane, since=since) if read.turn.is_staff else []
        ids = {row.id for row in read.turn.rows}
        opens = [one for row in (*rows, *turned_down) if (one := self._open(row, ids)) is not None]
        complained = self._cases(head, whose, {row.case_id for row in rows})
        opens += [one for row in complained if (one := self._open_case(row, ids)) is not None]
        if not opens:
            return read
        who = [*opens_members(rows), *(row.member_id for row in complained if row.member_id is not None)]
        said = self._said_since(head.lane, min(one.asked_at for one in opens), who, ids)
        later = (*said, *map(said_of, read.turn.kept))
        return replace(read, opens=tuple(opens), later=later, open_drafts=tuple(rows), open_cases=tuple(complained))

    def _open(self, draft: DraftRow, own: set[str]) -> Open | None:
        answered = messages.many(self._db, drafts.message_ids(self._db, [draft.id])[draft.id])
        asked = [row for row in answered if row.id not in own]
        if not asked:
            return None
        text = "\n".join(row.text for row in asked)
        # Words like those that were rejected tell nothing: they may answer something else.
        answers = _answers(draft) if draft.status in OPEN_DRAFT_STATUSES else ()
        return Open(
            key=draft.id,
            member_id=draft.member_id,
            asked_at=max(row.sent_at for row in asked),
            external_ids=frozenset(row.external_id for row in asked),
            parts=_parts(text, answers),
            called=called(self._db, self._keys, draft.member_id, draft.channel),
            complains=draft.case_id is not None,
        )

    def _cases(self, head: MessageRow, whose: str | None, drafted: set[str | None]) -> list[CaseRow]:
        """Complaints that this turn may concern and whose drafts are decided: of staff's turn those that nobody has
        answered, of a member's their own."""
        since = self._now - LOOKING_BACK
        if whose is not None:
            found = [row for row in cases.of_member(self._db, whose, head.community_id, since=since)]
            return [row for row in found if row.id not in drafted and row.state in OPEN_CASE_STATES]
        private = head.lane.partition(":")[2] or None
        rows = cases.unanswered(self._db, head.community_id, since, member_id=private)
        return [row for row in rows if row.id not in drafted and private in (None, row.member_id)]

    def _open_case(self, row: CaseRow, own: set[str]) -> Open | None:
        said = [one for one in messages.many(self._db, cases.message_ids(self._db, row.id)) if one.id not in own]
        if not said:
            return None
        return Open(
            key=row.id,
            member_id=row.member_id,
            asked_at=max(one.sent_at for one in said),
            external_ids=frozenset(one.external_id for one in said),
            parts=(Part("\n".join(one.text for one in said)),),
            called=called(self._db, self._keys, row.member_id, row.channel),
            complains=True,
        )

    def _said_since(self, lane: str, since: datetime, who: Sequence[str], without: set[str]) -> list[Said]:
        rows = messages.said_since(self._db, lane, since, who, MOST_SAID)
        return [said_of(row) for row in rows if row.id not in without]

    def _audience(self, head: MessageRow, view: CommunityView) -> Audience | None:
        """Whether entries for new or for old members are meant for the asker; None where nobody knows since when they
        are here."""
        joined = members.joined_at(self._db, head.member_id, view.lineage) if head.member_id else None
        if joined is None:
            return None
        return Audience.NEW if (self._now - joined).days <= view.new_days else Audience.OLD

    def _with_context(self, read: Read) -> Read:
        head, last = read.turn.head, read.turn.rows[-1]
        view = self._view(head.community_id)
        member = members.get(self._db, head.member_id) if head.member_id else None
        found = replace(
            read,
            community=view,
            has_name=bool(self._keys.name(member)),
            audience=self._audience(head, view),
            before=self._before(read.turn, view.context),
            quoted=self._quoted(read.turn),
            heard=messages.heard(self._db, head.lane, head.sent_at, head.member_id),
        )
        if not read.due:
            return found
        since = self._said_since(head.lane, last.sent_at, [head.member_id] if head.member_id else [], set())
        asked, rest = _split(read.turn)
        if not since and not rest:
            return found
        own = Open(
            key=head.id,
            member_id=head.member_id,
            asked_at=asked[-1].sent_at,
            external_ids=frozenset(row.external_id for row in read.turn.rows),
            parts=_parts("\n".join(row.text for row in asked), ()),
            called=called(self._db, self._keys, head.member_id, head.channel),
            complains=read.triage.kind is MessageKind.COMPLAINT,
        )
        # Said in one breath, 打错了 corrects the wording and takes nothing back.
        closing = [said_of(row) for row in rest if correction(row.text) is None]
        return replace(found, opens=(*read.opens, own), later=(*read.later, *closing, *since))

    def _before(self, turn: Turn, context: timedelta) -> tuple[Said, ...]:
        """What was said shortly before, our own approved replies included."""
        head = turn.head
        since = head.sent_at - context
        ids = {row.id for row in turn.rows}
        rows = messages.conversation(self._db, head.lane, head.sent_at, MOST_BEFORE + len(ids))
        said = [said_of(row) for row in rows if row.id not in ids and row.sent_at >= since and not row.recalled]
        sent = drafts.sent(self._db, head.lane, since, MOST_BEFORE)
        said += [_sent(draft) for draft in sent if draft.decided_at and draft.decided_at <= head.sent_at]
        return tuple(sorted(said, key=lambda one: one.at)[-MOST_BEFORE:])

    def _quoted(self, turn: Turn) -> str | None:
        """The text of the message that the turn quotes."""
        head = turn.head
        quoting = next((row.reply_to for row in turn.kept if row.reply_to), None)
        row = messages.by_key(self._db, head.channel, head.community_id, quoting) if quoting else None
        return row.text if row is not None and row.lane == head.lane and not row.recalled else None


def overall(turn: Turn) -> Triage:
    """The turn's kind: that of its messages together, or, where they want no reply together, of the first that does."""
    single = [turn.triage(row) for row in turn.kept]
    complains = next((triage for triage in single if triage.kind is MessageKind.COMPLAINT), None)
    if complains is not None:
        return complains
    if len(single) == 1:
        return single[0]
    type_ = MessageType(turn.head.type)
    whole = classify(turn.text, type_)
    if turn.whole is not None:
        whole = complaint.triaged(turn.text, type_, turn.whole)
    if whole.kind in _REPLY_DUE:
        return whole
    return next((triage for triage in single if triage.kind in _REPLY_DUE), whole)


def _split(turn: Turn) -> tuple[tuple[MessageRow, ...], tuple[MessageRow, ...]]:
    """The messages up to the last one that wants a reply by itself, and what was said after it in the same breath."""
    kinds = [turn.triage(row).kind for row in turn.kept]
    end = max((number for number, kind in enumerate(kinds, 1) if kind in _REPLY_DUE), default=len(kinds))
    return turn.kept[:end], turn.kept[end:]


def called(db: ReadSession, keys: MemberKeys, member_id: str | None, channel: str) -> frozenset[str]:
    """What a mention of a member looks like in messages of a channel."""
    if member_id is None:
        return frozenset()
    identity = members.identity(db, member_id, channel)
    name = keys.name(members.get(db, member_id))
    return frozenset(([identity.external_hash] if identity else []) + ([f"@{name}"] if name else []))


def said_of(row: MessageRow) -> Said:
    """A message as `follow_up` reads it."""
    return Said(
        role=SenderRole(row.sender_role),
        member_id=row.member_id,
        at=row.sent_at,
        text=row.text,
        reply_to=row.reply_to,
        mentions=tuple(row.mentions),
    )


def opens_members(rows: Iterable[DraftRow]) -> list[str]:
    return [row.member_id for row in rows if row.member_id is not None]


def _sent(draft: DraftRow) -> Said:
    assert draft.decided_at is not None
    return Said(SenderRole.BOT, None, draft.decided_at, draft.final_text or draft.text or "", draft.reply_to)


def _parts(text: str, answers: Sequence[str]) -> tuple[Part, ...]:
    asked = questions(text) or [text]
    matched = answers if len(answers) == len(asked) else [""] * len(asked)
    return tuple(Part(question, answer) for question, answer in zip(asked, matched, strict=True))


def _answers(draft: DraftRow) -> list[str]:
    return [cited["quote"] for cited in draft.citations if cited["used"]]
