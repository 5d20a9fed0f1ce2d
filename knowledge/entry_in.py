"""One entry of knowledge as its author writes it, in a file or a request."""

import re
import unicodedata
from datetime import date, datetime
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from core.vocabulary import Audience, CommunityType, EntryKind, EntryStatus, Scene, Tone
from knowledge.import_errors import problem
from knowledge.slots import odd_slots, slots

_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


def _plain(text: str) -> str:
    """Line ends as `\\n`; no control characters, which PostgreSQL (NUL) or a console would choke on."""
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if any(unicodedata.category(char) == "Cc" and char not in "\n\t" for char in text):
        raise problem("bad_characters", "")
    return text


def _day(value: object) -> object:
    """Only a date: pydantic would also take a number as seconds since 1970, and a time at midnight."""
    if value is None or (isinstance(value, date) and not isinstance(value, datetime)):
        return value
    if isinstance(value, str) and _DATE.fullmatch(value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise problem("bad_date", "")


def _distinct(values: list[str]) -> list[str]:
    return list(dict.fromkeys(values))


def _distinct_types(values: list[CommunityType]) -> list[CommunityType]:
    return list(dict.fromkeys(values))


def _text(most: int) -> StringConstraints:
    return StringConstraints(min_length=1, max_length=most, strip_whitespace=True)


Title = Annotated[str, _text(200), AfterValidator(_plain)]
Phrasing = Annotated[str, _text(500), AfterValidator(_plain)]
Answer = Annotated[str, _text(4_000), AfterValidator(_plain)]
Word = Annotated[str, _text(50), AfterValidator(_plain)]
Name = Annotated[str, _text(100), AfterValidator(_plain)]
Source = Annotated[str, _text(500), AfterValidator(_plain)]
Day = Annotated[date | None, BeforeValidator(_day)]


class EntryIn(BaseModel):
    """An FAQ, a script, a passage of a document or a case.

    Raises pydantic's `ValidationError`; `import_errors.row_errors` puts it into words.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    id: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_-]{1,79}$")]
    kind: EntryKind
    title: Title
    phrasings: Annotated[list[Phrasing], Field(max_length=30), AfterValidator(_distinct)] = []
    answer: Answer
    scene: Scene | None = None
    # None: take what the answer uses. After validation it is always the answer's slots, in their order.
    variables: list[Word] | None = None
    audience: Audience = Audience.ALL
    tone: Tone | None = None
    tags: Annotated[list[Word], Field(max_length=20), AfterValidator(_distinct)] = []
    owner: Name | None = None
    valid_from: Day = None
    valid_until: Day = None
    community: Name | None = None
    status: EntryStatus = EntryStatus.APPROVED
    # Group types that a script is for; none: every type.
    group_types: Annotated[list[CommunityType], Field(max_length=7), AfterValidator(_distinct_types)] = []
    # Where it was taken from: a file with its headings, an address, who said it.
    source: Source | None = None

    @model_validator(mode="after")
    def _kind_fits(self) -> Self:
        if self.kind is EntryKind.FAQ and not self.phrasings:
            raise problem("phrasings_needed", "phrasings")
        if self.kind is not EntryKind.SCRIPT and self.scene is not None:
            raise problem("scene_not_for_faq", "scene")
        if self.kind is EntryKind.SCRIPT and self.scene is None:
            raise problem("scene_needed", "scene")
        if self.kind is EntryKind.CASE and self.source is None:
            raise problem("source_needed", "source")
        return self

    @model_validator(mode="after")
    def _slots_fit(self) -> Self:
        # An FAQ may quote code or JSON; a script that goes out with `{{name}}` in it is a mishap.
        if self.kind is EntryKind.SCRIPT and (odd := odd_slots(self.answer)):
            raise problem("bad_slot", "answer", slot=odd[0])
        used = slots(self.answer)
        if self.variables is not None and set(self.variables) != set(used):
            raise problem("variables_differ", "variables", used="、".join(used) or "（没有）")
        # The model is frozen for its readers; this is the place where it is still being made.
        object.__setattr__(self, "variables", used)
        return self

    @model_validator(mode="after")
    def _dates_fit(self) -> Self:
        if self.valid_from and self.valid_until and self.valid_until < self.valid_from:
            raise problem("dates_reversed", "valid_until")
        return self
