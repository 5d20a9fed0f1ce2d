"""The llm engine's door: every call of a language model goes through here, and is masked, limited, guarded and booked.

`Model` implements `agent.steps.asking.Asking`; `Model.chat` gives a guarded chat model for the loop. All processes of a
deployment share one breaker and one budget (`agent/flows/model_guard.py`).
"""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, TypeVar

from langchain_core.language_models import BaseChatModel
from pydantic import BaseModel

from agent.endpoint import CONNECT_SECONDS, Endpoint, Failed, Spent, estimate
from agent.flows import model_guard
from agent.flows.model_guard import Booking, Standing
from agent.model_answer import Form, answer_in_form
from agent.model_chat import GuardedChat
from agent.steps.asking import Failure, ModelUnavailable
from agent.wire import Deadline
from core import log
from core.clock import Clock
from core.errors import QunzhuError
from core.masking import mask, mask_values
from core.settings import Environment
from prompts.loader import load
from store.session import Database

_log = log.get(__name__)
T = TypeVar("T", bound=BaseModel)
R = TypeVar("R")
_FRESH: Final = timedelta(seconds=1)
_REFUSED: Final = (Failure.BREAKER_OPEN, Failure.OVER_BUDGET)


@dataclass(frozen=True, slots=True)
class _Seen:
    at: datetime
    standing: Standing


class Model:
    """Safe from threads. `time_limit` in seconds holds for a whole call with its retries and repair."""

    def __init__(
        self,
        env: Environment,
        database: Database,
        clock: Clock,
        *,
        time_limit: float | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        pause_seconds: float = 0.5,
    ) -> None:
        self._endpoint = Endpoint(env, connect_seconds=connect_seconds, pause_seconds=pause_seconds)
        self._database = database
        self._clock = clock
        self._time_limit = env.llm_timeout if time_limit is None else time_limit
        self._budget = env.llm_daily_tokens
        self._output = env.llm_output
        self._tool_calls = env.llm_tool_calls
        # Where one thread waits for one hanging call after another, five of them take this long.
        self._within = max(model_guard.WITHIN, timedelta(seconds=self._time_limit * (model_guard.MOST_FAILURES + 1)))
        self._seen: _Seen | None = None

    @property
    def name(self) -> str:
        """Of the endpoint, as in `breakers`."""
        return self._endpoint.name

    def ask(self, prompt: str, values: Mapping[str, object], schema: type[T], *, object_id: str | None) -> T:
        """See `Asking.ask`."""
        file = load(prompt)
        rendered = file.parts(**{key: mask_values(value) for key, value in values.items()})
        # Once more over the whole: `mask_values` leaves objects as they are, and a template prints them.
        rendered = rendered._replace(user=mask(rendered.user).text)
        form = Form(schema, self._output, file.options)
        return self.guarded(
            prompt,
            object_id,
            estimate(rendered.system + rendered.user) + file.options.max_tokens,
            lambda spent: answer_in_form(self._endpoint, rendered, form, spent),
        )

    def available(self) -> str | None:
        """Why a call is not worth asking for now, without making one: `over_budget`, `breaker_open`, or None."""
        try:
            seen, now = self._standing(), self._clock.now()
        except QunzhuError:
            return Failure.BREAKER_OPEN
        if self._budget and seen.tokens_today >= self._budget:
            return Failure.OVER_BUDGET
        return Failure.BREAKER_OPEN if seen.closed_for(now) else None

    def chat(self, purpose: str, object_id: str | None) -> BaseChatModel:
        """A chat model for the loop under the same breaker, budget, booking and limits; raises `ModelUnavailable`."""
        return GuardedChat(
            guard=self.guarded,
            endpoint=self._endpoint,
            purpose=purpose,
            object_id=object_id,
            written_tools=self._tool_calls == "text",
        )

    def close(self) -> None:
        self._endpoint.close()

    def guarded(self, purpose: str, object_id: str | None, tokens: int, work: Callable[[Spent], R]) -> R:
        """Do `work` if the endpoint is worth it, and book what came of it. `tokens` is what it may cost at most.

        Raises `ModelUnavailable` and nothing else.
        """
        self._admit(tokens)
        spent, begun = Spent(Deadline(self._time_limit)), time.monotonic()
        # What no clause below sees is an interrupt.
        failure: ModelUnavailable | None = ModelUnavailable(Failure.CONNECTION)
        try:
            result = work(spent)
            failure = None
            return result
        except ModelUnavailable as error:
            failure = error
            raise
        except Exception as error:
            _log.exception("model_call_broke", purpose=purpose, error=type(error).__name__)
            failure = ModelUnavailable(Failure.BAD_SCHEMA)
            raise failure from error
        finally:
            self._book(purpose, object_id, spent, failure, time.monotonic() - begun)

    def _admit(self, tokens: int) -> None:
        reason = self.available()
        if reason is None and self._budget and self._standing().tokens_today + tokens > self._budget:
            reason = Failure.OVER_BUDGET
        if reason is None and self._standing().open_until is not None:
            self._seen = None
            lasting = timedelta(seconds=self._time_limit + 5)
            if not model_guard.take_probe(self._database, self.name, lasting):
                # Closed by another process meanwhile, or it probes.
                reason = self.available()
        if reason is not None:
            raise ModelUnavailable(reason)

    def _standing(self) -> Standing:
        """At most a second old: a queue of messages must not read it for every one."""
        now, seen = self._clock.now(), self._seen
        if seen is None or not timedelta(0) <= now - seen.at < _FRESH:
            seen = self._seen = _Seen(now, model_guard.standing(self._database, self.name, now))
        return seen.standing

    def _book(
        self, purpose: str, object_id: str | None, spent: Spent, failure: ModelUnavailable | None, seconds: float
    ) -> None:
        reason = Failure(failure.reason) if failure else None
        if reason in _REFUSED:
            return
        outcome = (reason or "ok") + (":estimated" if spent.estimated else "")
        milliseconds = round(seconds * 1000)
        tokens = (spent.prompt_tokens, spent.completion_tokens)
        booking = Booking(purpose, object_id, self._endpoint.model, outcome, *tokens, milliseconds)
        status = failure.status if isinstance(failure, Failed) else None
        verdict = model_guard.verdict_of(reason, status=status)
        _log.info("model_called", purpose=purpose, outcome=outcome, tokens=sum(tokens), milliseconds=milliseconds)
        try:
            clean = self._standing().clean
            model_guard.settle(self._database, self.name, booking, verdict, clean=clean, within=self._within)
        except QunzhuError as error:
            # The answer was paid for: a database that is away for a moment must not throw it away.
            _log.error("model_call_not_booked", purpose=purpose, error=error.code)
        self._seen = None
