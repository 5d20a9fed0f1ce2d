"""`qunzhu knowledge`: files of entries in and out."""

import json
from pathlib import Path
from typing import Any, Final

import click

from core.errors import BadInput
from server.cli.api import Api, connect
from server.cli.failure import error_table
from server.cli.lazy import Group
from server.cli.output import emit, note
from server.cli.words import word

_FORMATS: Final = {".yaml": "yaml", ".yml": "yaml", ".jsonl": "jsonl"}
_PAGE: Final = 200
_LONG_SECONDS: Final = 600.0
_NOT_WRITTEN: Final = ("version", "hits", "last_hit_at", "updated_at")
_BAD_INPUT: Final = 2


@click.group("knowledge", cls=Group)
def command() -> None:
    """知识库（FAQ 与话术）。The knowledge base: FAQ and scripts."""


@command.command("import")
@click.option("--dry-run", is_flag=True, help="只检查，不写入 / check only, store nothing")
@click.option("--partial", is_flag=True, help="有错也导入其余的 / store the good rows although others are bad")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.pass_context
def import_(ctx: click.Context, dry_run: bool, partial: bool, file: Path) -> None:
    """导入 .yaml 或 .jsonl；有错的行逐条列出，退出码 2。

    Import FILE (.yaml, .yml or .jsonl). Any bad row: exit 2, every row's error, and nothing stored unless --partial.
    """
    params = {"format": _format(file), "dry_run": dry_run, "partial": partial}
    with connect() as api:
        done = api.call("POST", "/v1/knowledge/import", params=params, content=file.read_bytes(), seconds=_LONG_SECONDS)
    emit(done, lambda: word("would_import" if dry_run else "imported", **done))
    if done["errors"]:
        note(f"{word('bad_rows', count=len(done['errors']))}\n{error_table(done['errors'])}")
        ctx.exit(_BAD_INPUT)


@command.command("export")
@click.option("--community", metavar="ID", help="只要这个社群自己的条目 / only this community's own entries")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def export(community: str | None, file: Path) -> None:
    """导出为 .yaml 或 .jsonl；再导入时全部“未变”。

    Write all entries to FILE (.yaml, .yml or .jsonl) in the form that `import` reads: importing it changes nothing.
    """
    format_ = _format(file)
    with connect() as api:
        entries = [one for one in _entries(api) if community is None or one["community"] == community]
    text = _yaml(entries) if format_ == "yaml" else "".join(_json(one) + "\n" for one in entries)
    beside = file.with_name(f".{file.name}.part")
    # Renamed when it is whole, so that a failure leaves no half of a file under its name.
    beside.write_text(text, "utf-8")
    beside.replace(file)
    emit({"file": str(file), "entries": len(entries)}, lambda: word("exported", entries=len(entries), file=file))


def _format(file: Path) -> str:
    """Raises `BadInput` `file_suffix_unknown`."""
    found = _FORMATS.get(file.suffix.lower())
    if found is None:
        raise BadInput("file_suffix_unknown", file=file.name, suffixes="、".join(_FORMATS))
    return found


def _entries(api: Api) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        page = api.get("/v1/knowledge/entries", limit=_PAGE, after=after)
        found += [{k: v for k, v in entry.items() if k not in _NOT_WRITTEN} for entry in page["entries"]]
        after = page["next"]
        if after is None:
            return found


def _json(entry: dict[str, Any]) -> str:
    return json.dumps(entry, ensure_ascii=False)


def _yaml(entries: list[dict[str, Any]]) -> str:
    import yaml

    return yaml.safe_dump(entries, allow_unicode=True, sort_keys=False, width=1_000_000)
