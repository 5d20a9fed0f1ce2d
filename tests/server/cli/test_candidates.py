"""Keeping the knowledge base right from the command line."""

from collections.abc import Callable
from typing import Any

Cli = Callable[..., Any]
Say = Callable[[str], Any]
_ASKED = ("你们线下的攀岩墙几岁能爬？", "攀岩墙小孩多大可以爬呀？", "五岁的娃能爬攀岩墙吗？")
_ANSWER = "攀岩墙六岁以上可以爬，要家长陪同。"


def test_a_candidate_from_question_to_entry(say: Say, qunzhu: Cli) -> None:  # scope: 2
    drafts = [said["draft"] for text in _ASKED if (said := say(text)).get("draft")]
    assert [draft["text"] for draft in drafts] == [None] * 3
    qunzhu("drafts", "modify", drafts[0]["id"], "--text", _ANSWER)
    gathered = qunzhu("knowledge", "candidates", "gather", "--json")
    assert gathered.code == 0, gathered.err

    listed = qunzhu("knowledge", "candidates", "list", "--json", "--community", "hemiao-mama").document["candidates"]
    [found] = [one for one in listed if "攀岩墙" in one["question"]]
    assert (found["count"], found["status"]) == (3, "open")
    assert "攀岩墙" in qunzhu("knowledge", "candidates", "list", "--limit", "200").out
    shown = qunzhu("knowledge", "candidates", "show", found["id"]).out
    assert all(text in shown for text in (*_ASKED, _ANSWER))

    accepted = qunzhu("knowledge", "candidates", "accept", found["id"], "--id", "faq-climbing", "--json")
    assert (accepted.code, accepted.document["status"], accepted.document["entry_id"]) == (
        0,
        "accepted",
        "faq-climbing",
    )
    late = qunzhu("knowledge", "candidates", "reject", found["id"], "--version", "1", "--json")
    assert (late.code, late.document["code"]) == (1, "candidate_changed")
    assert "answer" in qunzhu("knowledge", "diff", "faq-climbing").out


def test_without_an_answer_one_must_be_given(say: Say, qunzhu: Cli) -> None:
    assert say("你们的露营车位能不能接电？")["draft"]["text"] is None
    qunzhu("knowledge", "candidates", "gather")
    listed = qunzhu("knowledge", "candidates", "list", "--least", "1", "--limit", "200", "--json").document[
        "candidates"
    ]
    [found] = [one for one in listed if "露营车位" in one["question"]]
    lacking = qunzhu("knowledge", "candidates", "accept", found["id"], "--json")
    assert (lacking.code, lacking.document["code"]) == (2, "answer_missing")
    rejected = qunzhu("knowledge", "candidates", "reject", found["id"], "--reason", "不办露营", "--json").document
    assert (rejected["status"], rejected["reason"]) == ("rejected", "不办露营")


def test_stale_entries_and_wrong_ids(qunzhu: Cli) -> None:
    assert qunzhu("knowledge", "stale").code == 0
    assert "stale" in qunzhu("knowledge", "stale", "--json").document
    for command in (("candidates", "show", "cand_x"), ("diff", "nothing")):
        assert qunzhu("knowledge", *command).code == 1
