"""Cursor paging: an opaque cursor that says after which row the next page begins."""

import base64
import json
from datetime import UTC, datetime
from typing import Annotated

from fastapi import Query

from core.errors import BadInput

Limit = Annotated[int, Query(ge=1, le=200, description="how many at most")]
MOST_INT = 2**31 - 1
Cursor = Annotated[str | None, Query(max_length=300, description="`next` of the page before")]


def encode(moment: datetime, id_: str) -> str:
    return base64.urlsafe_b64encode(json.dumps([moment.isoformat(), id_]).encode()).decode()


def decode(cursor: str) -> tuple[datetime, str]:
    """Raises `BadInput` `cursor_invalid`."""
    try:
        moment, id_ = json.loads(base64.urlsafe_b64decode(cursor.encode()))
        parsed = datetime.fromisoformat(moment)
        aware = parsed.tzinfo is not None and parsed.astimezone(UTC) is not None
    except (ValueError, TypeError, OverflowError):
        raise BadInput("cursor_invalid", extra={"field": "cursor"}) from None
    if not aware or not isinstance(id_, str):
        raise BadInput("cursor_invalid", extra={"field": "cursor"})
    return parsed, id_
