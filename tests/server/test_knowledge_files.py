"""Import and export over HTTP."""

import io
import json
from typing import Any

import openpyxl
import pytest
from fastapi.testclient import TestClient

from knowledge.importing import FORMATS
from tests.house import House

TABLE = "问题,相似问,答案,备注\n怎么退款,我要退钱|退货,在订单页申请。,内部\n多久发货,,<b>48小时</b>内,\n"


def test_a_dry_run_tells_columns_cleanings_and_counts(client: TestClient) -> None:
    answer = client.post("/v1/knowledge/import?format=csv&dry_run=true", content=TABLE.encode())
    told = answer.json()
    assert (answer.status_code, told["added"], told["dry_run"], told["errors"]) == (200, 2, True, [])
    assert {one["name"]: one["field"] for one in told["columns"]} == {
        "问题": "title",
        "相似问": "phrasings",
        "答案": "answer",
        "备注": None,
    }
    assert [(one["row"], one["field"], one["kind"]) for one in told["cleanings"]] == [(2, "answer", "html")]
    assert client.get("/v1/knowledge/entries").json()["entries"] == []


def test_columns_are_set_right(client: TestClient) -> None:
    columns = json.dumps({"备注": "owner", "相似问": None})
    answer = client.post("/v1/knowledge/import", params={"format": "csv", "columns": columns}, content=TABLE.encode())
    assert answer.json()["added"] == 2
    (first, _) = sorted(client.get("/v1/knowledge/entries").json()["entries"], key=lambda one: one["title"])[::-1]
    assert {one["owner"] for one in client.get("/v1/knowledge/entries").json()["entries"]} == {"内部", None}
    assert first["phrasings"] == [first["title"]]


@pytest.mark.parametrize("columns", ["[]", "{", '{"问题": "nothing"}', '{"问题": 1}', "[" * 10_000])
def test_columns_that_say_nothing(client: TestClient, columns: str) -> None:
    answer = client.post("/v1/knowledge/import", params={"format": "csv", "columns": columns}, content=TABLE.encode())
    assert (answer.status_code, answer.json()["code"]) == (422, "columns_invalid")


def test_bad_rows_are_told_with_their_cells(client: TestClient) -> None:
    answer = client.post("/v1/knowledge/import?format=csv", content="问题,答案\n甲,\n".encode())
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert (error["code"], error["row"], error["cell"]) == ("missing", 1, "A2")


@pytest.mark.parametrize("format_", FORMATS)
def test_an_export_is_a_file_that_imports_unchanged(client: TestClient, house: House, format_: str) -> None:
    house.learn()
    answer = client.get("/v1/knowledge/export", params={"format": format_})
    assert answer.status_code == 200
    assert answer.headers["x-qunzhu-entries"] == "4"
    assert "knowledge-2026-11-21." in answer.headers["content-disposition"]
    again = client.post("/v1/knowledge/import", params={"format": format_}, content=answer.content).json()
    assert (again["unchanged"], again["added"], again["changed"]) == (4, 0, 0)


def test_a_sheet_of_another_program(client: TestClient) -> None:
    book = openpyxl.Workbook()
    first: Any = book.active
    for row in (["标准问", "标准答案"], ["几点开门", "九点"]):
        first.append(row)
    file = io.BytesIO()
    book.save(file)
    answer = client.post("/v1/knowledge/import?format=xlsx", content=file.getvalue())
    assert answer.json()["added"] == 1


def test_who_may_not(client: TestClient, house: House) -> None:
    house.user("answerer", "mama", login="lin")
    headers = {"x-qunzhu-user": "lin"}
    answer = client.post("/v1/knowledge/import?format=csv", content=TABLE.encode(), headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert client.get("/v1/knowledge/export", headers=headers).status_code == 200
