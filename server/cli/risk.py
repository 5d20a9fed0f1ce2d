"""`qunzhu risk test`: screens a text as a member's message would be, without storing anything."""

from collections.abc import Iterable, Iterator
from typing import Any, Final

import click

from server.cli.lazy import Group
from server.cli.output import emit, plain, table, width
from server.cli.progress import waiting
from server.cli.words import word

_LINE: Final = 76


@click.group("risk", cls=Group)
def command() -> None:
    """风险识别。Risk screening."""


@command.command("test")
@click.option(
    "--role",
    type=click.Choice(["member", "staff", "bot"]),
    default="member",
    show_default=True,
    help="谁发的 / who is supposed to have sent it",
)
@click.argument("text")
def test(role: str, text: str) -> None:
    """识别一段文本：标签、位置、证据、级别、建议动作。什么都不存。

    Screen TEXT: labels, where they stand, evidence, level and proposed action. Stores nothing, needs no service.
    """
    with waiting(word("asking")):
        from agent.steps.risk import ScreenInput, screen
        from core.vocabulary import SenderRole

        verdict = screen(ScreenInput(text=text, sender_role=SenderRole(role))).model_dump(mode="json")
    emit(verdict, lambda: "\n".join(_lines(text, verdict)))


def _lines(text: str, verdict: dict[str, Any]) -> list[str]:
    marked = {place for hit in verdict["labels"] for start, end in hit["spans"] for place in range(start, end)}
    lines = list(underlined(text, marked))
    lines.append(f"{word('risk')}  {verdict['level']}  {verdict['action']}  ({verdict['reason']})")
    if verdict["labels"]:
        rows = [hit | {"score": f"{hit['score']:.2f}"} for hit in verdict["labels"]]
        lines.append(table(rows, ("label", "score", "evidence", "layer"), widest=_LINE))
    return lines


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
