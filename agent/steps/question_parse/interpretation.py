"""What a question means: the form in which the service shows it and the evals compare it (`docs/questions.md`)."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Reason = Literal[
    "no_data",
    "external_data",
    "privacy",
    "forbidden_scope",
    "mutation",
    "sql",
    "prediction",
    "out_of_scope",
    "integrity",
    "injection",
]
Kind = Literal["metric_definition", "members_list", "messages_list", "complaints_list", "advice", "refuse"]


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Days(Strict):
    """Both inclusive, in the reporting zone."""

    start: date
    end: date


class Period(Days):
    """`kind` is a label (`last_week`, `compare`, `default` where the question named none), `n` the number of days of a
    rolling one; `base` is what it is compared with."""

    kind: str
    n: int | None = None
    base: Days | None = None
    basis: Literal["mom", "yoy", "pop"] | None = None


class Interpretation(Strict):
    """`metric` is a name, several, or none; `tool` says what kind of answer is wanted where it isn't a figure.
    `unread` is the part of the question for which it was refused, as the asker wrote it."""

    metric: str | list[str] | None = None
    tool: Kind | None = None
    reason: Reason | None = None
    period: Period | None = None
    group_by: str | None = None
    filters: dict[str, list[str] | str] | None = None
    order: Literal["desc", "asc", "time_asc"] | None = None
    limit: int | None = None
    unread: str | None = None

    @property
    def metrics(self) -> list[str]:
        return [self.metric] if isinstance(self.metric, str) else list(self.metric or [])

    def values(self, filter: str) -> list[str]:
        found = (self.filters or {}).get(filter, [])
        return [found] if isinstance(found, str) else found


class Known(BaseModel):
    """Names in the database, as `--names` of the evals has them. Without any, names are taken as written."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    communities: list[str] = Field(default_factory=list)
    channels: list[str] = Field(default_factory=list)
    campaigns: list[str] = Field(default_factory=list)
    tags: list[str] = Field(default_factory=list)
    sources: list[str] = Field(default_factory=list)
    moderators: list[str] = Field(default_factory=list)

    def any(self) -> bool:
        return any(self.model_dump().values())


def refused(reason: Reason, **parts: Any) -> Interpretation:
    return Interpretation(tool="refuse", reason=reason, **parts)
