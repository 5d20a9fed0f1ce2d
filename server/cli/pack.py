"""`qunzhu knowledge pack`: what a new group, or who begins to run one, is given, as a Markdown text."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import click

from server.cli.api import connect
from server.cli.lazy import Command
from server.cli.output import emit, plain
from server.cli.words import word

_PARTS: Final = ("admission", "speech", "ads", "penalties")


@click.command("pack", cls=Command)
@click.option("--kit", is_flag=True, help="新人工具包 / the kit of a new operator instead of the cold-start pack")
@click.option("--theme", metavar="TEXT", help="主题，如 母婴 / what the group is about")
@click.option("--community", metavar="ID", help="用这个社群的设置和条目 / with this community's settings and entries")
@click.option("--set", "values", metavar="SLOT=TEXT", multiple=True, help="变量的值，可多次 / the value of a slot")
@click.option(
    "--out", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="写入文件 / write to a file"
)
@click.argument("group_type")
def command(
    kit: bool, theme: str | None, community: str | None, values: tuple[str, ...], out: Path | None, group_type: str
) -> None:
    """冷启动话术包：群规、常见问题、欢迎语、首周安排。GROUP_TYPE 是群类型、它的中文名或主题（母婴）。

    The cold-start pack of a group type, as Markdown.
    """
    wanted = {
        "kind": "operator_kit" if kit else "cold_start",
        "group_type": group_type,
        "theme": theme,
        "community_id": community,
        "values": dict(pair(one) for one in values),
    }
    with connect() as api:
        pack = api.post("/v1/knowledge/packs", wanted)
    text = "\n".join(_lines(pack)) + "\n"
    if out is None:
        emit(pack, lambda: text.rstrip("\n"))
        return
    out.write_text(text, "utf-8")
    emit(pack | {"file": str(out)}, lambda: word("pack_written", file=out, missing=len(pack["missing"])))


def pair(text: str) -> tuple[str, str]:
    """`slot=text` as two. Raises `click.BadParameter`."""
    slot, sign, value = text.partition("=")
    if not sign or not slot or not value:
        raise click.BadParameter(word("slot_value_wrong", text=plain(text)), param_hint="--set")
    return slot.strip(), value


def _lines(pack: dict[str, Any]) -> Iterator[str]:
    subject = f"（{pack['theme']}）" if pack["theme"] else ""
    yield f"# {word(pack['kind'])} · {pack['type_name']}{subject}"
    yield from (f"\n> {word(f'pack_{note}')}" for note in pack["notes"])
    if pack["missing"]:
        yield f"\n> {word('pack_missing', names='、'.join(plain(one['label']) for one in pack['missing']))}"
    yield f"\n## {word('pack_rules')}\n"
    yield from (f"- **{word(f'pack_{part}')}**：{plain(pack['rules'][part]['text'])}" for part in _PARTS)
    yield f"\n## {word('pack_faq')}\n"
    yield from (f"{n}. **{plain(one['title'])}**\n   {_block(one['answer'])}" for n, one in enumerate(pack["faq"], 1))
    yield from _start(pack) if pack["kind"] == "cold_start" else _kit(pack)


def _start(pack: dict[str, Any]) -> Iterator[str]:
    for one in pack["welcome"]:
        yield f"\n## {word('pack_' + one['kind'])}\n\n{_block(one['text'], '')}"
    yield f"\n## {word('pack_week')}"
    for day in pack["first_week"]:
        yield f"\n### {word('pack_day', **day)}\n\n{_block(day['text'], '')}"


def _kit(pack: dict[str, Any]) -> Iterator[str]:
    for name in ("crisis", "complaints"):
        yield f"\n## {word(f'pack_{name}')}"
        for one in pack[name]:
            mark = f"（{word('needs_manager')}）" if one["requires"] == "manager" else ""
            yield f"\n### {plain(one['title'])}{mark}\n\n{_block(one['text'], '')}"
    yield f"\n## {word('pack_duties')}\n"
    yield from (f"- [ ] {one['when']}：{one['what']}" for one in pack["duties"])


def _block(text: str, indent: str = "   ") -> str:
    """A text of several lines as Markdown keeps it: two spaces at the end of a line are a break."""
    return f"  \n{indent}".join(plain(line) for line in text.split("\n"))
