"""`qunzhu risk rules`: words of a community's own, phrases that are fine there, labels that it doesn't look for,
thresholds; and what a change would have made of the last days."""

from collections.abc import Sequence
from typing import Any, Final

import click

from server.cli.api import Api, connect
from server.cli.lazy import Group
from server.cli.output import emit, note, plain, table
from server.cli.risk_review import LABELS
from server.cli.words import word

_PATIENCE: Final = 120.0
_PLACE = click.option("--community", metavar="ID", help="哪个社群，默认全部社群 / default: what holds everywhere")


@click.group("rules", cls=Group)
def command() -> None:
    """社群自己的风险规则。What a community changes in its screening."""


@command.command("show")
@_PLACE
def show(community: str | None) -> None:
    """现行的规则：自己的和上级的。The rules: a place's own, and those from above."""
    with connect() as api:
        place = api.get("/v1/risks/rules", community=community)
    emit(place, lambda: _shown(place))


@command.command("change")
@_PLACE
@click.option(
    "--word",
    "words",
    multiple=True,
    metavar="LABEL=WORD[:WEIGHT]",
    help="加一个词，分量 0.1–1，默认 0.6 单独就够 / add a word; 0.6, the default, is enough alone",
)
@click.option("--without-word", "gone", multiple=True, metavar="WORD", help="去掉一个词 / take a word out")
@click.option("--allow", multiple=True, metavar="PHRASE", help="这个说法没问题 / this phrase is fine here")
@click.option("--disallow", multiple=True, metavar="PHRASE", help="去掉一个说法 / take a phrase out")
@click.option(
    "--off", multiple=True, type=click.Choice(LABELS), metavar="LABEL", help="不查这类 / don't look for this label"
)
@click.option("--on", multiple=True, type=click.Choice(LABELS), metavar="LABEL", help="要查这类 / look for it again")
@click.option("--off-as-above", is_flag=True, help="查哪些沿用上级 / as the places above have it")
@click.option(
    "--threshold",
    multiple=True,
    metavar="LABEL=SCORE",
    help="从多少分起算，不写分数为沿用上级 / score from which it holds; LABEL= as above",
)
@click.option("--dry-run", is_flag=True, help="只看最近几天会有什么不同，不保存 / only show what it would change")
@click.option("--days", type=click.IntRange(1, 30), default=7, show_default=True, help="看最近几天 / of how many days")
def change(
    community: str | None,
    words: Sequence[str],
    gone: Sequence[str],
    allow: Sequence[str],
    disallow: Sequence[str],
    off: Sequence[str],
    on: Sequence[str],
    off_as_above: bool,
    threshold: Sequence[str],
    dry_run: bool,
    days: int,
) -> None:
    """改这一处自己的规则；--dry-run 先试算。Change a place's own rules; try them with --dry-run first."""
    with connect() as api:
        place = api.get("/v1/risks/rules", community=community)
        own = place["own"]
        rules = {
            "words": _words(own["words"], words, gone),
            "allowed": [one for one in dict.fromkeys([*own["allowed"], *allow]) if one not in disallow],
            "off": None if off_as_above else _off(place, off, on),
            "thresholds": _thresholds(own["thresholds"], threshold),
        }
        if dry_run:
            _try(api, {"community_id": community, "rules": rules, "days": days})
            return
        body = rules | {"version": place["version"]}
        done = api.call("PUT", "/v1/risks/rules", params={"community": community}, json=body)
    emit(done, lambda: _shown(done))


def _words(own: list[dict[str, Any]], added: Sequence[str], gone: Sequence[str]) -> list[dict[str, Any]]:
    new = [_word(one) for one in added]
    taken = {(one["word"], one["label"]) for one in new}
    kept = [one for one in own if one["word"] not in gone and (one["word"], one["label"]) not in taken]
    return kept + new


def _word(given: str) -> dict[str, Any]:
    label, text = _parted(given, "word")
    text, _, weight = text.partition(":")
    if not text:
        raise _wrong(given, "word")
    return {"word": text, "label": label} | ({"weight": _number(weight, given, "word")} if weight else {})


def _parted(given: str, option: str) -> tuple[str, str]:
    """`label=rest` as two. Raises `click.BadParameter`."""
    label, equals, rest = given.partition("=")
    if not equals:
        raise _wrong(given, option)
    if label not in LABELS:
        told = word("rule_label_wrong", label=plain(label), labels=", ".join(LABELS))
        raise click.BadParameter(told, param_hint=f"--{option}")
    return label, rest


def _number(text: str, given: str, option: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise _wrong(given, option) from None


def _wrong(given: str, option: str) -> click.BadParameter:
    return click.BadParameter(word(f"rule_{option}_wrong", text=plain(given)), param_hint=f"--{option}")


def _off(place: dict[str, Any], off: Sequence[str], on: Sequence[str]) -> list[str] | None:
    """The place's own list; the first change starts from the one above."""
    own: list[str] | None = place["own"]["off"]
    if not off and not on:
        return own
    start = own if own is not None else place["inherited"]["off"] or []
    return [one for one in dict.fromkeys([*start, *off]) if one not in on]


def _thresholds(own: dict[str, float], given: Sequence[str]) -> dict[str, float]:
    changed = dict(own)
    for one in given:
        label, score = _parted(one, "threshold")
        if score:
            changed[label] = _number(score, one, "threshold")
        else:
            changed.pop(label, None)
    return changed


def _try(api: Api, body: dict[str, Any]) -> None:
    found = api.call("POST", "/v1/risks/rules:dry-run", json=body, seconds=_PATIENCE, text=word("dry_running"))
    emit(found, lambda: _tried(found))
    if found["ended"] is not None:
        note(word(f"dry_run_{found['ended']}", **found))


def _tried(found: dict[str, Any]) -> str:
    lines = [word("dry_run_said", **found), table(found["labels"], ("label", "before", "after"))]
    if found["examples"]:
        rows = [_example(one) for one in found["examples"]]
        lines += ["", table(rows, ("message_id", "before", "after", "text"), widest=60)]
    return "\n".join(lines)


def _example(one: dict[str, Any]) -> dict[str, Any]:
    said = {when: ", ".join(one[when]["labels"]) or one[when]["level"] for when in ("before", "after")}
    return said | {"message_id": one["message_id"], "text": plain(one["text"])}


def _shown(place: dict[str, Any]) -> str:
    rows = [_row(kind, value, place) for kind, value in _values(place["effective"])]
    return table(rows, ("kind", "value", "from_above"), widest=60)


def _values(rules: dict[str, Any]) -> list[tuple[str, str]]:
    words = [("words", f"{one['label']}={one['word']}:{one['weight']:g}") for one in rules["words"]]
    allowed = [("allowed", one) for one in rules["allowed"]]
    off = [("off", one) for one in rules["off"] or []]
    return words + allowed + off + [("thresholds", f"{label}={at:g}") for label, at in rules["thresholds"].items()]


def _row(kind: str, value: str, place: dict[str, Any]) -> dict[str, Any]:
    own = dict.fromkeys(_values(place["own"]))
    return {"kind": word(f"rules_{kind}"), "value": value, "from_above": (kind, value) not in own}
