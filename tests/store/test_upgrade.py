"""A database of the first release, with what people had in it, comes up to this program and works on."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from agent.flows import access
from agent.services import Services
from core.clock import ManualClock
from core.crypto import Keyring
from core.settings import Environment
from core.vocabulary import MessageStage
from knowledge import gate
from knowledge.base import KnowledgeBase
from knowledge.embeddings import Embedder
from knowledge.index import VectorIndex
from store import migrate
from store.session import Database
from tests.house import ASKS_REFUND, House
from tests.store.test_backup import new_postgres, run_admin

AT = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)
RISK: dict[str, Any] = {"level": "none", "labels": [], "action": "none", "reason": ""}
COMMUNITY = {"name": "妈妈群", "type": "interest", "channel": "wecom", "archived_at": None}
DUE = {"lease_until": None, "fence": 0, "attempts": 0, "worker": None, "last_error": None, "dead_at": None}
MESSAGE: dict[str, Any] = DUE | {
    "lane": "mama",
    "channel": "wecom",
    "community_id": "mama",
    "revision": 0,
    "body_hash": "0" * 64,
    "type": "text",
    "conversation": "group",
    "recalled": False,
    "history": False,
    "member_id": None,
    "sender_role": "member",
    "original": None,
    "reply_to": None,
    "mentions": [],
    "attachments": [],
    "sent_at": AT,
    "received_at": AT,
    "risk": RISK,
    "triage": None,
    "no_draft": None,
    "done_at": None,
    "correlation_id": None,
}


@pytest.fixture
def old(request: pytest.FixtureRequest, database_url: str, clock: ManualClock, keyring: Keyring) -> Iterator[Database]:
    """At revision 0001, with a community, a message that waits, one that is done, and a setting."""
    url = database_url
    if not url.startswith("sqlite"):
        url = new_postgres(request.getfixturevalue("postgres_url"))
    database = Database(url, clock, keyring)
    with database.engine.execution_options(qunzhu_write=True).begin() as connection:
        migrate.to(connection, "0001")
        _live(connection)
    yield database
    database.close()
    if not database.is_sqlite:
        drop = f'DROP DATABASE "{database.engine.url.database}" WITH (FORCE)'
        run_admin(request.getfixturevalue("postgres_url"), drop)


def _live(connection: sa.Connection) -> None:
    metadata = sa.MetaData()
    metadata.reflect(connection)
    tables = metadata.tables
    for id_, parent in (("root", None), ("mama", "root")):
        _put(connection, tables["communities"], COMMUNITY | {"id": id_, "parent_id": parent, "created_at": AT})
    done = {"id": "msg_1", "external_id": "m-1", "text": "大家早上好", "stage": "done", "due_at": None, "done_at": AT}
    waits = {"id": "msg_2", "external_id": "m-2", "text": ASKS_REFUND, "stage": "received", "due_at": AT}
    for own in (done, waits):
        _put(connection, tables["messages"], MESSAGE | own)
    own_value = {
        "key": "reply.tone",
        "community_id": "mama",
        "value": "professional",
        "version": 3,
        "by": "usr_1",
        "at": AT,
    }
    _put(connection, tables["settings"], own_value)


def _put(connection: sa.Connection, table: sa.Table, values: dict[str, Any]) -> None:
    naive = connection.dialect.name == "sqlite"
    known = {name: value for name, value in values.items() if name in table.columns}
    moments = {name: value.replace(tzinfo=None) for name, value in known.items() if isinstance(value, datetime)}
    connection.execute(sa.insert(table).values(known | (moments if naive else {})))


@pytest.fixture
def house(old: Database, clock: ManualClock, encoder: Embedder, tmp_path: Path) -> Iterator[House]:
    """What a start of this program makes of it."""
    assert migrate.current(old) == "0001"
    assert migrate.upgrade(old) is True
    index = VectorIndex(tmp_path / "index", None, encoder.dimensions, encoder.name)
    env = Environment(env="test", data_dir=tmp_path, worker_threads=0)
    services = Services(env, clock, old.keyring, old, KnowledgeBase(old, index, encoder, gate.shipped()))
    access.bootstrap(services)
    owner = access.caller_of_login(services, None)
    bot = access.caller_of_key(services, access.create_key(services, owner, name="bot").key)
    yield House(services, clock, owner, bot, "mama")
    services.knowledge.close()


def test_what_waited_is_worked_off_and_new_messages_come_in(house: House) -> None:
    house.learn()
    assert house.work() == ["msg_2"]
    draft = house.draft_of("msg_2")
    assert draft is not None
    assert draft.text is not None
    assert house.ask(ASKS_REFUND, "m-3").text == draft.text
    assert house.decide(draft.id).delivery_id is not None


def test_what_was_there_is_still_there(house: House) -> None:
    row = house.message_row("msg_1")
    assert (row.text, row.stage, row.sent_at, row.risk) == ("大家早上好", MessageStage.DONE, AT, RISK)
    assert (row.burst_id, row.wants_model) == (None, False)
    with house.services.database.read() as db:
        kept = db.execute(sa.text("SELECT version FROM settings WHERE key = 'reply.tone'")).scalar_one()
    assert house.services.database.verify_audit().broken_at is None
    assert kept == 3
    assert migrate.current(house.services.database) == migrate.head()
