"""The typed blocks that tools give back: figures, tables, charts. No markup, and no text of members."""

from datetime import date
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Scalar = str | int | float | None
Unit = Literal["people", "messages", "flags", "share", "per_person", "hour", "points", "cases", "minutes"]
# Below this a rate says little; from the metric's definitions in the vocabulary.
SMALL_SAMPLE = 30


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Span(Strict):
    """Days in the reporting zone, both inclusive."""

    start: date
    end: date


class Figure(Strict):
    """One number with all that is needed to check it. `value` None is n/a (an empty denominator); a share is 0…1."""

    metric: str
    value: float | int | None
    unit: Unit
    period: Span
    filters: dict[str, list[str]] = Field(default_factory=dict)
    dimensions: dict[str, str] = Field(default_factory=dict, description="which group of a breakdown this is")
    numerator: float | int | None = None
    denominator: float | int | None = None
    small: bool = Field(False, description="denominator below 30")
    definition: str
    query_id: str


class Table(Strict):
    """`columns` are wire words; the console and the command line show them in the reader's language."""

    columns: list[str]
    rows: list[list[Scalar]]


class Chart(Strict):
    kind: Literal["bar", "line"]
    title: str
    labels: list[str]
    values: list[float | int | None]
    unit: Unit


class Answer(Strict):
    """What a tool returns. `figures` are the numbers that may stand in a text; `said` are facts besides (names)."""

    figures: list[Figure] = Field(default_factory=list)
    table: Table | None = None
    chart: Chart | None = None
    said: dict[str, Any] = Field(default_factory=dict)
    proposal: Any = Field(None, description="a typed proposal, from a `propose` tool only")
