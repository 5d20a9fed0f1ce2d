"""The life of a service: one to a data folder, an orderly end, and a demo that is laid down once."""

import json
import socket
from pathlib import Path

import httpx2
import pytest

from tests.server.cli.running import await_service, free_port, shell, start, stop

_EDITED = {"id": "faq-order-how", "kind": "faq", "title": "怎么下单", "phrasings": ["下单"], "answer": "店里改过的答案"}


def test_a_second_service_on_the_folder_is_refused(service: Path) -> None:
    ran = shell("serve", "--port", str(free_port()), "--json", data_dir=service)
    assert ran.code == 3
    assert json.loads(ran.out)["code"] == "index_locked"
    assert "Traceback" not in ran.err


def test_a_second_service_that_finds_no_note_of_the_first(service: Path) -> None:
    note = service / "service.json"
    kept = note.read_bytes()
    note.unlink()
    try:
        ran = shell("serve", "--port", str(free_port()), "--json", data_dir=service)
    finally:
        note.write_bytes(kept)
    assert (ran.code, json.loads(ran.out)["code"]) == (3, "index_locked")


def test_a_taken_port(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        ran = shell("serve", "--port", str(taken.getsockname()[1]), "--json", data_dir=tmp_path / "var")
    assert (ran.code, json.loads(ran.out)["code"]) == (3, "port_taken")
    assert not (tmp_path / "var" / "qunzhu.db").exists()


def test_a_data_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    ran = shell("serve", "--json", data_dir=tmp_path / "file" / "var")
    assert ran.code == 3
    assert "Traceback" not in ran.err


def test_first_start_stop_and_second_start(tmp_path: Path) -> None:
    data_dir = tmp_path / "var"
    process = start(["serve", "--demo", "--login-link"], data_dir)
    running = await_service(data_dir, process)
    key = (data_dir / "demo-bot.key").read_text()
    link = shell("users", "link", "--json", data_dir=data_dir)
    assert json.loads(link.out)["url"].startswith(running.url)
    edited = tmp_path / "edited.jsonl"
    edited.write_text(json.dumps(_EDITED, ensure_ascii=False), "utf-8")
    assert shell("knowledge", "import", str(edited), data_dir=data_dir).code == 0
    ended = stop(process)
    assert ended.code == 0
    assert f"{running.url}/console/link/" in ended.out and f"{running.url}/docs" in ended.out
    assert "demo-bot.key" in ended.out and key not in ended.out + ended.err
    assert not (data_dir / "service.json").exists()

    process = start(["serve", "--demo"], data_dir)
    again = await_service(data_dir, process)
    assert (data_dir / "demo-bot.key").read_text() == key
    headers = {"authorization": f"Bearer {key}"}
    entry = httpx2.get(f"{again.url}/v1/knowledge/entries/faq-order-how", headers=headers).json()
    assert entry["answer"] == "店里改过的答案"
    assert stop(process).code == 0


def test_a_killed_service_leaves_a_note_that_misleads_nobody(tmp_path: Path) -> None:
    process = start(["serve"], tmp_path)
    await_service(tmp_path, process)
    process.kill()
    process.communicate()
    assert (tmp_path / "service.json").exists()
    ran = shell("communities", "list", "--json", data_dir=tmp_path)
    assert (ran.code, json.loads(ran.out)) == (0, [])


@pytest.mark.parametrize("host", ["127.0.0.1", "0.0.0.0"])
def test_a_free_port_is_told(tmp_path: Path, host: str) -> None:
    process = start(["serve", "--host", host, "--port", "0", "--json"], tmp_path)
    running = await_service(tmp_path, process)
    ended = stop(process)
    assert json.loads(ended.out)["url"] == running.url == f"http://127.0.0.1:{running.port}"
