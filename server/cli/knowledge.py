"""`qunzhu knowledge`: files of entries in and out."""

import json
from pathlib import Path
from typing import Final

import click

from core.errors import BadInput
from server.cli.api import connect
from server.cli.candidates import command as candidates
from server.cli.copy_check import scan
from server.cli.entry_care import diff, stale
from server.cli.failure import error_table
from server.cli.knowledge_report import tell
from server.cli.lazy import Group, wants_json
from server.cli.output import emit, note
from server.cli.pack import command as pack
from server.cli.phrasings import command as propose
from server.cli.words import word

_FORMATS: Final = {
    ".yaml": "yaml",
    ".yml": "yaml",
    ".jsonl": "jsonl",
    ".csv": "csv",
    ".tsv": "csv",
    ".xlsx": "xlsx",
    ".md": "markdown",
    ".markdown": "markdown",
}
_LONG_SECONDS: Final = 600.0
_LEFT_OUT: Final = "-"
_BAD_INPUT: Final = 2


@click.group("knowledge", cls=Group)
def command() -> None:
    """知识库（FAQ 与话术）。The knowledge base: FAQ and scripts."""


command.add_command(pack)
command.add_command(candidates)
command.add_command(scan)
command.add_command(stale)
command.add_command(diff)
command.add_command(propose)


@command.command("import")
@click.option("--dry-run", is_flag=True, help="只检查，不写入 / check only, store nothing")
@click.option("--partial", is_flag=True, help="有错也导入其余的 / store the good rows although others are bad")
@click.option("--strict", is_flag=True, help="重复和矛盾也算错 / duplicates and conflicts are errors too")
@click.option(
    "--map",
    "columns",
    multiple=True,
    metavar="COLUMN=FIELD",
    help="表格的列对应哪个字段，- 为不要这列 / the field of a table's column, - to leave it out; may be repeated",
)
@click.option("--community", metavar="ID", help="没写社群的条目归这个社群 / the community of entries that name none")
@click.option("--clean", is_flag=True, help="自己的格式也清理 / clean even a file in our own form")
@click.option("--as-is", is_flag=True, help="原样导入，不清理 / take every text word for word")
@click.option(
    "--retire-gone", is_flag=True, help="文档里已删去的段落停用 / retire passages that the document no longer has"
)
@click.argument("file", type=click.Path(exists=True, dir_okay=False, readable=True, path_type=Path))
@click.pass_context
def import_(
    ctx: click.Context,
    dry_run: bool,
    partial: bool,
    strict: bool,
    columns: tuple[str, ...],
    community: str | None,
    clean: bool,
    as_is: bool,
    retire_gone: bool,
    file: Path,
) -> None:
    """导入 .yaml、.jsonl、.csv、.xlsx 或 .md；有错的行逐条列出，退出码 2。

    Import FILE (.yaml, .jsonl, .csv, .tsv, .xlsx or .md). Any bad row: exit 2, every row's error, and nothing stored
    unless --partial.
    """
    params = {"format": _format(file), "dry_run": dry_run, "partial": partial, "strict": strict, "name": file.name}
    params |= {"columns": _said(columns), "community": community, "retire_gone": retire_gone}
    params |= {"clean": clean} if clean or as_is else {}
    with connect() as api:
        done = api.call("POST", "/v1/knowledge/import", params=params, content=file.read_bytes(), seconds=_LONG_SECONDS)
    emit(done, lambda: word("would_import" if dry_run else "imported", **done))
    if not wants_json():
        tell(done)
    if done["errors"]:
        note(f"{word('bad_rows', count=len(done['errors']))}\n{error_table(done['errors'])}")
        ctx.exit(_BAD_INPUT)


@command.command("export")
@click.option("--community", metavar="ID", help="只要这个社群自己的条目 / only this community's own entries")
@click.argument("file", type=click.Path(dir_okay=False, writable=True, path_type=Path))
def export(community: str | None, file: Path) -> None:
    """导出为 .yaml、.jsonl、.csv、.xlsx 或 .md；再导入时全部“未变”。

    Write all entries to FILE (.yaml, .jsonl, .csv, .xlsx or .md) in the form that `import` reads: importing it changes
    nothing.
    """
    params = {"format": _format(file, export=True), "community": community}
    with connect() as api:
        answer = api.file("/v1/knowledge/export", params=params, seconds=_LONG_SECONDS)
    beside = file.with_name(f".{file.name}.part")
    # Renamed when it is whole, so that a failure leaves no half of a file under its name.
    beside.write_bytes(answer.content)
    beside.replace(file)
    entries = int(answer.headers["x-qunzhu-entries"])
    emit({"file": str(file), "entries": entries}, lambda: word("exported", entries=entries, file=file))


def _format(file: Path, *, export: bool = False) -> str:
    """Raises `BadInput` `file_suffix_unknown`."""
    suffix = file.suffix.lower()
    known = {name: format_ for name, format_ in _FORMATS.items() if not (export and name == ".tsv")}
    if suffix not in known:
        raise BadInput("file_suffix_unknown", file=file.name, suffixes="、".join(known))
    return known[suffix]


def _said(columns: tuple[str, ...]) -> str | None:
    """`--map` as the service takes it."""
    if not columns:
        return None
    pairs = [said.rpartition("=") for said in columns]
    return json.dumps({name.strip(): None if field.strip() == _LEFT_OUT else field.strip() for name, _, field in pairs})
