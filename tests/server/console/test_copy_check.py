"""文案自查 and 措辞自查: marks and advice, for whom they are."""

from collections.abc import Callable

from fastapi.testclient import TestClient

Person = Callable[..., TestClient]


def test_a_text_is_marked_with_what_to_write_instead(person: Person, csrf: Callable[[], str]) -> None:
    # scope: 38
    client = person("content")
    assert "文案自查" in client.get("/console/copy").text
    shown = client.post("/console/copy", data={"csrf": csrf(), "text": "全网最低价，<b>手慢无</b>"}).text
    assert "<mark>全网最低</mark>" in shown and "写具体价格和比较依据" in shown
    assert "<b>手慢无" not in shown and "虚假稀缺" in shown


def test_sources_bear_the_facts_out(person: Person, csrf: Callable[[], str]) -> None:
    client = person("content")
    bare = client.post("/console/copy", data={"csrf": csrf(), "text": "现价59元"}).text
    assert "自己写的话只是提醒" in bare and "不能通过" not in bare
    form = {"csrf": csrf(), "text": "现价59元", "sources": "团购价五十九元"}
    assert "没有发现问题" in client.post("/console/copy", data=form).text


def test_the_report_is_made_and_shown(person: Person, csrf: Callable[[], str]) -> None:
    # scope: 42
    client = person("content")
    assert "还没有查过" in client.get("/console/knowledge/check").text
    assert client.post("/console/knowledge/check", data={"csrf": csrf()}).status_code == 303
    assert "条要看" in client.get("/console/knowledge/check").text


def test_who_may_not_check_sees_no_such_page(person: Person) -> None:
    client = person("answerer")
    assert client.get("/console/copy").status_code == 403
    assert "/console/copy" not in client.get("/console/drafts").text
