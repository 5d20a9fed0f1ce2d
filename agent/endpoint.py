"""One OpenAI-compatible endpoint: sends messages, gets one back, and turns whatever goes wrong into one of our words.

This is the only layer that retries: what was refused before it was worked on (429, 503, a refused connection), within
the call's time.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import openai
from langchain_core.messages import AIMessage, BaseMessage
from langchain_openai import ChatOpenAI
from pydantic import SecretStr
from tenacity import RetryCallState, Retrying, retry_if_exception, stop_after_attempt, stop_before_delay

from agent import untraced, wire
from agent.steps.asking import Failure, ModelUnavailable
from agent.wire import Deadline
from core.settings import Environment

ATTEMPTS: Final = 3
CONNECT_SECONDS: Final = 5.0
_LONGEST_PAUSE: Final = 4.0
_MOST_TOKENS: Final = 10**8
_UNPAID: Final = frozenset({Failure.CONNECTION, Failure.HTTP_429, Failure.HTTP_4XX, Failure.HTTP_5XX})


class Failed(ModelUnavailable):
    """A failure with what the retrying and the breaker must know of it; `wait` is the server's Retry-After."""

    def __init__(
        self, reason: Failure, *, passing: bool = False, wait: float | None = None, status: int | None = None
    ) -> None:
        super().__init__(reason)
        self.passing = passing
        self.wait = wait
        self.status = status


@dataclass(slots=True)
class Spent:
    """What the exchanges of one call cost. `estimated`: the endpoint did not count, so we did by characters."""

    deadline: Deadline
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False

    def add(self, answer: AIMessage, prompt: int) -> None:
        """Count an answer; `prompt` is our own estimate of what was sent."""
        usage = answer.usage_metadata
        if usage is not None and usage["input_tokens"] > 0:
            self.prompt_tokens += min(usage["input_tokens"], _MOST_TOKENS)
            self.completion_tokens += min(max(usage["output_tokens"], 0), _MOST_TOKENS)
            return
        written = str(answer.content) + json.dumps(answer.additional_kwargs.get("tool_calls"), default=str)
        self.guess(prompt, estimate(written))

    def guess(self, prompt: int, completion: int) -> None:
        self.prompt_tokens += prompt
        self.completion_tokens += completion
        self.estimated = True


def estimate(text: str) -> int:
    """Tokens of a text, from above: one a Chinese character, one for three others."""
    wide = sum(ord(char) > 0x2E7F for char in text)
    return wide + (len(text) - wide) // 3 + 8


class Endpoint:
    """Safe from threads. `pause_seconds` is the first wait between tries where the server names none."""

    def __init__(
        self, env: Environment, *, connect_seconds: float = CONNECT_SECONDS, pause_seconds: float = 0.5
    ) -> None:
        assert env.llm_base_url is not None
        untraced.turn_off()
        self.model = env.llm_model
        self.name = f"{env.llm_model}@{urlsplit(env.llm_base_url).netloc.rpartition('@')[2]}"[:80]
        self._connect = connect_seconds
        self._pause = pause_seconds
        # OpenAI's own models know only the new name of the limit, many compatible servers only the old one.
        self._knows_old_limit = urlsplit(env.llm_base_url).hostname != "api.openai.com"
        self._client = wire.client(env.llm_base_url)
        self._chat = ChatOpenAI(
            model=env.llm_model,
            base_url=env.llm_base_url,
            api_key=SecretStr(env.llm_api_key.get_secret_value() or "none"),
            timeout=env.llm_timeout,
            max_retries=0,
            http_client=self._client,
            # Never used; else one is made that reads the environment's proxies, and fails where it can't use them.
            http_async_client=httpx2.AsyncClient(trust_env=False),
            use_responses_api=False,
            disable_streaming=True,
        )

    def exchange(
        self,
        messages: Sequence[BaseMessage],
        spent: Spent,
        *,
        max_tokens: int,
        temperature: float,
        body: dict[str, Any] | None = None,
        **options: Any,
    ) -> AIMessage:
        """One answer. `body` goes into the request as it is, `options` are LangChain's (`tools`, `tool_choice`).

        Raises `Failed` within the time that `spent` has left.
        """
        extra = dict(body or {}) | ({"max_tokens": max_tokens} if self._knows_old_limit else {})
        options |= {"max_tokens": max_tokens, "temperature": temperature, "extra_body": extra}
        sent = sum(estimate(str(message.content)) for message in messages)
        if "tools" in options:
            sent += estimate(json.dumps(options["tools"], ensure_ascii=False))
        try:
            answer = self._retrying(messages, spent.deadline, options)
        except Failed as failure:
            if failure.reason not in _UNPAID:
                spent.guess(sent, 0 if failure.reason == Failure.TIMEOUT else max_tokens)
            raise
        spent.add(answer, sent)
        return answer

    def close(self) -> None:
        self._client.close()

    def _retrying(self, messages: Sequence[BaseMessage], deadline: Deadline, options: dict[str, Any]) -> AIMessage:
        tries = Retrying(
            retry=retry_if_exception(lambda error: isinstance(error, Failed) and error.passing),
            stop=stop_after_attempt(ATTEMPTS) | stop_before_delay(max(deadline.left, 0)),
            wait=self._wait,
            reraise=True,
        )
        return tries(lambda: self._once(messages, deadline, options))

    def _wait(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait if isinstance(error, Failed) else None
        return asked if asked is not None else min(self._pause * 2 ** (state.attempt_number - 1), _LONGEST_PAUSE)

    def _once(self, messages: Sequence[BaseMessage], deadline: Deadline, options: dict[str, Any]) -> AIMessage:
        if deadline.left <= 0:
            raise Failed(Failure.TIMEOUT)
        timeout = openai.Timeout(deadline.left, connect=min(self._connect, deadline.left))
        try:
            with wire.limited(deadline):
                answer = self._chat.invoke(list(messages), timeout=timeout, **options)
        except Exception as error:
            raise _failed(error, deadline) from error
        if not isinstance(answer, AIMessage):
            raise Failed(Failure.EMPTY)
        return answer


def _failed(error: Exception, deadline: Deadline) -> Failed:
    """The failure that an exception means. What no rule knows is an answer that nobody could read."""
    causes = _causes(error)
    for kind, reason in _BY_TYPE:
        if any(isinstance(cause, kind) for cause in causes):
            return Failed(reason, passing=kind is httpx2.ConnectError and deadline.left > 0)
    if isinstance(error, openai.APIStatusError):
        return _by_status(error)
    if isinstance(error, openai.APIConnectionError):
        return Failed(Failure.CONNECTION)
    return Failed(Failure.EMPTY if isinstance(error, IndexError) else Failure.BAD_SCHEMA)


_BY_TYPE: Final[tuple[tuple[type[BaseException], Failure], ...]] = (
    (wire.TooLarge, Failure.TOO_LARGE),
    (wire.BadEncoding, Failure.BAD_ENCODING),
    (openai.APITimeoutError, Failure.TIMEOUT),
    (httpx2.TimeoutException, Failure.TIMEOUT),
    (httpx2.ConnectError, Failure.CONNECTION),
    (UnicodeDecodeError, Failure.BAD_ENCODING),
    (json.JSONDecodeError, Failure.BAD_JSON),
    (RecursionError, Failure.BAD_JSON),
)


def _causes(error: BaseException) -> list[BaseException]:
    found: list[BaseException] = []
    at: BaseException | None = error
    while at is not None and at not in found:
        found.append(at)
        at = at.__cause__
    return found


def _by_status(error: openai.APIStatusError) -> Failed:
    status = error.status_code
    wait = _seconds(error.response.headers.get("retry-after"))
    if status == 429:
        return Failed(Failure.HTTP_429, passing=True, wait=wait, status=status)
    if status >= 500:
        return Failed(Failure.HTTP_5XX, passing=status == 503, wait=wait, status=status)
    return Failed(Failure.HTTP_4XX, status=status)


def _seconds(retry_after: str | None) -> float | None:
    """Retry-After in seconds; a date, which nobody sends here, counts as not named."""
    try:
        return max(0.0, float(retry_after)) if retry_after is not None else None
    except ValueError:
        return None
