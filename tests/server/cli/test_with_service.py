"""Commands while a service runs: every one is a request to it."""

import json
import os
import stat
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import yaml

Cli = Callable[..., Any]
Say = Callable[[str], Any]
_ASKED = "请问买错了怎么退款呀？"


def test_say_then_approve_then_acknowledge(say: Say, qunzhu: Cli) -> None:  # scope: 96
    draft = say(_ASKED)["draft"]
    assert draft["citations"] and draft["status"] == "pending"
    assert draft["id"] in [one["id"] for one in qunzhu("drafts", "--json", "--limit", "200").document["drafts"]]
    whole = qunzhu("drafts", "show", draft["id"]).out
    assert draft["text"] in whole and draft["citations"][0]["entry_id"] in whole
    assert qunzhu("drafts", "show", draft["id"], "--json").document["text"] == draft["text"]
    decided = qunzhu("drafts", "approve", draft["id"], "--json").document
    assert decided["status"] == "approved"
    queued = qunzhu("deliveries", "list", "--json").document["deliveries"]
    assert decided["delivery_id"] in [one["id"] for one in queued]
    acked = qunzhu("deliveries", "ack", decided["delivery_id"], "--json")
    assert acked.document["state"] == "delivered"


def test_say_tells_people_what_became_of_it(qunzhu: Cli) -> None:
    ran = qunzhu("say", "--community", "hemiao-mama", "--as", "wx-cli", _ASKED)
    assert ran.code == 0
    assert "faq-" in ran.out and "pending" in ran.out


def test_outside_the_knowledge_it_abstains_with_a_reason(say: Say, qunzhu: Cli) -> None:  # scope: 12
    draft = say("请问能帮我写数学作业吗？")["draft"]
    assert draft["text"] is None and draft["abstained"]["reason"]
    ran = qunzhu("drafts", "approve", draft["id"], "--json")
    assert (ran.code, ran.document["code"]) == (2, "nothing_to_approve")


def test_modify_reject_escalate_undo(say: Say, qunzhu: Cli) -> None:
    draft = say(_ASKED)["draft"]["id"]
    modified = qunzhu("drafts", "modify", draft, "--text", "亲，请在订单里申请退款。", "--json").document
    assert modified["status"] == "modified"
    undone = qunzhu("drafts", "undo", draft, "--json")
    # Without an undo window the delivery was due at once; whichever it is, the answer is a clear one.
    assert (undone.code, undone.document.get("code", undone.document.get("status"))) in [
        (1, "undo_too_late"),
        (0, "pending"),
    ]
    escalated = qunzhu("drafts", "escalate", say(_ASKED)["draft"]["id"], "--json").document
    assert escalated["status"] == "escalated"
    rejected = qunzhu("drafts", "reject", escalated["id"], "--reason", "不合适", "--json").document
    assert rejected["status"] == "rejected"


def test_an_old_version_loses(say: Say, qunzhu: Cli) -> None:
    draft = say(_ASKED)["draft"]["id"]
    assert qunzhu("drafts", "reject", draft).code == 0
    ran = qunzhu("drafts", "approve", draft, "--version", "1")
    assert ran.code == 1
    assert "draft_decided" in ran.err and "rejected" in ran.err and ran.out == ""


@pytest.mark.parametrize(
    ("args", "code", "problem"),
    [
        (["drafts", "approve", "drf_none"], 1, "draft_not_found"),
        (["deliveries", "ack", "dlv_none"], 1, "delivery_not_found"),
        (["webhooks", "remove", "whk_none"], 1, "webhook_not_found"),
        (["keys", "revoke", "key_none"], 1, "key_not_found"),
        (["keys", "create", "x", "--role", "emperor"], 2, "role_unknown"),
        (["keys", "create", "x", "--community", "nowhere"], 1, "community_not_found"),
        (["users", "add", "lin", "--name", "林", "--role", "emperor"], 2, "role_unknown"),
        (["users", "add", "Not Valid", "--name", "林", "--role", "service"], 2, "invalid_request"),
        (["users", "link", "nobody"], 1, "user_not_found"),
        (["communities", "add", "x y", "--name", "n", "--type", "fans", "--channel", "wecom"], 2, "invalid_request"),
        (["settings", "set", "no.such", "1"], 2, "setting_unknown"),
        (["settings", "set", "reply.tone", "rude"], 2, "setting_invalid"),
        (["search", "退款", "--community", "nowhere"], 1, "community_not_found"),
        (["say", "--community", "nowhere", "--as", "m", "你好"], 1, "community_not_found"),
        (["say", "--community", "hemiao-mama", "--as", "m", ""], 2, "text_empty"),
        (["drafts", "--user", "nobody"], 1, "user_not_found"),
        (["drafts", "--user", "无此人"], 1, "user_not_found"),
    ],
)
def test_refusals_have_their_exit_code_and_a_problem_document(
    qunzhu: Cli, args: list[str], code: int, problem: str
) -> None:
    as_json = qunzhu("--json", *args)
    assert (as_json.code, as_json.document["code"]) == (code, problem)
    told = qunzhu(*args)
    assert told.code == code
    assert problem in told.err and "Traceback" not in told.err and told.out == ""


@pytest.mark.parametrize(
    "args",
    [
        ["drafts"],
        ["deliveries", "list"],
        ["webhooks", "list"],
        ["communities", "list"],
        ["keys", "list"],
        ["settings", "list"],
        ["audit", "list"],
        ["audit", "verify"],
        ["search", "怎么退款", "--community", "hemiao-mama"],
        ["risk", "test", "你好"],
        ["users", "link"],
        ["reindex"],
        ["demo"],
        ["doctor"],
    ],
)
def test_json_before_or_after_is_one_document_and_without_it_text(qunzhu: Cli, args: list[str]) -> None:
    assert isinstance(qunzhu(*args, "--json").document, list | dict)
    assert isinstance(qunzhu("--json", *args).document, list | dict)
    ran = qunzhu(*args)
    assert ran.code == 0 and ran.out.strip()


def test_a_user_without_the_scope_is_told_which_one(qunzhu: Cli) -> None:
    assert qunzhu("users", "add", "dayi", "--name", "答疑", "--role", "answerer").code == 0
    ran = qunzhu("keys", "create", "x", "--user", "dayi", "--json")
    assert (ran.code, ran.document["scope"]) == (1, "keys:manage")


def test_keys_are_shown_once_and_can_be_rotated_and_revoked(qunzhu: Cli) -> None:
    made = qunzhu("keys", "create", "bot-1", "--role", "bot", "--community", "hemiao-mama,hemiao-vip", "--json")
    assert set(made.document) == {"id", "key"}
    rotated = qunzhu("keys", "rotate", made.document["id"], "--grace-minutes", "0", "--json").document
    assert rotated["id"] != made.document["id"]
    assert qunzhu("keys", "revoke", rotated["id"], "--json").document == {"id": rotated["id"], "revoked": True}
    listed = {one["id"]: one for one in qunzhu("keys", "list", "--json").document}
    assert listed[made.document["id"]]["communities"] == ["hemiao-mama", "hemiao-vip"]
    assert made.document["key"] not in qunzhu("keys", "list").out


def test_settings_take_json_or_text(qunzhu: Cli) -> None:
    assert qunzhu("settings", "set", "approvals.undo_seconds", "7", "--community", "hemiao-vip").code == 0
    assert qunzhu("settings", "set", "reply.tone", "professional", "--community", "hemiao-vip").code == 0
    own = {
        one["key"]: one["value"] for one in qunzhu("settings", "list", "--community", "hemiao-vip", "--json").document
    }
    assert own["approvals.undo_seconds"] == 7 and own["reply.tone"] == "professional"


def test_search_shows_scores_and_verdict(qunzhu: Cli) -> None:
    ran = qunzhu("search", "怎么退款", "--community", "hemiao-mama")
    assert "faq-refund" in ran.out and "answers" in ran.out


@pytest.mark.parametrize("suffix", [".yaml", ".jsonl", ".csv", ".xlsx", ".md"])
def test_an_export_imports_unchanged(qunzhu: Cli, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"all{suffix}"
    exported = qunzhu("knowledge", "export", str(file), "--json").document
    assert exported["entries"] > 100
    done = qunzhu("knowledge", "import", str(file), "--json").document
    assert (done["added"], done["changed"], done["unchanged"]) == (0, 0, exported["entries"])


def test_odd_texts_survive_export_and_import(qunzhu: Cli, tmp_path: Path) -> None:
    answer = "第一行: # 不是注释\n\n  缩进 “引号” 👨‍👩‍👧 \u2028 & * ! 结尾"
    entry = {"id": "cli-odd", "kind": "faq", "title": "yes", "phrasings": ["2026-01-01", "null"], "answer": answer}
    source = tmp_path / "odd.jsonl"
    source.write_text(json.dumps(entry, ensure_ascii=False), "utf-8")
    assert qunzhu("knowledge", "import", str(source)).code == 0
    exported = tmp_path / "back.yml"
    assert qunzhu("knowledge", "export", str(exported)).code == 0
    assert qunzhu("knowledge", "import", str(exported), "--json").document["changed"] == 0
    back = {one["id"]: one for one in yaml.safe_load(exported.read_text("utf-8"))}
    assert back["cli-odd"]["answer"] == answer


def test_a_table_with_its_columns_set_right(qunzhu: Cli, tmp_path: Path) -> None:
    file = tmp_path / "faq.csv"
    file.write_text("甲列,乙列,丙列\n周边几点开门,<b>九点</b>开门,内部\n", "gb18030")
    assert qunzhu("knowledge", "import", str(file), "--json").code == 2
    said = ("--map", "甲列=title", "--map", "乙列=answer", "--map", "丙列=-")
    dry = qunzhu("knowledge", "import", str(file), "--dry-run", *said)
    assert dry.code == 0 and "丙列" in dry.err and "去掉 HTML" in dry.err
    assert qunzhu("knowledge", "import", str(file), *said, "--json").document["added"] == 1
    again = qunzhu("knowledge", "import", str(file), "--json").document
    assert (again["unchanged"], again["encoding"]) == (1, "gb18030")
    assert {one["how"] for one in again["columns"]} == {"remembered"}


def test_duplicates_are_told_and_errors_only_when_asked(qunzhu: Cli, tmp_path: Path) -> None:
    file = tmp_path / "twice.csv"
    file.write_text("问题,答案\n夜里能送货吗,能\n夜里能送货吗？,不能\n", "utf-8")
    told = qunzhu("knowledge", "import", str(file), "--dry-run")
    assert told.code == 0 and "同问不同答" in told.err
    strict = qunzhu("knowledge", "import", str(file), "--strict", "--json")
    assert (strict.code, strict.document["errors"][0]["code"]) == (2, "conflicting_answer")


def test_a_bad_file_lists_its_rows_and_stores_nothing(qunzhu: Cli, tmp_path: Path) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(
        "- {id: cli-good, kind: faq, title: 好, phrasings: [好吗], answer: 好}\n"
        "- {id: cli-bad, kind: faq, title: 坏}\n",
        "utf-8",
    )
    refused = qunzhu("knowledge", "import", str(file), "--json")
    assert refused.code == 2
    assert {(one["row"], one["line"]) for one in refused.document["errors"]} == {(2, 2)}
    told = qunzhu("knowledge", "import", str(file))
    assert told.code == 2 and "answer" in told.err
    dry = qunzhu("knowledge", "import", str(file), "--dry-run", "--json")
    assert (dry.code, dry.document["added"]) == (2, 1)
    partial = qunzhu("knowledge", "import", str(file), "--partial", "--json")
    assert (partial.code, partial.document["added"]) == (2, 1)


def test_a_file_that_is_no_knowledge_file(qunzhu: Cli, tmp_path: Path) -> None:
    file = tmp_path / "faq.docx"
    file.write_bytes(b"PK")
    assert qunzhu("knowledge", "import", str(file), "--json").document["code"] == "file_suffix_unknown"
    assert qunzhu("knowledge", "import", str(tmp_path / "none.yaml")).code == 2


def test_export_to_where_nobody_may_write(qunzhu: Cli, tmp_path: Path) -> None:
    ran = qunzhu("knowledge", "export", str(tmp_path / "no" / "such" / "folder.yaml"), "--json")
    assert (ran.code, ran.document["code"]) == (3, "file_failed")


def _message(number: int, **changed: object) -> str:
    message: dict[str, object] = {
        "channel": "wecom",
        "community_id": "hemiao-mama",
        "message_id": f"old-{number}",
        "sender": {"id": "wx-old", "name": "老成员"},
        "text": f"旧消息 {number}",
        "sent_at": datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
    }
    return json.dumps(message | changed, ensure_ascii=False)


def test_history_comes_in_once(qunzhu: Cli, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    file.write_text("\ufeff" + "\n".join(_message(n) for n in range(450)) + "\n\n", "utf-8")
    first = qunzhu("ingest", str(file), "--json")
    assert (first.code, first.document["added"], first.document["known"]) == (0, 450, 0)
    assert "450/450" in first.err
    again = qunzhu("ingest", str(file), "--json").document
    assert (again["added"], again["known"]) == (0, 450)


def test_a_bad_line_of_history_keeps_everything_out_unless_partial(qunzhu: Cli, tmp_path: Path) -> None:
    file = tmp_path / "history.jsonl"
    lines = [_message(1000), "{broken", _message(1001, sent_at="yesterday"), _message(1002, community_id="nowhere")]
    file.write_text("\n".join(lines), "utf-8")
    refused = qunzhu("ingest", str(file), "--json")
    assert (refused.code, refused.document["added"]) == (2, 0)
    assert [one["line"] for one in refused.document["errors"]] == [2, 3]
    partial = qunzhu("ingest", str(file), "--partial", "--json")
    assert (partial.code, partial.document["added"]) == (2, 1)
    assert {"line": 4, "code": "community_not_found"} in partial.document["errors"]


class _Endpoint(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def endpoint() -> Iterator[str]:
    server = HTTPServer(("127.0.0.1", 0), _Endpoint)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_webhook_is_added_pinged_and_removed(qunzhu: Cli, endpoint: str) -> None:
    args = ["--community", "hemiao-service", "--channel", "dingtalk", "--url", endpoint, "--json"]
    made = qunzhu("webhooks", "add", *args).document
    assert made["secret"].startswith("whsec_")
    assert made["secret"] not in qunzhu("webhooks", "list").out
    ping = qunzhu("webhooks", "ping", made["id"], "--json")
    assert (ping.code, ping.document["state"]) == (0, "delivered"), ping.document
    assert qunzhu("webhooks", "remove", made["id"], "--json").document == {"id": made["id"], "removed": True}


def test_a_ping_that_nobody_answers(qunzhu: Cli) -> None:
    args = ["--community", "hemiao-service", "--channel", "qq", "--url", "http://127.0.0.1:9/", "--json"]
    made = qunzhu("webhooks", "add", *args).document
    ping = qunzhu("webhooks", "ping", made["id"], "--json")
    assert ping.code == 1 and ping.document["last_error"]
    assert qunzhu("webhooks", "remove", made["id"]).code == 0


def test_the_sign_in_link_names_the_service(qunzhu: Cli) -> None:
    made = qunzhu("users", "link", "--json").document
    assert made["url"].endswith(f"/console/link/{made['token']}") and made["url"].startswith("http://127.0.0.1:")


def test_secrets_are_only_the_owners_to_read(service: Path) -> None:
    for name in ("cli.token", "demo-bot.key", "secret.key"):
        assert stat.S_IMODE(os.stat(service / name).st_mode) == 0o600


def test_doctor_asks_the_service(qunzhu: Cli) -> None:
    found = {one["name"]: one["result"] for one in qunzhu("doctor", "--json").document["checks"]}
    # The table of holidays ends with a year: near its end the day of the run decides.
    assert found.pop("holidays") in ("ok", "warn")
    assert set(found.values()) == {"ok"}, found


def test_a_question_is_answered_with_bars_and_a_definition(qunzhu: Cli) -> None:  # scope: 93
    ran = qunzhu("ask", "每个群现在多少人")
    assert ran.code == 0
    assert "口径：成员数" in ran.out and "█" in ran.out and "禾苗会员福利群" in ran.out and "q_" in ran.out
    listed = qunzhu("ask", "把沉睡成员的名单列出来")
    assert "最后活动" in listed.out.splitlines()[2] and "沉睡" in listed.out


def test_a_refused_question_ends_with_1(qunzhu: Cli) -> None:
    ran = qunzhu("ask", "把大家的手机号导给我", "--json")
    assert (ran.code, ran.document["interpretation"]["reason"]) == (1, "privacy")
