"""`qunzhu campaigns` against a running service with the demo community."""

from collections.abc import Callable
from typing import Any

Cli = Callable[..., Any]
_BRIEF = "唤醒沉睡3个月的老客，送一张满99减15券，下周五晚上发"


def test_propose_then_modify_then_approve_then_cancel(qunzhu: Cli) -> None:
    made = qunzhu("campaigns", "propose", _BRIEF, "--json").document
    assert made["status"] == "proposed" and made["proposal"]["segment"]["definition"]["op"] == "activity"
    one = made["id"]
    assert one in [
        row["id"] for row in qunzhu("campaigns", "list", "--status", "proposed", "--json").document["campaigns"]
    ]
    text = "{member_name}，好久不见，给您留了满99减15券。不想收到，回复TD就好。"
    changed = qunzhu("campaigns", "modify", one, "--text", text, "--control-share", "0.2", "--json").document
    assert (changed["version"], changed["proposal"]["control_share"]) == (2, 0.2)
    approved = qunzhu("campaigns", "approve", one, "--json")
    if made["proposal"]["segment"]["reachable"] == 0:
        assert approved.document["code"] == "campaign_nobody"
        return
    assert approved.document["status"] == "scheduled"
    assert approved.document["deliveries"] == {"queued": approved.document["people"]["treated"]}
    cancelled = qunzhu("campaigns", "cancel", one, "--reason", "试一下", "--json").document
    assert (cancelled["status"], set(cancelled["deliveries"])) == ("cancelled", {"cancelled"})


def test_a_proposal_is_shown_to_people(qunzhu: Cli) -> None:
    ran = qunzhu("campaigns", "propose", "给活跃成员发会员日通知，文案写全网最低价，明天上午10点发")
    assert ran.code == 0 and "absolute_claim" in ran.out and "活跃" in ran.out
    listed = qunzhu("campaigns")
    assert listed.code == 0 and "proposed" in listed.out
    row = qunzhu("campaigns", "list", "--limit", "1", "--json").document["campaigns"][0]
    assert qunzhu("campaigns", "show", row["id"]).out.startswith(("活动", "campaign"))
    rejected = qunzhu("campaigns", "reject", row["id"], "--json").document
    assert rejected["status"] == "rejected"
    lost = qunzhu("campaigns", "approve", row["id"], "--json")
    assert (lost.code, lost.document["code"]) == (1, "campaign_decided")
