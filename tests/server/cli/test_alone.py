"""Commands on a data folder that no service holds: the same application, in this process."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from filelock import FileLock

from knowledge.index import LOCK_NAME
from server.cli.environment import INDEX_LOCK, is_locked
from tests.server.cli.running import ROOT, START_SECONDS, Ran, shell, start

Alone = Callable[..., Ran]
_ORGANISATION = ("communities", "add", "root", "--name", "总群", "--type", "organisation", "--channel", "wecom")


@pytest.fixture
def alone(tmp_path: Path) -> Alone:
    return lambda *args: shell(*args, data_dir=tmp_path / "var")


def test_from_nothing_to_an_approved_draft(alone: Alone, tmp_path: Path) -> None:
    assert alone("migrate").code == 0
    assert alone(*_ORGANISATION).code == 0
    faq = tmp_path / "faq.jsonl"
    entry = {
        "id": "faq-refund",
        "kind": "faq",
        "title": "怎么退款",
        "phrasings": ["买错了怎么退款", "如何申请退款"],
        "answer": "在订单里点退款，三天内到账。",
    }
    faq.write_text(json.dumps(entry, ensure_ascii=False), "utf-8")
    assert alone("knowledge", "import", str(faq)).code == 0
    said = alone("say", "--community", "root", "--as", "m-1", "请问买错了怎么退款呀？", "--json")
    assert said.code == 0, said.err
    draft = said.document["draft"]
    assert draft["citations"][0]["entry_id"] == "faq-refund"
    assert alone("drafts", "approve", draft["id"], "--json").document["status"] == "approved"
    assert alone("audit", "verify").code == 0


def test_a_draft_waits_from_one_command_to_the_next_without_noise(alone: Alone) -> None:
    assert alone(*_ORGANISATION).code == 0
    ran = alone("drafts", "--json")
    assert ran.document["drafts"] == []
    assert '"event"' not in ran.err


def test_two_commands_at_once_wait_for_each_other(alone: Alone, tmp_path: Path) -> None:
    assert alone(*_ORGANISATION).code == 0
    both = [start(["communities", "list", "--json"], tmp_path / "var") for _ in range(2)]
    said = [process.communicate(timeout=START_SECONDS) for process in both]
    assert [process.returncode for process in both] == [0, 0], said


def test_doctor_on_an_empty_place_changes_nothing(alone: Alone, tmp_path: Path) -> None:
    ran = alone("doctor", "--json")
    assert ran.code in (0, 3)
    assert {one["name"]: one["result"] for one in ran.document["checks"]}["database"] == "warn"
    assert not (tmp_path / "var").exists()


def test_doctor_fails_where_the_database_cannot_be_reached(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:9/none"
    ran = shell("doctor", "--json", data_dir=tmp_path, QUNZHU_DATABASE_URL=url)
    assert ran.code == 3
    assert {one["name"]: one["result"] for one in ran.document["checks"]}["database"] == "fail"
    assert "Traceback" not in ran.err


def test_migrate_where_the_database_cannot_be_reached(tmp_path: Path) -> None:
    url = "postgresql://nobody@127.0.0.1:9/none"
    ran = shell("migrate", "--json", data_dir=tmp_path, QUNZHU_DATABASE_URL=url)
    assert (ran.code, ran.document["code"]) == (3, "database_unavailable")
    assert "Traceback" not in ran.err


def test_reindex_mends_a_damaged_index(alone: Alone, tmp_path: Path) -> None:
    assert alone(*_ORGANISATION).code == 0
    index = tmp_path / "var" / "index"
    for item in index.iterdir():
        shutil.rmtree(item) if item.is_dir() else item.write_bytes(b"damaged" * 100)
    broken = alone("drafts", "--json")
    assert (broken.code, broken.document["code"]) == (3, "index_broken")
    assert alone("reindex").code == 0
    assert alone("drafts").code == 0


def test_the_lock_is_the_one_that_the_index_takes(tmp_path: Path) -> None:
    assert INDEX_LOCK.name == LOCK_NAME
    path = tmp_path / INDEX_LOCK
    assert not is_locked(tmp_path)
    path.parent.mkdir()
    with FileLock(path, preserve_lock_file=True):
        code = (
            "import sys, pathlib; from server.cli.environment import is_locked;"
            "print(is_locked(pathlib.Path(sys.argv[1])))"
        )
        other = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert other.stdout == "True\n"
    assert not is_locked(tmp_path)
