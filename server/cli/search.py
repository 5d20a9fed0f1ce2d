"""`qunzhu search`: what the knowledge base finds for a question, with every score and the reason of the verdict."""

from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import clip, emit, plain, shown, table
from server.cli.words import word

_VIEWS: Final = ("nearest", "asked", "whole", "answer", "lexical", "coverage", "second")
_NARROW: Final = 24


@click.command("search", cls=Command)
@click.option("--community", metavar="ID", required=True, help="在哪个社群问 / community in which it is asked")
@click.option(
    "--kind",
    multiple=True,
    type=click.Choice(["faq", "document", "case", "script"]),
    default=("faq", "document"),
    show_default=True,
    help="条目类别，可多次 / kind of entry, may be repeated",
)
@click.option(
    "--audience",
    type=click.Choice(["new", "old"]),
    help="当作新成员或老成员来问 / as a new or an old member; default: entries for either",
)
@click.option("-k", "--most", type=click.IntRange(1, 20), default=5, show_default=True, help="最多几条 / how many")
@click.argument("text")
def command(community: str, kind: tuple[str, ...], audience: str | None, most: int, text: str) -> None:
    """命中测试：会找到哪些条目、每项得分、能不能答、为什么。

    Hit-testing: what would be found for TEXT, whether it is enough to answer, and why not.
    """
    wanted = {"text": text, "community_id": community, "kinds": list(kind), "audience": audience, "k": most}
    with connect() as api:
        found = api.post("/v1/knowledge/search", wanted)
    emit(found, lambda: "\n".join([*_verdict(found), "", _entries(found["results"])]))


def _verdict(found: dict[str, Any]) -> list[str]:
    said = {"meaning": word(f"verdict_{found['verdict']}")}
    lines = [
        word("verdict", **found | said | {"score": f"{found['score']:.2f}", "threshold": _two(found["threshold"])})
    ]
    reasons = [word(f"reason_{reason}") for reason in found["reasons"]]
    lines += [word("reasons", reasons="；".join(reasons))] if reasons else []
    lines += [word("boundary", boundary=word(f"boundary_{found['boundary']}"))] if found["boundary"] else []
    if len(found["questions"]) > 1:
        lines += [word("split_into", questions=" | ".join(map(plain, found["questions"])))]
    return lines


def _two(figure: float) -> str:
    return f"{figure:.2f}"


def _entries(results: list[dict[str, Any]]) -> str:
    # A view that is 0 for every entry is one that this installation doesn't have: the second encoder.
    views = [name for name in _VIEWS if any(one["scores"][name] for one in results)]
    columns = ["score", *(f"view_{name}" for name in views), "entry", "kind", "name", "wording"]
    columns += ["expired"] if any(one["expired"] for one in results) else []
    return table([_row(one) for one in results], columns)


def _row(found: dict[str, Any]) -> dict[str, Any]:
    views = {f"view_{name}": _two(value) for name, value in found["scores"].items()}
    named = {"entry": f"{found['entry_id']} v{found['version']}", "name": clip(shown(found["title"]), _NARROW)}
    return found | views | named | {"score": _two(found["score"]), "wording": clip(shown(found["wording"]), _NARROW)}
