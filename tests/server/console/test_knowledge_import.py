"""The import page: a look first, then the import."""

import json
from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from agent.services import Services
from core.vocabulary import EntryStatus
from store import knowledge

Person = Callable[..., TestClient]
ADDRESS = "/console/api/knowledge/import"
TABLE = "问题,答案,备注\n怎么退款,<b>在订单页</b>申请,张三\n怎么退款？,不能退,\n"


def _entries(services: Services) -> int:
    with services.database.read() as db:
        return len(knowledge.page(db, communities=None))


def _send(client: TestClient, text: str = TABLE, **params: str) -> str:
    answer = client.post(ADDRESS, params={"name": "faq.csv"} | params, content=text.encode())
    assert answer.status_code == 200
    return answer.text


def test_the_page_has_the_form_and_the_exports(person: Person) -> None:
    text = person("content").get("/console/knowledge/import").text
    assert 'id="import-form"' in text and 'href="/v1/knowledge/export?format=xlsx"' in text


def test_a_look_tells_everything_and_stores_nothing(person: Person, services: Services) -> None:
    text = _send(person("content"))
    assert "<dd data-added>2</dd>" in text and 'data-column="备注"' in text
    assert "同问不同答" in text and "文件第 1 条" in text
    assert "去掉 HTML" in text and "&lt;b&gt;" in text
    assert "data-import>" in text
    assert _entries(services) == 0


def test_columns_are_chosen_and_the_file_is_imported(person: Person, services: Services) -> None:
    client = person("content")
    columns = json.dumps({"备注": "owner", "问题": "title", "答案": "answer"})
    assert '<option value="owner" selected>' in _send(client, columns=columns)
    text = _send(client, columns=columns, dry_run="false")
    assert "已导入" in text and "data-import" not in text
    with services.database.read() as db:
        rows = knowledge.page(db, communities=None)
    assert {(row.owner, row.status) for row in rows} == {("张三", EntryStatus.APPROVED), (None, EntryStatus.APPROVED)}


def test_errors_stand_in_the_way_until_told_otherwise(person: Person, services: Services) -> None:
    client = person("content")
    bad = TABLE + ",没有问题,\n"
    text = _send(client, bad)
    assert "缺少字段" in text and "data-import disabled" in text and 'name="partial"' in text
    assert "data-import" in _send(client, bad, dry_run="false")
    assert _entries(services) == 0
    assert "已导入" in _send(client, bad, dry_run="false", partial="true")
    assert _entries(services) == 2


def test_what_a_file_says_is_escaped(person: Person) -> None:
    text = _send(person("content"), '问题,答案,"""><script>alert(1)</script>"\n甲,一,x\n')
    assert "<script>" not in text and "&#34;&gt;&lt;script&gt;" in text


def test_a_file_of_another_kind(person: Person) -> None:
    answer = person("content").post(ADDRESS, params={"name": "faq.docx"}, content=b"PK")
    assert (answer.status_code, answer.json()["code"]) == (422, "file_suffix_unknown")


@pytest.mark.parametrize("wanted", ["look", "import"])
def test_who_may_only_read(person: Person, wanted: str) -> None:
    client = person("answerer")
    assert 'id="import-form"' not in client.get("/console/knowledge/import").text
    answer = client.post(ADDRESS, params={"name": "f.csv", "dry_run": str(wanted == "look")}, content=TABLE.encode())
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


def test_a_call_without_its_token(person: Person) -> None:
    client = person("content")
    del client.headers["x-csrf-token"]
    assert client.post(ADDRESS, params={"name": "f.csv"}, content=TABLE.encode()).json()["code"] == "csrf"


def test_strangers_are_sent_to_the_door(visitor: TestClient) -> None:
    assert visitor.get("/console/knowledge/import").status_code == 303
    assert visitor.post(ADDRESS, params={"name": "f.csv"}, content=b"").status_code == 401
