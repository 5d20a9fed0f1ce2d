"""The form of one entry: fields as a person types them, and back."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Final

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from core.scopes import Scope
from knowledge.entry_in import EntryIn
from knowledge.import_errors import row_errors
from server.console.texts import translator
from server.console.visitor import Visitor
from store.communities import CommunityRow

_WORDS: Final = ("tags",)
_SPLIT: Final = str.maketrans("，、;；\n", ",,,,,")


class Fields(BaseModel):
    """As the form sends them: lists are lines (phrasings) or words with commas between (tags), empty means nothing."""

    id: str = ""
    kind: str = "faq"
    title: str = ""
    phrasings: str = ""
    answer: str = ""
    scene: str = ""
    audience: str = "all"
    tone: str = ""
    tags: str = ""
    owner: str = ""
    valid_from: str = ""
    valid_until: str = ""
    community: str = ""
    status: str = "approved"
    group_types: list[str] = []
    source: str = ""
    version: int | None = None


async def typed_in(request: Request) -> Fields:
    """What the form sent, beside its token and other fields that are not the entry's."""
    form = await request.form(max_files=0)
    values: dict[str, Any] = {name: str(form[name]) for name in Fields.model_fields if form.get(name)}
    version = values.get("version", "")
    lists = {"group_types": [str(one) for one in form.getlist("group_types")]}
    return Fields.model_validate(values | lists | {"version": version if version.isdigit() else None})


Typed = Annotated[Fields, Depends(typed_in)]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a field, in words."""

    field: str
    text: str


def shown(values: Mapping[str, Any], *, version: int | None = None) -> Fields:
    """An entry's fields (as `EntryIn` has them, dates as text) in the form."""
    texts = {name: "" if values.get(name) is None else str(values[name]) for name in Fields.model_fields}
    lists = {
        "phrasings": "\n".join(values.get("phrasings") or []),
        "tags": "，".join(values.get("tags") or []),
        "group_types": [str(one) for one in values.get("group_types") or []],
    }
    defaults = {name: field.default for name, field in Fields.model_fields.items() if not texts[name]}
    return Fields.model_validate(texts | defaults | lists | {"version": version})


def read(typed: Fields, locale: str) -> EntryIn | list[Problem]:
    """The entry, or what stands in its way."""
    values: dict[str, Any] = {name: value for name, value in typed.model_dump().items() if value not in ("", [], None)}
    values.pop("version", None)
    values["phrasings"] = _split(typed.phrasings, "\n")
    values["tags"] = _split(typed.tags.translate(_SPLIT), ",")
    try:
        return EntryIn.model_validate(values)
    except ValidationError as error:
        return problems(error, locale)


def _split(text: str, mark: str) -> list[str]:
    return [part.strip() for part in text.replace("\r", "").split(mark) if part.strip()]


def problems(error: ValidationError, locale: str) -> list[Problem]:
    """A model's complaints with the names that the form gives the fields."""
    t = translator(locale)
    found = row_errors(error, 1, {}, list(EntryIn.model_fields))
    return [Problem(one.field, _named(one.message, t)) for one in found]


def _named(message: str, t: Any) -> str:
    for field in EntryIn.model_fields:
        message = message.replace(f"「{field}」", f"「{t(f'entry.{field}')}」")
    return message


def places(visitor: Visitor) -> Sequence[CommunityRow]:
    """Communities whose entries the visitor may edit."""
    return [row for row in visitor.communities if visitor.caller.allows(Scope.KNOWLEDGE_EDIT, row.id)]


def everywhere(visitor: Visitor) -> bool:
    """Whether the visitor may edit what holds for every community."""
    return visitor.caller.communities(Scope.KNOWLEDGE_EDIT) is None
