"""Settings as rows: inherited, and read once a session."""

import sqlalchemy as sa

from core.tunables import COMPLAINT_JOIN_HOURS, COMPLAINT_REOPEN_DAYS, QUESTION_MINUTES
from store import settings
from store.session import Database

LINEAGE = ("mama", "root")


def test_nearest_value_wins_and_a_change_is_seen_at_once(database: Database) -> None:
    with database.write() as db:
        settings.put(db, COMPLAINT_JOIN_HOURS.key, None, 10, "usr_1")
        assert settings.value(db, COMPLAINT_JOIN_HOURS, LINEAGE) == 10
        settings.put(db, COMPLAINT_JOIN_HOURS.key, "root", 20, "usr_1")
        assert settings.value(db, COMPLAINT_JOIN_HOURS, LINEAGE) == 20
        settings.put(db, COMPLAINT_JOIN_HOURS.key, "mama", 30, "usr_1")
        assert settings.value(db, COMPLAINT_JOIN_HOURS, LINEAGE) == 30
        assert settings.value(db, COMPLAINT_JOIN_HOURS, ("root",)) == 20
    with database.read() as db:
        assert settings.value(db, COMPLAINT_JOIN_HOURS) == 10
        assert settings.value(db, COMPLAINT_REOPEN_DAYS, LINEAGE) == COMPLAINT_REOPEN_DAYS.default


def test_a_session_reads_the_settings_of_a_place_once(database: Database) -> None:
    asked: list[str] = []
    sa.event.listen(database.engine, "before_cursor_execute", lambda *said: asked.append(said[2]))
    with database.read() as db:
        for _ in range(3):
            for tunable in (COMPLAINT_JOIN_HOURS, COMPLAINT_REOPEN_DAYS, QUESTION_MINUTES):
                assert settings.value(db, tunable, LINEAGE) == tunable.default
    assert sum("FROM settings" in query for query in asked) == 1
