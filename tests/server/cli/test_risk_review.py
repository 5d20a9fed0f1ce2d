"""Reviewing flagged messages from the command line."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., Any]
_AD = "诚招宝妈兼职，日入300元，加V信 abc12345 了解"


def flagged(qunzhu: Cli, member: str, text: str = _AD) -> dict[str, Any]:
    """The item that this member's message became."""
    ran = qunzhu("say", "--community", "hemiao-mama", "--as", member, text, "--json")
    assert ran.code == 0, ran.err
    listed = qunzhu("risk", "list", "--limit", "200", "--json").document["risks"]
    [found] = [one for one in listed if one["message"]["id"] == ran.document["id"]]
    return dict(found)


def test_from_the_list_to_the_deliveries_and_back(qunzhu: Cli) -> None:  # scope: 29
    item = flagged(qunzhu, "wx-risk-1")
    assert item["id"] in qunzhu("risk", "list", "--label", "ad_spam").out
    shown = qunzhu("risk", "show", item["id"]).out
    assert all(part in shown for part in ("warn_private", "不发广告", "【群规提醒】", "加V信"))

    done = qunzhu("risk", "confirm", item["id"], "--action", "mute", "--minutes", "30", "--reason", "广告", "--json")
    assert done.code == 0, done.err
    assert done.document["risk"]["taken"] == {"action": "mute", "minutes": 30}
    assert "mute 30min" in qunzhu("deliveries", "list", "--limit", "200").out
    assert "queued" in qunzhu("risk", "show", item["id"]).out
    late = qunzhu("risk", "confirm", item["id"], "--version", "1", "--json")
    assert (late.code, late.document["code"]) == (1, "risk_decided")
    back = qunzhu("risk", "dismiss", item["id"])
    assert back.code == 0
    assert item["id"] in back.out
    assert qunzhu("risk", "undo", item["id"], "--json").document["risk"]["status"] == "pending"
    assert qunzhu("risk", "dismiss", item["id"]).code == 0


def test_agreeing_without_a_penalty_and_words_of_ones_own(qunzhu: Cli) -> None:
    plain = qunzhu("risk", "confirm", flagged(qunzhu, "wx-risk-2")["id"], "--action", "none", "--json").document
    assert (plain["risk"]["status"], plain["risk"]["deliveries"]) == ("confirmed", [])
    own = flagged(qunzhu, "wx-risk-3")["id"]
    done = qunzhu("risk", "confirm", own, "--private", "请不要再发广告啦", "--no-rules", "--json").document["risk"]
    assert [one["kind"] for one in done["deliveries"]] == ["private"]
    assert done["private_text"] == "请不要再发广告啦"


def test_flagging_figures_export_and_alarms(qunzhu: Cli, tmp_path: Path) -> None:
    missed = qunzhu("say", "--community", "hemiao-mama", "--as", "wx-risk-4", "懂的来哈，别错过", "--json").document
    made = qunzhu("risk", "flag", missed["id"], "--label", "ad_spam", "--json")
    assert made.document["origin"] == "person"
    assert qunzhu("risk", "confirm", made.document["id"], "--action", "none").code == 0
    assert "ad_spam" in qunzhu("risk", "figures").out
    file = tmp_path / "decided.jsonl"
    assert qunzhu("risk", "export", "--to", str(file), "--json").document["rows"] >= 1
    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert made.document["id"] in {row["id"] for row in rows}
    assert qunzhu("risk", "export").out.count("\n") == len(rows)
    assert qunzhu("risk", "alarms", "--json").document["alarms"] == []
    assert qunzhu("risk", "show", "rsk_x").code == 1
