"""Messages in, and what became of them."""

import asyncio
import time
from datetime import datetime
from typing import Annotated, Final

from fastapi import APIRouter, Header, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import BaseModel, Field

from agent.flows import intake, stuck
from agent.flows.incoming import IncomingMessage, Strict
from agent.services import Services
from core.caller import Caller
from core.errors import BadInput, Conflict, Forbidden, NotFound
from core.scopes import Scope
from core.vocabulary import MessageStage
from server.state import Here, Whoever, state_of
from server.views import MessageView, message_view
from store import messages

router = APIRouter(prefix="/v1", tags=["messages"])
_POLL_SECONDS: Final = 0.5
MOST_BATCH: Final = 500
BATCH_BYTES: Final = 4 * 1024 * 1024


@router.post("/messages", responses={202: {"model": MessageView, "description": "stored; a worker goes on"}})
async def receive(
    incoming: IncomingMessage,
    request: Request,
    response: Response,
    services: Here,
    caller: Whoever,
    wait: Annotated[float, Query(ge=0, le=20, description="seconds to wait for the full result")] = 0,
    idempotency_key: Annotated[str | None, Header(max_length=200)] = None,
) -> MessageView:
    """One message in. 200 with the full result if it is ready within `wait`, else 202; the risk verdict is always
    there."""
    receipt = await run_in_threadpool(intake.receive, services, caller, incoming, key=idempotency_key)
    if receipt.verdict is not None and not wait:
        view = MessageView(id=receipt.message_id, status=receipt.stage, revision=receipt.revision, risk=receipt.verdict)
    else:
        view = await run_in_threadpool(_view, services, receipt.message_id)
    if wait and view.status == MessageStage.RECEIVED:
        with state_of(request).traffic.idle():
            view = await _finished(request, services, receipt.message_id, wait)
    if view.status != MessageStage.RECEIVED:
        response.status_code = 200
        return view
    response.status_code = 202
    # A repeat is answered as the first was, whether or not the burst has ended meanwhile.
    return view.model_copy(update={"no_draft": None})


async def _finished(request: Request, services: Services, message_id: str, seconds: float) -> MessageView:
    """The message once it is finished, or as it stands after `seconds`; polls too, since a worker of another process
    announces nothing here."""
    end = time.monotonic() + seconds
    notices = state_of(request).notices
    waiting = asyncio.create_task(notices.wait(message_id, seconds))
    try:
        while True:
            view = await run_in_threadpool(_view, services, message_id)
            left = end - time.monotonic()
            if view.status != MessageStage.RECEIVED or left <= 0:
                return view
            await asyncio.wait([waiting], timeout=min(_POLL_SECONDS, left))
    finally:
        waiting.cancel()


def _view(services: Services, message_id: str) -> MessageView:
    with services.database.read() as db:
        row = messages.get(db, message_id)
        if row is None:
            raise NotFound("message_not_found")
        return message_view(db, services, row)


@router.get("/messages/{message_id}")
def read(message_id: str, services: Here, caller: Whoever) -> MessageView:
    """A message as it stands now."""
    with services.database.read() as db:
        row = messages.get(db, message_id)
        if row is None:
            raise NotFound("message_not_found")
        if not caller.allows(Scope.DRAFTS_READ, row.community_id):
            caller.require_seen(Scope.MESSAGES_READ, row.community_id, "message")
        return message_view(db, services, row)


class History(Strict):
    messages: list[IncomingMessage] = Field(min_length=1, max_length=MOST_BATCH)


class HistoryTaken(BaseModel):
    added: int
    known: int
    errors: list[dict[str, object]] = Field(description="by index; the others are stored")


@router.post("/messages:batch", max_body_size=BATCH_BYTES)
def receive_history(history: History, services: Here, caller: Whoever) -> HistoryTaken:
    """Up to 500 old messages: screened and kept, no drafts, no clocks."""
    if not caller.allows(Scope.DRAFTS_DECIDE):  # who decides may also paste, on the channel `manual`
        caller.require(Scope.MESSAGES_WRITE)
    added, errors = 0, []
    for index, incoming in enumerate(history.messages):
        outcome = _take(services, caller, incoming)
        if isinstance(outcome, bool):
            added += outcome
        else:
            errors.append({"index": index, "code": outcome})
    return HistoryTaken(added=added, known=len(history.messages) - added - len(errors), errors=errors)


def _take(services: Services, caller: Caller, incoming: IncomingMessage) -> bool | str:
    try:
        return not intake.receive(services, caller, incoming, history=True).replayed
    except (BadInput, Conflict, Forbidden, NotFound) as error:
        return error.code


class FailedMessage(BaseModel):
    """`last_error` is a code; the text stays where it is."""

    id: str
    community_id: str
    message_id: str
    received_at: datetime
    last_error: str | None


class FailedMessages(BaseModel):
    messages: list[FailedMessage]


@router.get("/messages:failed")
def failed(services: Here, caller: Whoever) -> FailedMessages:
    """Messages that ran out of tries, oldest first, at most 1,000."""
    return FailedMessages(
        messages=[
            FailedMessage(
                id=row.id,
                community_id=row.community_id,
                message_id=row.external_id,
                received_at=row.received_at,
                last_error=row.last_error,
            )
            for row in stuck.failed(services, caller)
        ]
    )


class Requeue(Strict):
    ids: list[str] | None = Field(None, max_length=MOST_BATCH, description="ours; all that failed where left out")


class Requeued(BaseModel):
    ids: list[str]


@router.post("/messages:requeue")
def requeue(wanted: Requeue, services: Here, caller: Whoever) -> Requeued:
    """Have failed messages handled again; the ids of those that were."""
    return Requeued(ids=stuck.requeue(services, caller, wanted.ids))
