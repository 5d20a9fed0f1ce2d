"""Which column of somebody's table is which field: by the names that people give, by what was remembered or said."""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from difflib import get_close_matches
from functools import cache
from typing import Any, Final, Literal, NamedTuple

from core.text import normalize
from knowledge.cells import LISTS, table_words, value_of
from knowledge.import_errors import error
from knowledge.made_ids import IdMaker
from knowledge.raw_entries import Flaw, Raw, Refused
from knowledge.tables import Row, Table, column_letters

FIELDS: Final = (
    "id",
    "kind",
    "title",
    "phrasings",
    "answer",
    "scene",
    "audience",
    "tone",
    "tags",
    "owner",
    "valid_from",
    "valid_until",
    "community",
    "group_types",
    "source",
    "status",
)
"""The header of our own tables, in this order. `variables` are not among them: they are the answer's slots."""

How = Literal["own", "given", "remembered", "name", "near", "none"]
_CHOSEN_FROM: Final = ("kind", "scene", "audience", "tone", "status", "group_types")
_EXAMPLES: Final = 3
_LOOKED_AT: Final = 20
_LIKE: Final = 0.8
_SHORTEST_NEAR: Final = 2
_SHORTEST_LIKE: Final = 4
_ID: Final = re.compile(r"[a-z0-9][a-z0-9_-]{1,79}")
_BRACKETS: Final = re.compile(r"[(（【\[].*?[)）】\]]")
_LETTERS: Final = re.compile(r"[\W_]+")
_NUMBERED: Final = re.compile(r"\d+$")


class Column(NamedTuple):
    """A column of a file, the field that it is read as (None: left out), how that was found, its first values."""

    name: str
    field: str | None
    how: How
    examples: list[str]


def signature(header: Sequence[str]) -> str:
    """SHA-256 of the columns' names, whatever their order and spelling."""
    return hashlib.sha256(json.dumps(sorted(map(_plain, header)), ensure_ascii=False).encode()).hexdigest()


def is_own(header: Sequence[str]) -> bool:
    """Whether the table is one that was written here: it is then read word for word."""
    return tuple(header) == FIELDS


def matched(table: Table, given: Mapping[str, str | None], remembered: Mapping[str, str | None] | None) -> list[Column]:
    """The columns of a table in their order. What was given wins, then what was remembered, then the names.

    Raises `Refused` for a column that is not there.
    """
    names = "、".join(table.header)
    for unknown in given.keys() - set(table.header):
        raise Refused(error("column_unknown", column=unknown, names=names))
    found = {name: (field, how) for name, field, how in _by_name(table)}
    for how, said in (("remembered", remembered or {}), ("given", given)):
        found.update({name: (field, how) for name, field in said.items() if name in found})  # type: ignore[misc]
    columns = [Column(name, *found[name], _examples(table, at)) for at, name in enumerate(table.header)]
    return columns


def _check(columns: Sequence[Column], names: str) -> None:
    taken: dict[str, str] = {}
    for column in columns:
        if column.field is None or column.field in LISTS:
            continue
        if column.field in taken:
            raise Refused(error("column_twice", column=taken[column.field], other=column.name, field=column.field))
        taken[column.field] = column.name
    if "title" not in taken and not any(column.field == "phrasings" for column in columns):
        raise Refused(error("column_needed", field="title", names=names))
    if "answer" not in taken:
        raise Refused(error("column_needed", field="answer", names=names))


def _examples(table: Table, at: int) -> list[str]:
    return [cell[:60] for cell in _values(table, at)[:_EXAMPLES]]


def _values(table: Table, at: int) -> list[str]:
    cells = (row.cells[at] for row in table.rows[: _LOOKED_AT * 5] if at < len(row.cells))
    return list(dict.fromkeys(filter(None, cells)))[:_LOOKED_AT]


def _by_name(table: Table) -> Iterator[tuple[str, str | None, How]]:
    """What the names, and for a choice or an id the values, suggest. Of several columns of one field the plainest name
    has it."""
    if is_own(table.header):
        yield from ((name, name, "own") for name in table.header)
        return
    found = [_fitting(field_of(name), _values(table, at)) for at, name in enumerate(table.header)]
    best: dict[str, int] = {}
    for at, (field, _, rank) in enumerate(found):
        if field is not None and rank < found[best.setdefault(field, at)][2]:
            best[field] = at
    for at, name in enumerate(table.header):
        field, how, _ = found[at]
        if field is None or field in LISTS or best[field] == at:
            yield name, field, how
        else:
            # A second question is another wording; a second answer is nothing that we could guess.
            yield (name, "phrasings", "near") if (field, how) == ("title", "name") else (name, None, "none")


Guess = tuple[str | None, How, int]


def _fitting(guess: Guess, values: list[str]) -> Guess:
    """The guess, unless the values are none of the field's: 类型 is often a category, 编号 a mere 1, 2, 3."""
    field, _, rank = guess
    if field == "id":
        return guess if all(_ID.fullmatch(one.lower()) for one in values) else (None, "none", rank)
    if field not in _CHOSEN_FROM or not values or any(value_of(field, one, own=False)[1] is None for one in values):
        return guess
    return ("tags", "near", rank) if field in ("kind", "scene") else (None, "none", rank)


def field_of(name: str) -> Guess:
    """The field that a column's name means, how it was found, and a rank: the lower, the plainer the name."""
    plain, known = _plain(_BRACKETS.sub("", name)) or _plain(name), _known()
    for word in (plain, _bare(plain)):
        if word in known:
            return known[word][0], "name", known[word][1]
    near = _near(_bare(plain) or plain)
    return (known[near][0], "near", known[near][1] + 1000) if near else (None, "none", 9999)


def _near(plain: str) -> str | None:
    ends = [word for word in _known() if len(word) >= _SHORTEST_NEAR and not word.isascii() and plain.endswith(word)]
    if ends:
        return max(ends, key=len)
    if len(plain) < _SHORTEST_LIKE:
        return None
    like = get_close_matches(plain, [word for word in _known() if len(word) >= _SHORTEST_LIKE], n=1, cutoff=_LIKE)
    return like[0] if like else None


def _plain(name: str) -> str:
    return _LETTERS.sub("", normalize(name).text)


def _bare(plain: str) -> str:
    """Without a number at the end (相似问2) and words that say nothing (必填)."""
    word = _NUMBERED.sub("", plain)
    for around in table_words()["around"]:
        shorter = word.removeprefix(around).removesuffix(around)
        word = shorter if shorter else word
    return word


@cache
def _known() -> Mapping[str, tuple[str, int]]:
    words = table_words()["fields"]
    return {_plain(word): (field, rank) for field, names in words.items() for rank, word in enumerate(names)}


def rows_of(table: Table, columns: Sequence[Column], defaults: Mapping[str, Any]) -> Iterator[Raw]:
    """The entries of a table. What a free table leaves out is filled in: an id, the kind, a wording of the question.

    Raises `Refused` for two columns of one field, and where questions or answers are missing.
    """
    _check(columns, "、".join(table.header))
    own, maker = is_own(table.header), IdMaker()
    for row in table.rows:
        read = _read_row(row, columns, own=own)
        yield read if own else read._replace(fields=completed({**defaults, **read.fields}, maker))


def _read_row(row: Row, columns: Sequence[Column], *, own: bool) -> Raw:
    fields: dict[str, Any] = {}
    cells: dict[str, str] = {}
    flaws = [Flaw("cells_beyond")] if any(row.cells[len(columns) :]) else []
    for at, (column, cell) in enumerate(zip(columns, row.cells, strict=False)):
        if column.field is None or not cell:
            continue
        cells.setdefault(column.field, f"{column_letters(at + 1)}{row.number}")
        if at in row.odd:
            flaws.append(Flaw(row.odd[at], column.field, {"value": cell[:20]}))
            continue
        value, flaw = value_of(column.field, cell.lower() if column.field == "id" and not own else cell, own=own)
        flaws += [flaw] if flaw else []
        fields[column.field] = [*fields.get(column.field, []), *value] if column.field in LISTS else value
    return Raw(fields, {"": row.line}, flaws, {"": f"{column_letters(1)}{row.number}"} | cells)


def completed(fields: Mapping[str, Any], maker: IdMaker) -> dict[str, Any]:
    """`fields` with what follows from the others."""
    made = dict(fields)
    if "kind" not in made:
        made["kind"] = "script" if made.get("scene") else "faq"
    if "title" not in made and made.get("phrasings"):
        made["title"] = made["phrasings"][0]
    if made["kind"] == "faq" and not made.get("phrasings") and made.get("title"):
        made["phrasings"] = [made["title"]]
    if "id" not in made and made.get("title"):
        more = (str(made.get(name) or "") for name in ("community", "audience", "scene"))
        made["id"] = maker.make(made["kind"], made["title"], *more)
    return made
