"""Parts of a moment in the reporting zone, for grouping on both databases. Keys are texts: `2026-11-21` for days, the
Monday for weeks, `2026-11` for months, `00`…`23` for hours, `1` (Monday) … `7` for weekdays."""

from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

ZONE: Final = "Asia/Shanghai"
# The zone has had no summer time since 1991, so on SQLite, which knows no zones, a fixed offset is the same.
_SHIFT: Final = "'+8 hours'"


class _Part(FunctionElement[str]):
    type = sa.String()
    inherit_cache = True
    sqlite = ""
    postgresql = ""


class LocalDay(_Part):
    inherit_cache = True
    sqlite = f"date({{}}, {_SHIFT})"
    postgresql = "to_char({}, 'YYYY-MM-DD')"


class LocalWeek(_Part):
    inherit_cache = True
    sqlite = f"date({{}}, {_SHIFT}, 'weekday 0', '-6 days')"
    postgresql = "to_char(date_trunc('week', {}), 'YYYY-MM-DD')"


class LocalHour(_Part):
    inherit_cache = True
    sqlite = f"strftime('%H', {{}}, {_SHIFT})"
    postgresql = "to_char({}, 'HH24')"


class LocalWeekday(_Part):
    inherit_cache = True
    sqlite = f"CAST((CAST(strftime('%w', {{}}, {_SHIFT}) AS INTEGER) + 6) % 7 + 1 AS TEXT)"
    postgresql = "to_char({}, 'ID')"


@compiles(_Part, "sqlite")
def _for_sqlite(part: _Part, compiler: Any, **options: Any) -> str:
    return part.sqlite.format(compiler.process(part.clauses, **options))


@compiles(_Part, "postgresql")
def _for_postgresql(part: _Part, compiler: Any, **options: Any) -> str:
    return part.postgresql.format(f"({compiler.process(part.clauses, **options)} AT TIME ZONE '{ZONE}')")
