"""Nothing that identifies a member stands in clear, in any file, table or log."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog
from structlog._config import BoundLoggerLazyProxy
from structlog.testing import LogCapture

from agent.flows import events
from agent.flows.incoming import IncomingEvent
from core import log
from core.vocabulary import Decision
from store.messages import MessageRow
from store.tables import METADATA
from store.vault import MemberKeys, Protected
from tests.house import ASKS_POINTS, House

NAME, PHONE, SENDER, OTHER = "小满妈妈", "13912345678", "wx-xiaoman-7731", "wx-mentioned-5521"


@pytest.fixture
def lived_in(wise: House) -> House:
    """A member asked with their phone number; a moderator answered with another one; events came in too."""
    sender = {"id": SENDER, "name": NAME}
    attachment = {"kind": "file", "name": f"{PHONE}.pdf"}
    received = wise.say(f"{ASKS_POINTS}电话{PHONE}", sender=sender, mentions=[OTHER], attachments=[attachment])
    wise.work()
    draft = wise.draft_of(received)
    assert draft is not None
    wise.decide(draft.id, Decision.MODIFY, text=f"{NAME}，请打{PHONE}", reason=f"已打{PHONE}", override_copy=True)
    wise.say(f"改一下，{PHONE}", sender=sender, revision=1)
    wire = {"channel": "wecom", "community_id": "mama", "event_id": "e-1", "type": "order", "at": wise.clock.now()}
    order = wire | {"member": {"id": SENDER, "name": NAME}, "data": {"phone": PHONE}}
    events.receive(wise.services, wise.bot, [IncomingEvent.model_validate(order)])
    return wise


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    yield from ((path.name, path.read_bytes()) for path in folder.rglob("*") if path.is_file())


def test_no_file_of_the_data_folder_has_them_in_clear(lived_in: House, tmp_path: Path) -> None:
    # scope: 35
    found = {
        (name, secret)
        for name, content in _files(tmp_path)
        for secret in (NAME, PHONE, SENDER, OTHER)
        if secret.encode() in content
    }
    assert found == set()
    if lived_in.services.database.is_sqlite:
        assert any(name.startswith("qunzhu.db") for name, _ in _files(tmp_path)), "the database lies elsewhere"


def test_no_column_of_any_table_has_them_in_clear(lived_in: House) -> None:
    # scope: 35
    found = []
    with lived_in.services.database.read() as db:
        for table in METADATA.sorted_tables:
            for row in db.execute(sa.select(table)).mappings():
                for column, value in row.items():
                    text = value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
                    found += [(table.name, column) for secret in (NAME, PHONE, SENDER, OTHER) if secret in text]
    assert found == []


def test_original_can_still_be_opened_by_who_may(lived_in: House) -> None:
    with lived_in.services.database.read() as db:
        row = db.execute(sa.select(MessageRow)).scalar_one()
        keys = MemberKeys(db, lived_in.services.keyring)
        kept = Protected(row.text, row.original)
        assert keys.reveal(row.member_id, kept, "message") == f"改一下，{PHONE}"
        assert len(row.text) == len(f"改一下，{PHONE}"), "spans must fit both"


def test_without_the_members_key_nothing_can_be_opened(lived_in: House) -> None:
    # scope: 37
    with lived_in.services.database.write() as db:
        db.execute(sa.text("DELETE FROM member_keys"))
    with lived_in.services.database.read() as db:
        row = db.execute(sa.select(MessageRow)).scalar_one()
        keys = MemberKeys(db, lived_in.services.keyring)
        assert keys.unseal(row.member_id, row.original, "message") is None
        assert keys.reveal(row.member_id, Protected(row.text, row.original), "message") == row.text


@pytest.fixture
def uncached_loggers() -> Iterator[None]:
    """Where a test before has configured the logs, modules keep the logger of that time."""
    _forget_loggers()
    yield
    _forget_loggers()


def _forget_loggers() -> None:
    for module in list(sys.modules.values()):
        if isinstance(proxy := vars(module).get("_log"), BoundLoggerLazyProxy):
            vars(proxy).pop("bind", None)


@pytest.mark.usefixtures("uncached_loggers")
def test_logs_hold_none_of_it(wise: House, monkeypatch: pytest.MonkeyPatch) -> None:
    # scope: 35
    capture = LogCapture()
    processors = [structlog.contextvars.merge_contextvars, structlog.processors.format_exc_info, log._mask, capture]
    monkeypatch.setattr(structlog._config._CONFIG, "default_processors", processors)
    received = wise.say(f"{ASKS_POINTS}电话{PHONE}", sender={"id": SENDER, "name": NAME})
    with wise.services.database.write() as db:
        db.execute(sa.text("UPDATE member_keys SET wrapped = :broken"), {"broken": b"\0" * 60})
    for _ in range(5):
        wise.work()
        wise.clock.advance(minutes=20)
    written = repr(capture.entries)
    assert received in written
    for secret in (NAME, PHONE, SENDER):
        assert secret not in written
