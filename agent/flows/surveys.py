"""Satisfaction (满意度): answers come in from bots, as events, or by a link that takes one answer. After a case was
closed the member is asked, by a message that a person approves."""

import hmac
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from agent.flows import cases as cases_flow
from agent.flows import draft_store, people
from agent.flows.draft_store import Note
from agent.services import Services
from core import tunables
from core.caller import Caller, system_caller
from core.errors import BadInput, NotFound
from core.ids import new_id
from core.scopes import Scope
from core.text import normalize
from core.vocabulary import (
    OPEN_DRAFT_STATUSES,
    CaseAnswer,
    Conversation,
    SurveyKind,
    SurveySource,
)
from prompts.loader import render
from store import cases, changes, communities, drafts, privacy, settings, surveys
from store.audit import Deed
from store.cases import CaseRow
from store.messages import MessageRow
from store.session import ReadSession, WriteSession
from store.surveys import SurveyLinkRow

MEMBER: Final = system_caller("survey")
"""Who answers: the audit names the way, and the case its member."""
SCALES: Final = {SurveyKind.NPS: range(11), SurveyKind.CSAT: range(1, 6)}
SATISFIED: Final = 4
"""CSAT from which a member is satisfied, as `csat` counts it."""
_AHEAD: Final = timedelta(minutes=5)
_SIGNED: Final = 32
"""Hexadecimal digits of a link's signature: 128 bits."""
_REASON: Final = "satisfaction"
_NUMBERS: Final = {
    word: number for number, words in enumerate(("1一", "2二两", "3三", "4四", "5五"), 1) for word in words
}
_SCORE: Final = re.compile(rf"(?:打|给)?(?P<score>[{''.join(_NUMBERS)}])\s*(?:分|星)?\s*[。.!~]?")


@dataclass(frozen=True, slots=True)
class Who:
    """A member by their id on the channel."""

    id: str
    name: str | None = None


@dataclass(frozen=True, slots=True)
class Given:
    """An answer as a bot hands it in. `answer_id` is the bot's own: the same one counts once."""

    channel: str
    community_id: str
    answer_id: str
    kind: SurveyKind
    score: int
    at: datetime
    member: Who | None = None
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """`known` had come in before with the same score."""

    added: int
    known: int


def check_score(kind: SurveyKind, score: int, **extra: Any) -> None:
    """Raises `BadInput` `score_out_of_range`: 0–10 for NPS, 1–5 for CSAT."""
    scale = SCALES[kind]
    if score not in scale:
        raise BadInput("score_out_of_range", extra={"field": "score"} | extra, low=scale[0], high=scale[-1])


def receive(services: Services, caller: Caller, given: Sequence[Given]) -> Taken:
    """Store a batch in one transaction: all of it or nothing.

    Raises `NotFound` (`community_not_found`, `complaint_not_found`), `Forbidden`, `BadInput` (`score_out_of_range`,
    `at_in_future`, `survey_changed`) with its place in the batch.
    """
    latest = services.clock.now() + _AHEAD
    for number, one in enumerate(given):
        check_score(one.kind, one.score, index=number)
        if one.at > latest:
            raise BadInput("at_in_future", extra={"index": number, "field": "at"})
    with services.database.read() as db:
        for community_id in {one.community_id for one in given}:
            if communities.get(db, community_id) is None:
                raise NotFound("community_not_found", extra={"community_id": community_id})
            caller.require(Scope.EVENTS_WRITE, community_id)
    with services.database.write() as db:
        added = sum(_receive(db, services, caller, number, one) for number, one in enumerate(given))
        changes.note(db, changes.COMPLAINTS)
    return Taken(added, len(given) - added)


def _receive(db: WriteSession, services: Services, caller: Caller, number: int, one: Given) -> bool:
    external_id = f"api:{one.answer_id}"
    known = surveys.of_key(db, one.channel, one.community_id, external_id)
    if known is not None:
        if (known.kind, known.score) != (one.kind, one.score):
            raise BadInput("survey_changed", extra={"index": number, "answer_id": one.answer_id})
        return False
    case = _case(db, one, number)
    member_id = people.find_or_make(db, services.keyring, one.channel, one.member) if one.member else None
    values: dict[str, Any] = {"channel": one.channel, "community_id": one.community_id, "external_id": external_id}
    values |= {"kind": one.kind, "score": one.score, "source": SurveySource.API, "at": one.at}
    who = {"member_id": member_id or (case.member_id if case else None), "case_id": one.case_id}
    added = surveys.add(db, **values, **who) is not None
    if added and case is not None:
        _tell_case(db, services, case.id, one.kind, one.score, caller)
    return added


def _case(db: ReadSession, one: Given, number: int) -> CaseRow | None:
    if one.case_id is None:
        return None
    case = cases.get(db, one.case_id)
    if case is None or case.community_id != one.community_id:
        raise NotFound("complaint_not_found", extra={"index": number})
    return case


def _tell_case(db: WriteSession, services: Services, case_id: str, kind: str, score: int, by: Caller) -> None:
    """What was said of a case's result is the member's answer to it."""
    if kind == SurveyKind.CSAT:
        said = CaseAnswer.SATISFIED if score >= SATISFIED else CaseAnswer.UNSATISFIED
        cases_flow.note_answer(db, services, case_id, said, by)


def note_event(
    db: WriteSession,
    *,
    channel: str,
    community_id: str,
    event_id: str,
    member_id: str | None,
    at: datetime,
    data: dict[str, Any],
) -> bool:
    """An event of type `survey` with `{kind, score}` is an answer; one that says something else is only an event."""
    kind, score = data.get("kind"), data.get("score")
    if kind not in list(SurveyKind) or isinstance(score, bool) or not isinstance(score, int):
        return False
    if score not in SCALES[SurveyKind(kind)]:
        return False
    values: dict[str, Any] = {"channel": channel, "community_id": community_id, "external_id": f"event:{event_id}"}
    more = {"kind": kind, "score": score, "source": SurveySource.EVENT, "member_id": member_id, "at": at}
    return surveys.add(db, **values, **more) is not None


def ask(db: WriteSession, services: Services, case: CaseRow) -> str | None:
    """Draft the message that asks the member of a case whether they are satisfied; the draft's id, or None where there
    is no member (any more) or they are asked already. A case that was closed again asks again."""
    if case.member_id is None or privacy.erasure(db, case.member_id) is not None or _is_asked(db, case):
        return None
    about = About(case.channel, case.community_id, SurveyKind.CSAT, case.member_id, case.id)
    link = _link(db, services, about)
    url = address(db, link.token)
    text, lane = render("survey/csat", link=url).strip(), f"survey:{case.id}"
    note = Note(case.community_id, case.channel, case.member_id, lane, text, [url] if url else [], _REASON)
    draft = draft_store.add_note(db, note, MEMBER.id)
    link.draft_id = draft.id
    db.add(link)
    db.flush()
    return draft.id


def _is_asked(db: ReadSession, case: CaseRow) -> bool:
    """Whether the message that asks is still waiting for its approval."""
    known = surveys.link_of_case(db, case.id, SurveyKind.CSAT)
    draft = drafts.get(db, known.draft_id) if known is not None and known.draft_id is not None else None
    return draft is not None and draft.status in OPEN_DRAFT_STATUSES


@dataclass(frozen=True, slots=True)
class About:
    """Whom a link asks, about what."""

    channel: str
    community_id: str
    kind: SurveyKind
    member_id: str | None
    case_id: str | None = None


@dataclass(frozen=True, slots=True)
class Linked:
    """`url` is None where the deployment has no public address; `path` always leads there on this service."""

    path: str
    url: str | None
    expires_at: datetime


def make_link(
    services: Services, caller: Caller, *, channel: str, community_id: str, kind: SurveyKind, member: Who | None
) -> Linked:
    """A link for one answer, for a bot to send: to one member, or to whoever gets it.

    Raises `NotFound` `community_not_found`, `Forbidden`.
    """
    with services.database.write() as db:
        if communities.get(db, community_id) is None:
            raise NotFound("community_not_found", extra={"community_id": community_id})
        caller.require(Scope.EVENTS_WRITE, community_id)
        member_id = people.find_or_make(db, services.keyring, channel, member) if member else None
        link = _link(db, services, About(channel, community_id, kind, member_id))
        db.add(link)
        db.audit(Deed(caller, "survey.linked", "survey", link.id, community_id, {"kind": kind}))
        return Linked(f"/s/{link.token}", address(db, link.token), link.expires_at)


def address(db: ReadSession, token: str) -> str | None:
    """Where a link is answered; None where the deployment has no public address."""
    base = settings.value(db, tunables.SURVEY_ADDRESS).rstrip("/")
    return f"{base}/s/{token}" if base else None


def source_of(db: ReadSession, draft_id: str) -> list[str]:
    """The link that a draft may hold, for the copy check."""
    link = surveys.link_of_draft(db, draft_id)
    url = address(db, link.token) if link is not None else None
    return [url] if url is not None else []


def _link(db: WriteSession, services: Services, about: About) -> SurveyLinkRow:
    link_id = new_id("svy")
    days = settings.value(db, tunables.SURVEY_DAYS, communities.lineage(db, about.community_id))
    return SurveyLinkRow(
        id=link_id,
        token=f"{link_id}.{_signature(services, link_id)}",
        kind=about.kind,
        channel=about.channel,
        community_id=about.community_id,
        member_id=about.member_id,
        case_id=about.case_id,
        created_at=db.now,
        expires_at=db.now + timedelta(days=days),
    )


def _signature(services: Services, link_id: str) -> str:
    return services.keyring.lookup_hash("survey_link", link_id)[:_SIGNED]


def open_link(db: ReadSession, services: Services, token: str) -> SurveyLinkRow:
    """The link of a token that may still be answered. Guesses fail at the signature, before any row is read.

    Raises `NotFound` `survey_link_unknown`, `BadInput` `survey_link_over` (answered, or its time is up).
    """
    link_id, _, signature = token.partition(".")
    if not hmac.compare_digest(signature.encode(), _signature(services, link_id).encode()):
        raise NotFound("survey_link_unknown")
    link = surveys.link(db, token)
    if link is None:
        raise NotFound("survey_link_unknown")
    if link.answered_at is not None or link.expires_at <= services.clock.now():
        raise BadInput("survey_link_over")
    return link


def answer_link(services: Services, token: str, score: int) -> None:
    """Take the one answer of a link. Raises as `open_link` does, `BadInput` `score_out_of_range`."""
    with services.database.write() as db:
        link = open_link(db, services, token)
        check_score(SurveyKind(link.kind), score)
        if not _take(db, services, link, score, SurveySource.LINK):
            raise BadInput("survey_link_over")
        changes.note(db, changes.COMPLAINTS)


def note_reply(db: WriteSession, services: Services, row: MessageRow) -> bool:
    """A number alone (5, 5分, 五分) that a member writes in private after they were asked for one is their answer;
    whether it was one. Who got a link was not: there a number may answer anything."""
    said = _SCORE.fullmatch(normalize(row.text).text.strip())
    if said is None or row.member_id is None or row.conversation != Conversation.PRIVATE or row.recalled or row.history:
        return False
    link = surveys.sent_to(db, row.member_id, row.community_id, SurveyKind.CSAT, row.sent_at)
    if link is None or address(db, link.token) is not None:
        return False
    if not _take(db, services, link, _NUMBERS[said["score"]], SurveySource.REPLY):
        return False
    changes.note(db, changes.COMPLAINTS)
    return True


def _take(db: WriteSession, services: Services, link: SurveyLinkRow, score: int, source: SurveySource) -> bool:
    """Keep the one answer of a link; False where it was taken or its time is up."""
    if not surveys.use(db, link.id):
        return False
    values: dict[str, Any] = {
        "channel": link.channel,
        "community_id": link.community_id,
        "external_id": f"link:{link.id}",
    }
    values |= {"kind": link.kind, "score": score, "source": source, "at": db.now}
    surveys.add(db, **values, member_id=link.member_id, case_id=link.case_id)
    if link.case_id is not None:
        _tell_case(db, services, link.case_id, link.kind, score, MEMBER)
    return True
