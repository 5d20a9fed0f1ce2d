"""Knowledge in Markdown: our own form, a document of questions and answers, or a long text that becomes passages."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath
from typing import Any, Final, NamedTuple

from knowledge.cells import LISTS, split, value_of
from knowledge.chunking import MOST_LINE, Section, pieces, sections
from knowledge.cleaning import clean
from knowledge.columns import completed, field_of
from knowledge.import_errors import error
from knowledge.made_ids import IdMaker
from knowledge.raw_entries import Change, Flaw, Raw, Refused

MARK: Final = "<!-- qunzhu knowledge 1 -->"
PATH_SIGN: Final = " › "
_HEADING: Final = "## "
_BLOCK, _BLOCK_END = "```yaml", "```"
# A line of an answer that would read as a heading gets a backslash, which Markdown doesn't show.
_LIKE_HEADING: Final = re.compile(r"^(\\*#)", re.MULTILINE)
_ESCAPED_HEADING: Final = re.compile(r"^\\(\\*#)", re.MULTILINE)

_ASKS: Final = re.compile(
    r"[?？]\s*$|怎么|怎样|咋|如何|什么|啥|哪|吗|呢$|多少|多久|多长|几[个天次点号时]|是否|是不是|能不能|可不可以|可以.*[吗么]|为何|为啥|谁|"
    r"\b(?:how|what|when|where|why|who|which|can|could|do|does|is|are|may|should)\b",
    re.IGNORECASE,
)
_ASKED_LINE: Final = re.compile(r"\s*(?:\*\*)?(?:Q|问|问题)\s*\d*\s*[:：.、]\s*(.+?)(?:\*\*)?\s*", re.IGNORECASE)
_ANSWER_LABEL: Final = re.compile(r"\s*(?:\*\*)?(?:A|答|答案|回答|回复)\s*\d*\s*[:：]\s*(?:\*\*)?(.*)", re.IGNORECASE)
_LABEL: Final = re.compile(r"\s*(?:[-*]\s+)?(?:\*\*)?([^\s:：*][^:：*]{0,20})(?:\*\*)?\s*[:：]\s*(?:\*\*)?\s*(.*?)\s*")
_ITEM: Final = re.compile(r"\s*(?:[-*+]|\d{1,2}[.、)）])\s+(.+?)\s*")
_PLAIN_NAMES: Final = 4
_ASKED_BY: Final = 0.5
_MOST_TITLE: Final = 200
_MOST_SOURCE: Final = 500


def is_own(text: str) -> bool:
    """Whether it was written here: it is then read word for word."""
    return text.lstrip("\ufeff \n").startswith(MARK)


def rows_of(text: str, name: str, defaults: Mapping[str, Any]) -> Iterator[Raw]:
    """The entries of a Markdown file; `name` is the file's, for the titles and sources of passages. `defaults` hold
    where neither the entry nor the file's head says otherwise.

    Raises `Refused` where there is nothing under any heading.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return _own_rows(text) if is_own(text) else _free_rows(text, name, defaults)


# Our own form


def own_entry(fields: Mapping[str, Any]) -> str:
    """An entry (as `model_dump(mode="json")` has it, without what isn't set) as a heading, a block of its fields, and
    the answer."""
    title, answer = str(fields["title"]), str(fields["answer"])
    inside = {key: value for key, value in fields.items() if key not in ("title", "answer")}
    if "\n" in title:
        inside["title"] = title
    block = "\n".join(f"{key}: {json.dumps(value, ensure_ascii=False)}" for key, value in inside.items())
    shown = " ".join(title.split("\n"))
    answer = _LIKE_HEADING.sub(r"\\\1", answer)
    return f"{_HEADING}{shown}\n\n{_BLOCK}\n{block}\n{_BLOCK_END}\n\n{answer}\n"


def _own_rows(text: str) -> Iterator[Raw]:
    lines, maker = text.split("\n"), IdMaker()
    starts = [at for at, line in enumerate(lines) if line.startswith(_HEADING)]
    for at, end in zip(starts, [*starts[1:], len(lines)], strict=True):
        yield _own_row(lines[at:end], at + 1, maker)


def _own_row(lines: list[str], first: int, maker: IdMaker) -> Raw:
    fields: dict[str, Any] = {"title": lines[0].removeprefix(_HEADING)}
    places, flaws = {"": first, "title": first}, []
    at = next((at for at, line in enumerate(lines[1:], 1) if line.strip()), len(lines))
    if at < len(lines) and lines[at].strip() == _BLOCK:
        end = next((n for n, line in enumerate(lines[at:], at) if line.strip() == _BLOCK_END), None)
        flaws = [Flaw("bad_block")] if end is None else _read_block(lines[at + 1 : end], first + at + 1, fields, places)
        at = len(lines) if end is None else end + 1
    answer = "\n".join(lines[at:]).strip()
    fields |= {"answer": _ESCAPED_HEADING.sub(r"\1", answer)} if answer else {}
    places["answer"] = first + at
    return Raw(completed(fields, maker), places, flaws)


def _read_block(lines: list[str], first: int, fields: dict[str, Any], places: dict[str, int]) -> list[Flaw]:
    """`key: value` in JSON, or, as people write it, plain."""
    flaws = []
    for number, line in enumerate(lines, first):
        key, _, value = (part.strip() for part in line.partition(":"))
        if not key:
            continue
        if key in places and key != "title":
            flaws.append(Flaw("duplicate_field", key))
        places[key] = number
        fields[key] = _value(key, value)
    return flaws


def _value(key: str, value: str) -> Any:
    try:
        return json.loads(value)
    except (ValueError, RecursionError):
        return split(value.strip("[]"), words=True) if key in LISTS else value


# Other people's


def _free_rows(text: str, name: str, defaults: Mapping[str, Any]) -> Iterator[Raw]:
    head, text = _front_matter(text)
    given = {**defaults, **head}
    found = [section for section in sections(_with_headings(text)) if section.path or section.body.strip()]
    filled = [section for section in found if section.body.strip()]
    if not filled:
        raise Refused(error("empty_file"))
    maker, asked = IdMaker(), _is_faq(filled, given)
    shared = _shared_path(found)
    for at, section in enumerate(found):
        if asked and section.path and (given.get("kind") == "faq" or _ASKS.search(section.path[-1])):
            below = at + 1 < len(found) and found[at + 1].path[: len(section.path)] == section.path
            if section.body.strip() or not below:
                yield _faq(section, section.path[shared:-1], given, maker)
        elif section.body.strip():
            yield from _passages(section, name, given, maker)


def _is_faq(filled: list[Section], given: Mapping[str, Any]) -> bool:
    """What the file's head says, else whether at least half of what has a text is under a question."""
    if "kind" in given:
        return bool(given["kind"] == "faq")
    headed = [section for section in filled if section.path]
    asking = sum(bool(_ASKS.search(section.path[-1])) for section in headed)
    return bool(headed) and asking >= len(headed) * _ASKED_BY


def _shared_path(found: list[Section]) -> int:
    """1 where every heading stands under the same first one: the title of the document is nobody's category."""
    tops = {section.path[0] for section in found if section.path}
    return int(len(tops) == 1 and any(len(section.path) > 1 for section in found))


def _front_matter(text: str) -> tuple[dict[str, Any], str]:
    """Fields that hold for the whole file, between two lines of `---` at its head; their lines stay, empty."""
    lines = text.split("\n")
    if lines[0].strip() != "---" or "---" not in (line.strip() for line in lines[1:]):
        return {}, text
    end = next(at for at, line in enumerate(lines[1:], 1) if line.strip() == "---")
    given: dict[str, Any] = {}
    for line in lines[1:end]:
        if meta := _meta(line):
            given[meta.field] = meta.value
    return given, "\n".join([*[""] * (end + 1), *lines[end + 1 :]])


def _with_headings(text: str) -> str:
    """`问：…` as a heading, where a line of `答：…` follows some time."""
    lines = text.split("\n")
    if not any(_matched(_ANSWER_LABEL, line) for line in lines):
        return text
    return "\n".join(f"###### {asked[1]}" if (asked := _matched(_ASKED_LINE, line)) else line for line in lines)


class _Meta(NamedTuple):
    field: str
    value: Any


def _meta(line: str) -> _Meta | None:
    """`标签：售后、退款`: a line of a field's plain name with a value that the field can have."""
    found = _matched(_LABEL, line)
    field, how, rank = field_of(found[1]) if found else (None, "none", 0)
    if found is None or field in (None, "title", "answer") or how != "name" or rank >= _PLAIN_NAMES or not found[2]:
        return None
    assert field is not None
    value, flaw = value_of(field, found[2], own=False)
    if flaw or (field in ("valid_from", "valid_until") and isinstance(value, str) and value[4:5] != "-"):
        return None
    return _Meta(field, value)


def _faq(section: Section, parents: tuple[str, ...], given: Mapping[str, Any], maker: IdMaker) -> Raw:
    fields: dict[str, Any] = {**given, "kind": "faq", "title": section.path[-1]}
    answer = _take_lists(section.body.split("\n"), fields)
    while answer and (not answer[0].strip() or (meta := _meta(answer[0]))):
        if answer[0].strip() and meta:
            fields[meta.field] = meta.value
        answer.pop(0)
    text = _unlabelled("\n".join(answer).strip())
    tags = [*fields.get("tags", []), *(parent[:50] for parent in parents)]
    fields |= {"tags": tags} if tags else {}
    if wordings := fields.get("phrasings"):
        fields["phrasings"] = list(dict.fromkeys([*wordings]))
    flaws = [] if text.strip() else [Flaw("answer_needed", "answer", {"title": section.path[-1][:50]})]
    fields |= {"answer": text} if text.strip() else {}
    return Raw(completed(fields, maker), {"": section.line}, flaws)


def _unlabelled(answer: str) -> str:
    """Without `答：` at its head."""
    first, end, rest = answer.partition("\n")
    label = _matched(_ANSWER_LABEL, first)
    return f"{label[1]}{end}{rest}" if label else answer


def _matched(pattern: re.Pattern[str], line: str) -> re.Match[str] | None:
    """Only lines that a person would write so: on longer ones the patterns take long."""
    return pattern.fullmatch(line) if len(line) <= MOST_LINE else None


def _take_lists(lines: list[str], fields: dict[str, Any]) -> list[str]:
    """The lines without `相似问：` and the list below it, which go into `fields`."""
    kept: list[str] = []
    within = False
    for line in lines:
        label = _matched(_LABEL, line)
        if label and field_of(label[1])[:2] == ("phrasings", "name"):
            within = True
            fields["phrasings"] = [*fields.get("phrasings", []), *split(label[2])]
        elif within and (item := _matched(_ITEM, line)):
            fields["phrasings"] = [*fields["phrasings"], item[1]]
        else:
            within = within and not line.strip()
            kept.append(line)
    return kept


def _passages(section: Section, name: str, given: Mapping[str, Any], maker: IdMaker) -> Iterator[Raw]:
    """Passages of about 400 characters; cleaned before they are cut, so that no tag is cut in two."""
    body, changes = clean(section.body)
    stem = PurePath(name).stem or name
    title = _shortened(PATH_SIGN.join(filter(None, (stem, *section.path))) or "资料")
    source = " > ".join(filter(None, (name, *section.path)))[:_MOST_SOURCE]
    for number, piece in enumerate(pieces(body, title)):
        fields = {**given, "kind": given.get("kind", "document"), "title": title, "answer": piece}
        fields |= {"source": source} if source and "source" not in given else {}
        fields["id"] = maker.make("doc", stem, *section.path, str(given.get("community") or ""))
        yield Raw(fields, {"": section.line or 1}, [], changes=_told(changes) if number == 0 else ())


def _told(changes: list[Change]) -> tuple[tuple[str, Change], ...]:
    return tuple(("answer", change) for change in changes)


def _shortened(title: str) -> str:
    """At most 200 characters: the first and the last headings say most."""
    half = _MOST_TITLE // 2 - 1
    return title if len(title) <= _MOST_TITLE else f"{title[:half]}…{title[-half:]}"
