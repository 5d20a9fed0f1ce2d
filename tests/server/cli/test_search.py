"""`qunzhu search` and `qunzhu knowledge propose` as people read them."""

from collections.abc import Callable
from typing import Any

Cli = Callable[..., Any]
_IN = ("--community", "hemiao-mama")


def test_verdict_views_and_wording(qunzhu: Cli) -> None:
    ran = qunzhu("search", "请问买错了怎么退款呀？", *_IN)
    verdict, _, columns, best, *_ = ran.out.splitlines()
    assert verdict.startswith("判定 answers（第一条能回答）：可能性 ")
    assert "门槛 " in verdict and "把握 " in verdict
    assert columns.split()[:7] == ["得分", "最近问法", "全部问法", "整条", "答案", "字面", "覆盖"]
    assert "faq-" in best and best.split()[0].startswith("0.")


def test_why_not_and_what_stays_with_people(qunzhu: Cli) -> None:
    assert "\n原因：" in qunzhu("search", "火箭发动机的推力怎么算出来的？", *_IN).out
    assert "要查成员自己的资料" in qunzhu("search", "帮我查一下我的订单到哪了", *_IN).out
    split = qunzhu("search", "怎么退款？另外多久发货呀？", *_IN).out
    assert "怎么退款？ | 多久发货呀？" in split


def test_json_is_the_answer_of_the_api(qunzhu: Cli) -> None:
    found = qunzhu("search", "怎么退款", *_IN, "--audience", "new", "-k", "2", "--json").document
    assert {"verdict", "reasons", "evidence", "score", "threshold", "confidence", "questions", "boundary"} <= set(found)
    assert len(found["results"]) == 2


def test_kinds_are_searched_apart(qunzhu: Cli) -> None:
    found = qunzhu("search", "欢迎新成员", *_IN, "--kind", "script", "--json").document
    assert {one["kind"] for one in found["results"]} == {"script"}


def test_propose_without_a_model_is_bad_input(qunzhu: Cli) -> None:
    ran = qunzhu("knowledge", "propose", "faq-refund-how", "--json")
    assert (ran.code, ran.document["code"]) == (2, "model_not_configured")
