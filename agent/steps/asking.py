"""What a step may ask of a language model, without knowing which one or how it is reached."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Protocol, TypeVar

from pydantic import BaseModel

T = TypeVar("T", bound=BaseModel)


class Failure(StrEnum):
    """Why there was no answer: the closed set of `ModelUnavailable.reason`, of figures and of `model_calls.outcome`."""

    TIMEOUT = "timeout"
    HTTP_429 = "http_429"
    HTTP_4XX = "http_4xx"
    HTTP_5XX = "http_5xx"
    CONNECTION = "connection"
    BAD_JSON = "bad_json"
    BAD_SCHEMA = "bad_schema"
    WRONG_TOOL = "wrong_tool"
    TOO_LARGE = "too_large"
    BAD_ENCODING = "bad_encoding"
    EMPTY = "empty"
    OVER_BUDGET = "over_budget"
    BREAKER_OPEN = "breaker_open"


class ModelUnavailable(Exception):
    """No usable answer: the endpoint is down, slow, over budget, or answers nonsense. `reason` is a stable word for
    logs and figures, never text of the model or of members."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Asking(Protocol):
    """`agent/model.py` for an endpoint, `agent/scripted.py` for tests."""

    def ask(self, prompt: str, values: Mapping[str, object], schema: type[T], *, object_id: str | None) -> T:
        """Render the prompt file `prompt` with `values` and have the model answer in the form of `schema`.

        `object_id` is the message, question or campaign that the call is booked on. Values hold masked text only.
        Raises `ModelUnavailable`, and nothing else.
        """
        ...

    def available(self) -> str | None:
        """Why a call is not worth asking for now, without making one; None where it is."""
        ...
