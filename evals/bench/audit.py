"""The audit at length: how long a walk takes, and whether every mutation is found.
`python -m evals.bench.audit [--rows 100000] [--mutated 10000]`."""

import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import sqlalchemy as sa

from core.caller import system_caller
from core.clock import SystemClock
from core.crypto import Keyring
from core.ids import new_id
from store import migrate
from store.audit import AuditRow, Deed
from store.audit_chain import Broken, Walk
from store.session import Database

_COLUMNS = [column.name for column in AuditRow.__table__.columns]
_ACTIONS = ("draft.approved", "draft.rejected", "risk.confirmed", "message.requeued")
_A_TRANSACTION = 500


def filled(folder: Path, rows: int) -> Database:
    """A database with a chain of `rows`."""
    database = Database(
        f"sqlite:///{folder / 'audit.db'}", SystemClock(), Keyring(b"b" * 32), anchors=folder / "anchor"
    )
    migrate.upgrade(database)
    caller = system_caller("bench")
    for begin in range(0, rows, _A_TRANSACTION):
        with database.write() as db:
            for number in range(begin, min(begin + _A_TRANSACTION, rows)):
                details = {"version": number % 7, "delivery": new_id("dlv"), "labels": ["ad_spam"]}
                community = ("mama", "baby", None)[number % 3]
                db.audit(Deed(caller, _ACTIONS[number % 4], "draft", new_id("drf"), community, details))
    return database


def walk_seconds(database: Database) -> tuple[float, float]:
    """Seconds of one whole verification, and how many of them a core worked for it."""
    begun, worked = time.perf_counter(), time.process_time()
    found = database.verify_audit()
    assert found.broken_at is None
    return round(time.perf_counter() - begun, 2), round(time.process_time() - worked, 2)


def missed(database: Database) -> tuple[int, int]:
    """Mutations tried and not found: each column of each row edited, each row deleted, each swapped with the next (with
    and without their numbers), each doubled, and the chain cut behind each."""
    with database.read() as db:
        rows = [tuple(row) for row in db.execute(sa.select(AuditRow.__table__).order_by(AuditRow.number))]
    head = rows[-1]
    tried = lost = 0
    for place in range(len(rows)):
        before = rows[place - 1][-1] if place else "0" * 64
        for broken in _mutations(rows, place):
            tried += 1
            lost += not _is_found(before, place, broken, (head[0], head[-1]), last=place + 1 >= len(rows))
    return tried, lost


def _mutations(rows: list[tuple[Any, ...]], place: int) -> list[Sequence[tuple[Any, ...]]]:
    """What stands from `place` on, as far as the walk could need it."""
    row, after = rows[place], rows[place + 1 : place + 3]
    edited: list[Sequence[tuple[Any, ...]]] = []
    for column, value in enumerate(row):
        other = {
            int: lambda v: v + 1,
            str: lambda v: v[:-1] + ("0" if v[-1] != "0" else "1"),
            dict: lambda v: v | {"x": 1},
        }
        changed = other[type(value)](value) if type(value) in other else ("x" if value is None else None)
        edited.append([(*row[:column], changed, *row[column + 1 :]), *after])
    cuts: list[Sequence[tuple[Any, ...]]] = [after, [row, row, *after]]
    if after:
        cuts += [[after[0], row, *after[1:]], [(row[0], *after[0][1:]), (after[0][0], *row[1:]), *after[1:]]]
    return [*edited, *cuts, []]


def _is_found(before: str, place: int, broken: Sequence[tuple[Any, ...]], head: tuple[int, str], *, last: bool) -> bool:
    walk = Walk()
    walk.number, walk.previous = place, before
    try:
        walk.rows(broken)
    except Broken:
        return True
    # Nothing broke in what follows: then the end must not be the head's. What was cut off shows there.
    return (walk.number, walk.previous) != head if not broken or last else False


@click.command()
@click.option("--rows", default=100_000, show_default=True)
@click.option("--mutated", default=10_000, show_default=True)
def main(rows: int, mutated: int) -> None:
    """Print the figures as JSON."""
    with tempfile.TemporaryDirectory(prefix="qunzhu-audit-") as name:
        folder = Path(name)
        small = filled(folder, mutated)
        begun = time.perf_counter()
        tried, lost = missed(small)
        result: dict[str, Any] = {
            "rows_mutated": mutated,
            "mutations": tried,
            "not_found": lost,
            "mutation_seconds": round(time.perf_counter() - begun, 1),
        }
        small.close()
        (folder / "audit.db").unlink()
        (folder / "anchor").unlink()
        for more in folder.glob("audit.db-*"):
            more.unlink()
        large = filled(folder, rows)
        result |= {"rows": rows, "seconds": [walk_seconds(large) for _ in range(3)]}
        large.close()
    click.echo(json.dumps(result))


if __name__ == "__main__":
    main()
