"""`qunzhu copy check` and `qunzhu knowledge check`: our own wording, one text or the whole knowledge base."""

import sys
from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command, Group
from server.cli.output import emit, plain, table
from server.cli.risk_trial import underlined
from server.cli.words import word

_STDIN: Final = "-"
_REFUSED: Final = 1


@click.group("copy", cls=Group)
def command() -> None:
    """自查文案。Check a text of our own."""


@command.command("check")
@click.option(
    "--source", "sources", multiple=True, metavar="TEXT", help="事实的出处，可多次 / where its facts come from"
)
@click.option("--entry", "entry_ids", multiple=True, metavar="ID", help="引用的条目，可多次 / an entry that it cites")
@click.option("--community", metavar="ID", help="用哪个社群的变量 / whose slot values it may use")
@click.argument("text", metavar="TEXT|-")
@click.pass_context
def check(
    ctx: click.Context, sources: tuple[str, ...], entry_ids: tuple[str, ...], community: str | None, text: str
) -> None:
    """自查一段要发出去的话：标出问题和改法；有问题退出码 1。TEXT 为 - 时读标准输入。

    Check TEXT (- reads standard input) as any text of ours is before it goes out. Exit 1 where it would be refused.
    """
    written = sys.stdin.read().strip() if text == _STDIN else text
    wanted = {"text": written, "sources": sources, "entry_ids": entry_ids, "community_id": community}
    with connect() as api:
        found = api.post("/v1/copy/check", wanted)
    emit(found, lambda: "\n".join(_lines(written, found)))
    if found["blocks"]:
        ctx.exit(_REFUSED)


def _lines(text: str, found: dict[str, Any]) -> list[str]:
    places = {place for hit in found["labels"] for place in range(*hit["span"])}
    lines = list(underlined(text, places))
    if not found["labels"]:
        return [*lines, word("copy_clean")]
    for hit in found["labels"]:
        lines += [f"{hit['label']}  {plain(hit['text'])}", f"  → {hit['advice']}"]
    unsourced = all(hit["label"] == "unsupported_fact" for hit in found["labels"])
    return [*lines, word("copy_unsourced" if unsourced else "copy_blocks")]


@click.command("check", cls=Command)
def scan() -> None:
    """自查全部条目和话术的措辞、个人信息、来源与负责人，并留下报告。

    Read all entries and scripts for wording that may not go out, personal data, a missing source or owner; keeps the
    report.
    """
    with connect() as api:
        report = api.post("/v1/knowledge/check", {})
    emit(report, lambda: "\n".join(_report(report)))


def _report(report: dict[str, Any]) -> list[str]:
    head = word("scanned", entries=report["entries"], found=len(report["findings"]))
    counts = [f"{label} {count}" for label, count in report["counts"].items()]
    rows = [_row(one, problem) for one in report["findings"] for problem in one["problems"] if problem["span"]]
    return [head, *counts, *([table(rows, ("entry", "label", "text", "advice"), widest=50)] if rows else [])]


def _row(one: dict[str, Any], problem: dict[str, Any]) -> dict[str, Any]:
    return {**problem, "entry": one["entry_id"], "text": plain(problem["text"])}
