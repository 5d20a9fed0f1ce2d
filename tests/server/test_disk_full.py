"""A full disk: refused with 503 and nothing half written; it goes on once there is room."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from store.session import Database
from tests.house import House, row_counts

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Disk:
    """SQLite itself says that the disk is full, once its file may grow no further."""

    def __init__(self, database: Database) -> None:
        self._engine = database.engine
        self._full = False
        sa.event.listen(self._engine, "connect", self._limit)

    def _limit(self, connection: Any, _record: object) -> None:
        if self._full:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

    def fill(self) -> None:
        self._full = True
        self._engine.dispose()

    def empty(self) -> None:
        self._full = False
        self._engine.dispose()

    def close(self) -> None:
        sa.event.remove(self._engine, "connect", self._limit)


@pytest.fixture
def disk(house: House) -> Iterator[Disk]:
    made = Disk(house.services.database)
    yield made
    made.close()


def _message(number: int) -> dict[str, Any]:
    return {
        "channel": "wecom",
        "community_id": "mama",
        "message_id": f"full-{number}",
        "sender": {"id": f"wx-{number}", "name": "路人"},
        "text": "请问怎么退款？" + "我等了很久了。" * 400,
        "sent_at": datetime(2026, 11, 21, 1, 59, tzinfo=UTC).isoformat(),
    }


@ON_SQLITE
def test_messages_are_refused_whole_and_taken_once_there_is_room(house: House, disk: Disk, client: TestClient) -> None:
    key = {"authorization": client.headers["authorization"]}
    assert client.post("/v1/messages", json=_message(0), headers=key).status_code == 202
    disk.fill()
    number = 1
    while (answer := client.post("/v1/messages", json=_message(number), headers=key)).status_code == 202:
        number += 1
        assert number < 200, "the disk never fills"
    assert answer.status_code == 503
    assert answer.json()["code"] == "database_unavailable"
    assert answer.headers["retry-after"] == "2"
    full = row_counts(house.services.database)
    assert full["messages"] == number, "what was acknowledged is there, what was refused is not"
    assert client.get("/healthz").status_code == 200
    disk.empty()
    assert client.post("/v1/messages", json=_message(number), headers=key).status_code == 202
    assert row_counts(house.services.database)["messages"] == number + 1
    assert client.post("/v1/audit:verify", headers=key).json()["broken_at"] is None
