"""What is known about a member goes out as one document and comes back as the same member."""

import csv
import io
import json
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from agent.flows import access, communities, consents, erasure, events, intake, member_access, member_files
from agent.flows.incoming import IncomingEvent, IncomingMessage
from agent.services import Services
from core.caller import Caller
from core.clock import ManualClock
from core.crypto import Keyring
from core.errors import BadInput, Conflict, NotFound
from core.settings import Environment
from core.vocabulary import CommunityType, ConsentKind, ContactKind
from knowledge import gate
from knowledge.base import KnowledgeBase
from knowledge.embeddings import Embedder
from knowledge.index import VectorIndex
from store import migrate
from store.members import MemberRow
from store.session import Database, ReadSession, WriteSession


@pytest.fixture
def member_id(services: Services, bot: Caller, owner: Caller) -> str:
    """小满妈妈, with messages in a group and privately, events, contacts, a consent and an opt-out."""
    for number, (text, values) in enumerate(
        (
            ("你好，电话 13912345678，快递单号 SF1234567890123", {}),
            ("=1+1 这样的文字也要原样出来", {}),
            ("想问一下退货", {"conversation": "private"}),
        )
    ):
        said: dict[str, Any] = {
            "channel": "wecom",
            "community_id": "mama",
            "message_id": f"m-{number}",
            "sender": {"id": "wx-xiaoman", "name": "小满妈妈"},
            "text": text,
            "sent_at": services.clock.now() + timedelta(seconds=number),
            "attachments": [{"kind": "image", "name": "发票13912345678.jpg"}],
        }
        intake.receive(services, bot, IncomingMessage.model_validate(said | values))
    happened = {
        "channel": "wecom",
        "community_id": "mama",
        "event_id": "e-1",
        "type": "order",
        "member": {"id": "wx-xiaoman"},
        "at": services.clock.now(),
        "data": {"amount": 12.5, "phone": "13912345678"},
    }
    events.receive(services, bot, [IncomingEvent.model_validate(happened)])
    (row,) = member_access.find(services, owner, name="小满妈妈")
    member_access.set_contacts(services, owner, row.id, ContactKind.PHONE, ["13912345678", "139 0000 1111"])
    consents.note(services, owner, row.id, ConsentKind.DATA, granted=True, source="门店登记表")
    consents.note(services, owner, row.id, ConsentKind.MARKETING, granted=False, source="电话", community_id="mama")
    return row.id


@pytest.fixture
def elsewhere(tmp_path: Path, clock: ManualClock, encoder: Embedder) -> Iterator[Services]:
    """Another deployment, with another secret, and the same group."""
    folder = tmp_path / "elsewhere"
    database = Database(f"sqlite:///{folder / 'qunzhu.db'}", clock, Keyring(b"another secret of 32 bytes, or so"))
    migrate.upgrade(database)
    index = VectorIndex(folder / "index", None, encoder.dimensions, encoder.name)
    env = Environment(env="test", data_dir=folder, worker_threads=0)
    made = Services(env, clock, database.keyring, database, KnowledgeBase(database, index, encoder, gate.shipped()))
    access.bootstrap(made)
    boss = access.caller_of_login(made, None)
    for place, kind, parent in (("root", CommunityType.ORGANISATION, None), ("mama", CommunityType.INTEREST, "root")):
        values = {"name": place, "type": kind, "channel": "wecom", "parent_id": parent}
        communities.create(made, boss, community_id=place, **values)  # type: ignore[arg-type]
    yield made
    made.knowledge.close()
    database.close()


def _plain(document: member_files.MemberFile) -> dict[str, Any]:
    return document.model_dump(mode="json", exclude={"exported_at", "about"})


# scope: 35, 37
def test_the_document_comes_back_as_the_same_member(
    services: Services, owner: Caller, member_id: str, elsewhere: Services
) -> None:
    first = member_files.export(services, owner, member_id, "本人要求")
    boss = access.caller_of_login(elsewhere, None)
    done = member_files.load(elsewhere, boss, json.loads(first.model_dump_json()))
    assert done == (member_id, 3, 1)
    second = member_files.export(elsewhere, boss, member_id, "核对")
    assert _plain(second) == _plain(first)
    assert "13912345678" in first.messages[0].text
    assert [one.value for one in first.contacts if one.kind == ContactKind.PHONE] == ["13912345678", "139 0000 1111"]
    (again,) = member_access.find(elsewhere, boss, contact="+86 139-1234-5678")
    assert again.id == member_id


def test_who_is_there_already_is_not_made_twice(services: Services, owner: Caller, member_id: str) -> None:
    document = json.loads(member_files.export(services, owner, member_id, "本人要求").model_dump_json())
    with pytest.raises(Conflict, match="member_exists"):
        member_files.load(services, owner, document)
    erasure.erase(services, owner, member_id)
    with pytest.raises(Conflict, match="member_erased"):
        member_files.load(services, owner, document)
    with pytest.raises(Conflict, match="member_erased"):
        member_files.export(services, owner, member_id, "太晚了")


def test_a_broken_document_brings_nothing(
    services: Services, owner: Caller, elsewhere: Services, member_id: str
) -> None:
    document = json.loads(member_files.export(services, owner, member_id, "本人要求").model_dump_json())
    boss = access.caller_of_login(elsewhere, None)
    broken: tuple[dict[str, Any], ...] = ({}, document | {"messages": [{"id": "x"}]}, document | {"extra": 1})
    for wrong in broken:
        with pytest.raises(BadInput, match="member_file_invalid"):
            member_files.load(elsewhere, boss, wrong)
    with pytest.raises(BadInput, match="member_file_newer"):
        member_files.load(elsewhere, boss, document | {"format": 2})
    said = {
        "kind": "marketing",
        "community_id": "nowhere",
        "granted": True,
        "source": "电话",
        "at": document["exported_at"],
    }
    shown = {"community_id": "nowhere", "notice_hash": "0", "source": "api", "at": document["exported_at"]}
    stays = [one | {"community_id": "nowhere"} for one in document["stays"]]
    for change in ({"stays": stays}, {"consents": [said]}, {"notices": [shown]}):
        with pytest.raises(NotFound, match="community_not_found"):
            member_files.load(elsewhere, boss, document | change)


def test_nobody_agrees_in_the_future(services: Services, owner: Caller, elsewhere: Services, member_id: str) -> None:
    document = json.loads(member_files.export(services, owner, member_id, "本人要求").model_dump_json())
    boss = access.caller_of_login(elsewhere, None)
    later = (elsewhere.clock.now() + timedelta(seconds=1)).isoformat()
    consents_ = [document["consents"][0], document["consents"][1] | {"at": later}]
    with pytest.raises(BadInput, match="member_file_invalid") as caught:
        member_files.load(elsewhere, boss, document | {"consents": consents_})
    assert caught.value.extra == {"field": "consents.1.at"}
    assert member_files.load(elsewhere, boss, document).member_id == member_id, "nothing of it was kept"


# scope: 35
def test_where_somebody_came_from_is_masked_like_any_other_word(
    services: Services, owner: Caller, elsewhere: Services, member_id: str
) -> None:
    document = json.loads(member_files.export(services, owner, member_id, "本人要求").model_dump_json())
    told = "老王推荐，电话13912345678"
    document["member"]["source"] = told
    for kind in ("stays", "consents"):
        document[kind] = [one | {"source": told} for one in document[kind]]
    boss = access.caller_of_login(elsewhere, None)
    member_files.load(elsewhere, boss, document)
    again = member_files.export(elsewhere, boss, member_id, "核对")
    kept = {again.member.source} | {one.source for one in again.stays} | {one.source for one in again.consents}
    assert kept == {"老王推荐，电话139****5678"}


def test_tables_for_spreadsheets_run_no_formulas(services: Services, owner: Caller, member_id: str) -> None:
    packed = member_files.as_zip(member_files.export(services, owner, member_id, "本人要求"))
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        said = list(csv.DictReader(io.StringIO(archive.read("messages.csv").decode("utf-8-sig"))))
        whole = json.loads(archive.read("member.json"))
    assert said[1]["text"].startswith("'=1+1")
    assert whole["messages"][1]["text"].startswith("=1+1")


def test_nobody_waits_while_a_document_is_made(
    services: Services, owner: Caller, member_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = member_files._document

    def watched(db: ReadSession, services: Services, row: MemberRow) -> member_files.MemberFile:
        assert not isinstance(db, WriteSession)
        return made(db, services, row)

    monkeypatch.setattr(member_files, "_document", watched)
    document = member_files.export(services, owner, member_id, "本人要求")
    assert [one["kind"] for one in document.about["disclosures"]] == ["export"]
