"""Answers of members about their satisfaction: handed in by bots, or given by a member on a page of their own."""

import time
from collections import deque
from datetime import datetime
from functools import cache
from typing import Annotated, Final

from fastapi import APIRouter, Form, Request, Response
from fastapi.responses import HTMLResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from pydantic import BaseModel, Field

from agent.flows import surveys as flow
from agent.flows.incoming import Channel, EventMember, Moment, Strict, Word
from agent.flows.surveys import SCALES, Given, Who
from core import catalogue
from core.catalogue import best_locale
from core.errors import ForPeople, NotFound, TooMany
from core.vocabulary import SurveyKind
from server.console.render import HERE, static_root
from server.state import Here, Whoever

router = APIRouter(tags=["surveys"])
_BAD_A_MINUTE: Final = 60
_HEADERS: Final = {"cache-control": "no-store", "x-robots-tag": "noindex"}
_bad: deque[float] = deque(maxlen=_BAD_A_MINUTE)
"""When links that are none were tried in this process. Only such tries are turned away when there are many: a member's
own link always opens, however many guess."""


class AnswerIn(Strict):
    """`score` is 0–10 for `nps`, 1–5 for `csat`; `answer_id` is the bot's own, the same one counts once."""

    channel: Channel = Field(examples=["wecom"])
    community_id: Word = Field(examples=["hemiao-mama"])
    answer_id: Word = Field(examples=["a-1"])
    kind: SurveyKind
    score: int = Field(ge=0, le=10)
    at: Moment
    member: EventMember | None = None
    case_id: str | None = Field(None, max_length=40, description="the complaint that it is about")

    def given(self) -> Given:
        """As the flow takes it."""
        own = {name: getattr(self, name) for name in type(self).model_fields if name != "member"}
        return Given(**own, member=Who(self.member.id, self.member.name) if self.member else None)


class AnswersIn(Strict):
    answers: list[AnswerIn] = Field(min_length=1, max_length=500)


class AnswersTaken(BaseModel):
    added: int
    known: int


@router.post("/v1/surveys/answers", max_body_size=1024 * 1024)
def receive(batch: AnswersIn, services: Here, caller: Whoever) -> AnswersTaken:
    """Up to 500 answers, all or none. Repeats are counted as known."""
    taken = flow.receive(services, caller, [one.given() for one in batch.answers])
    return AnswersTaken(added=taken.added, known=taken.known)


class LinkIn(Strict):
    """A link for one answer; `member` is left out where it isn't known who will get it."""

    channel: Channel = Field(examples=["wecom"])
    community_id: Word = Field(examples=["hemiao-mama"])
    kind: SurveyKind
    member: EventMember | None = None


class LinkView(BaseModel):
    path: str
    url: str | None = Field(description="null where `surveys.address` is not set")
    expires_at: datetime


@router.post("/v1/surveys/links", status_code=201)
def link(wanted: LinkIn, services: Here, caller: Whoever) -> LinkView:
    """Make a link that takes one answer, for a bot to send."""
    who = Who(wanted.member.id, wanted.member.name) if wanted.member else None
    place = {"channel": wanted.channel, "community_id": wanted.community_id}
    made = flow.make_link(services, caller, **place, kind=wanted.kind, member=who)
    return LinkView(path=made.path, url=made.url, expires_at=made.expires_at)


@router.get("/s/{token}", response_class=HTMLResponse, include_in_schema=False)
def form(token: str, request: Request, services: Here) -> Response:
    """The page on which a member answers: no sign-in, nothing about the member on it. Looking takes no answer, since
    chat programs open links beforehand."""
    try:
        with services.database.read() as db:
            link = flow.open_link(db, services, token)
    except ForPeople as error:
        return _refused(request, error)
    kind = SurveyKind(link.kind)
    return _page(request, kind=kind, scores=list(SCALES[kind]))


@router.post("/s/{token}", response_class=HTMLResponse, include_in_schema=False)
def answer(token: str, request: Request, services: Here, score: Annotated[int, Form(ge=0, le=10)]) -> Response:
    """Take the answer. The token is all that speaks for whoever sends it: there is no cookie to be misused."""
    try:
        flow.answer_link(services, token, score)
    except ForPeople as error:
        return _refused(request, error)
    return _page(request, thanks=True)


def _refused(request: Request, error: ForPeople) -> Response:
    if isinstance(error, NotFound):
        error = _counted(error)
    locale = best_locale(request.headers.get("accept-language"))
    words = [catalogue.text(f"error.{error.code}.{part}", locale, **error.params) for part in ("title", "advice")]
    return _page(request, status=error.status, words=words)


def _counted(error: NotFound) -> ForPeople:
    now = time.monotonic()
    busy = len(_bad) == _BAD_A_MINUTE and now - _bad[0] < 60
    _bad.append(now)
    return TooMany("too_many_links") if busy else error


@cache
def _template() -> Template:
    """A page of its own: nothing of the console is shown to members."""
    made = Environment(loader=FileSystemLoader(HERE / "templates"), autoescape=True, undefined=StrictUndefined)
    return made.get_template("survey.html")


def _page(request: Request, *, status: int = 200, **values: object) -> Response:
    locale = best_locale(request.headers.get("accept-language"))
    plain: dict[str, object] = {"kind": None, "scores": [], "words": [], "thanks": False, "locale": locale}

    def say(key: str) -> str:
        return catalogue.text(f"survey.{key}", locale)

    html = _template().render(**(plain | values), say=say, static=static_root())
    return HTMLResponse(html, status, headers=dict(_HEADERS))
