"""`qunzhu risk test`: everything behind the verdict on a text, without storing anything and without a service."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import emit, plain, table, width
from server.cli.progress import waiting
from server.cli.words import word

_LINE: Final = 76
_MOST_WORDS: Final = 3


@click.command("test", cls=Command)
@click.option(
    "--role",
    type=click.Choice(["member", "staff", "bot"]),
    default="member",
    show_default=True,
    help="谁发的 / who is supposed to have sent it",
)
@click.option("--community", metavar="ID", help="按这个社群的规则 / by the rules of this community")
@click.argument("text")
def test(role: str, community: str | None, text: str) -> None:
    """识别一段文本：标签、得分与门槛、每条依据、看穿的写法、级别、建议动作。什么都不存。

    Screen TEXT: labels with scores and thresholds, every sign, disguises, level and proposed action. Stores nothing;
    without --community it needs no service.
    """
    if community is not None:
        with connect() as api:
            found = api.post("/v1/risks/test", {"text": text, "community_id": community, "sender_role": role})
    else:
        with waiting(word("asking")):
            found = _here(text, role)
    emit(found, lambda: "\n".join(_lines(text, found)))


def _here(text: str, role: str) -> dict[str, Any]:
    """As the route gives it, by the shipped rules and the classifier of the data folder, if it holds one."""
    from agent.flows.risk_rules import own_classifier
    from agent.flows.risk_trial import Tried
    from agent.steps.risk import ScreenInput, Setup, explain
    from core.vocabulary import SenderRole
    from knowledge.embeddings import EmbeddedEncoder
    from server.cli.environment import environment
    from server.routes.risk_rules import tested_view

    setup = Setup(own=own_classifier(environment().data_dir))
    message = ScreenInput(text=text, sender_role=SenderRole(role))
    tried = Tried(explain(message, EmbeddedEncoder(), setup), setup, with_encoder=True)
    return tested_view(text, tried).model_dump(mode="json")


def _lines(text: str, found: dict[str, Any]) -> list[str]:
    verdict = found["verdict"]
    marked = {place for hit in verdict["labels"] for start, end in hit["spans"] for place in range(start, end)}
    lines = list(underlined(text, marked))
    lines.append(f"{word('risk')}  {verdict['level']}  {verdict['action']}  ({verdict['reason']})")
    if not found["scores"]:
        return lines
    hits = {hit["label"]: hit for hit in verdict["labels"]}
    lines += [table([_score(one, hits) for one in found["scores"]], _SCORES, widest=_LINE)]
    lines += ["", f"{word('reading_as')}  {plain(found['reading'])}"]
    if found["disguises"]:
        lines += ["", table(_disguises(found["disguises"]), ("written", "stands_for", "by_view"))]
    return [*lines, "", table([_sign(text, one) for one in found["signs"]], _SIGNS, widest=_LINE)]


_SCORES: Final[Sequence[str]] = ("label", "score", "threshold", "holds", "evidence", "layer")
_SIGNS: Final[Sequence[str]] = ("label", "weight", "layer", "rule", "written")


def _score(one: dict[str, Any], hits: dict[str, Any]) -> dict[str, Any]:
    figures = {name: f"{one[name]:.2f}" for name in ("score", "threshold")}
    return one | {name: hits.get(one["label"], {}).get(name) for name in ("evidence", "layer")} | figures


def _disguises(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """One row a place: many words of a lexicon sound alike."""
    places: dict[tuple[int, int], list[dict[str, Any]]] = {}
    for one in found:
        places.setdefault(tuple(one["span"]), []).append(one)
    return [
        {
            "written": same[0]["text"],
            "stands_for": list(dict.fromkeys(one["word"] for one in same))[:_MOST_WORDS],
            "by_view": list(dict.fromkeys(word(f"disguise_{one['view']}") for one in same)),
        }
        for same in places.values()
    ]


def _sign(text: str, one: dict[str, Any]) -> dict[str, Any]:
    start, end = one["span"]
    return one | {"weight": f"{one['weight']:.2f}", "rule": one["key"], "written": text[start:end]}


def underlined(text: str, marked: Iterable[int]) -> Iterator[str]:
    """The text in lines, each followed by one with `^` under the code points of `marked`. Underlining by escape
    sequences would be lost in a pipe."""
    places = frozenset(marked)
    line, marks = "", ""
    for place, char in enumerate(plain(text)):
        if width(line) + width(char) > _LINE:
            yield from _underlined_line(line, marks)
            line, marks = "", ""
        line += char
        marks += ("^" if place in places else " ") * width(char)
    yield from _underlined_line(line, marks)


def _underlined_line(line: str, marks: str) -> Iterator[str]:
    yield line
    if marks.strip():
        yield marks.rstrip()
