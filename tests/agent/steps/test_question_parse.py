"""Questions as people type them, read without a model."""

import json
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from agent.steps.question_parse.interpretation import Known
from agent.steps.question_parse.parse import parse
from agent.steps.question_parse.periods import period
from agent.steps.question_parse.unread import is_date
from agent.steps.question_plan import plan
from core.text import normalize
from evals.questions import compared

TODAY = date(2026, 11, 18)  # a Wednesday
CASES = Path(__file__).parents[3] / "evals" / "cases"
KNOWN = Known.model_validate_json((CASES / "questions_names.json").read_text("utf-8"))
ROWS = [json.loads(line) for line in (CASES / "questions.jsonl").read_text("utf-8").splitlines()]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["question"])
def test_our_own_questions_are_understood(row: dict[str, Any]) -> None:
    # scope: 93
    history = [turn["text"] for turn in row.get("history", [])]
    found = parse(row["question"], KNOWN, date.fromisoformat(row["today"]), history)
    parts = compared(row["expect"], found)
    assert all(parts.values()), found
    assert found.reason == row["expect"].get("reason")


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("今天", "2026-11-18", "2026-11-18"),
        ("前天", "2026-11-16", "2026-11-16"),
        ("本周", "2026-11-16", "2026-11-18"),
        ("上礼拜", "2026-11-09", "2026-11-15"),
        ("上上周", "2026-11-02", "2026-11-08"),
        ("上周五", "2026-11-13", "2026-11-13"),
        ("周五", "2026-11-13", "2026-11-13"),
        ("上周末", "2026-11-14", "2026-11-15"),
        ("近7天", "2026-11-12", "2026-11-18"),
        ("最近三十天", "2026-10-20", "2026-11-18"),
        ("過去兩週", "2026-11-05", "2026-11-18"),
        ("近一个月", "2026-10-20", "2026-11-18"),
        ("10月", "2026-10-01", "2026-10-31"),
        ("十二月份", "2025-12-01", "2025-12-31"),
        ("去年12月", "2025-12-01", "2025-12-31"),
        ("11月1号到15号", "2026-11-01", "2026-11-15"),
        ("10月28日至11月3日", "2026-10-28", "2026-11-03"),
        ("11.1-11.15", "2026-11-01", "2026-11-15"),
        ("2026-10-01到2026-10-05", "2026-10-01", "2026-10-05"),
        ("9月到10月", "2026-09-01", "2026-10-31"),
        ("从9月1号到现在", "2026-09-01", "2026-11-18"),
        ("上周日活", "2026-11-09", "2026-11-15"),
        ("今年", "2026-01-01", "2026-11-18"),
        ("上季度", "2026-07-01", "2026-09-30"),
        ("去年双十一", "2025-11-11", "2025-11-11"),
        ("3号到9号", "2026-11-03", "2026-11-09"),
        ("从2020年1月1号到2026年11月12号每天", "2020-01-01", "2026-11-12"),
        ("上个月15号", "2026-10-15", "2026-10-15"),
        ("２０２６年２月", "2026-02-01", "2026-02-28"),
    ],
)
def test_periods(text: str, start: str, end: str) -> None:
    found = period(normalize(text + "新增多少").text, TODAY)
    assert found is not None and (str(found.start), str(found.end)) == (start, end)


@pytest.mark.parametrize("text", ["前5名", "前三个群", "3个群", "2月30号", "7日留存", "多少人", "1群有多少人"])
def test_what_is_no_period(text: str) -> None:
    assert period(normalize(text).text, TODAY) is None


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("这周比上周", ("2026-11-09", "2026-11-15")),
        ("上个月和这个月比", ("2026-10-01", "2026-10-31")),
        ("比上周多了多少", ("2026-11-09", "2026-11-15")),
        ("这周涨了没", ("2026-11-09", "2026-11-15")),
        ("10月同比", ("2025-10-01", "2025-10-31")),
        ("本月环比", ("2026-10-01", "2026-10-31")),
        ("上周和上上周的新增", ("2026-11-02", "2026-11-08")),
        ("这个月比去年同期新增多了多少", ("2025-11-01", "2025-11-18")),
    ],
)
def test_what_it_is_compared_with(text: str, base: tuple[str, str]) -> None:
    found = period(normalize(text).text, TODAY)
    assert found is not None and found.base is not None
    assert (str(found.base.start), str(found.base.end)) == base


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("禾苗妈妈交流群上周新增", ["禾苗妈妈交流群"]),
        ("妈妈群上周新增", ["禾苗妈妈交流群"]),
        ("上周妈妈交流群新增", ["禾苗妈妈交流群"]),
        ("售后群和会员群人数", ["禾苗售后服务群", "禾苗会员福利群"]),
        ("每个群人数", []),
        ("退群人数", []),
        ("昨天进群的人数", []),
        ("整个群一共多少人", []),
    ],
)
def test_communities_by_name_part_and_nickname(text: str, names: list[str]) -> None:
    assert parse(text, KNOWN, TODAY).values("community") == names


def test_without_names_they_are_taken_as_written() -> None:
    assert parse("上周星星群新增多少人", Known(), TODAY).values("community") == ["星星群"]


@pytest.mark.parametrize("text", ["星星群有多少人", "妈妈群和星星群上周新增"])
def test_an_unknown_community_is_no_total_and_is_not_left_out(text: str) -> None:
    found = parse(text, KNOWN, TODAY)
    assert (found.reason, found.unread) == ("no_data", "星星群")


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("谁从来没说过话", "从来没说过话"),
        ("除了福利群还有多少人", "除了福利群"),
        ("不算福利群一共多少人", "不算福利群"),
        ("今天多少人没说话", "没说话"),
        ("禾苗妈妈交流群上周谁没说话", "没说话"),
        ("新人里没说过话的有多少", "没说过话"),
        ("张姐上周发了几条", "张姐"),
        ("管理员有几个", "管理员"),
        ("群主是谁", "群主"),
        ("小满妈妈是谁", "小满妈妈"),
        ("谁最爱吹牛 前五", "吹牛"),
        ("发言超过5条的有几个人", "超过5条"),
        ("上周哪个群新增超过10人", "超过10人"),
        ("入群三天内就退了的有几个", "就退了"),
        ("上周退了又回来的有几个", "又回来"),
        ("沉睡成员里有几个是最近一个月才不说话的", "才不说话"),
        ("7天没说话的有几个", "没说话"),
        ("昨天没人发言的群有几个", "没人发言"),
        ("新人里不发言的有多少", "不发言的"),
        ("上周我发了几条", "我"),
        ("有几个群", "有几个群"),
        ("上周新增、退群、净增、消息数和互动率", "互动率"),
        ("退群的人里沉睡的有几个", "沉睡"),
        ("上周拉新最多的是谁", "最多的"),
        ("昨天谁来了", "谁"),
        ("最近三个月每月净增 按群分", "按群分"),
        ("周末人多还是平时人多", "平时"),
        ("现在福利群多少人 其中沉睡多少", "其中沉睡"),
        ("现在多少人，上周走了几个", "现在"),
        ("昨晚发了多少条消息", "昨晚"),
        ("昨天多少人 发了多少条消息", "多少人"),
        ("上周谁发言最少", "最少"),
        ("每个群发言前三名是谁", "前三名"),
    ],
)
def test_what_was_not_read_refuses_and_is_named(text: str, unread: str) -> None:
    found = parse(text, KNOWN, TODAY)
    assert (found.tool, found.reason, found.unread) == ("refuse", "no_data", unread)


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("2026年13月45号", "13月45号"),
        ("2026年13月45号新增多少人", "13月45号"),
        ("2月30号新增多少人", "2月30号"),
        ("最近999999天新增多少", "最近999999天"),
        ("最近9999年多少人", "最近9999年"),
        ("最近0天新增多少", "最近0天"),
        ("99999年新增多少", "99999年"),
        ("2099年10月新增多少", "2099年10月"),
    ],
)
def test_what_is_no_day_refuses_as_one(text: str, unread: str) -> None:
    found = parse(text, KNOWN, TODAY)
    assert (found.tool, found.unread) == ("refuse", unread) and is_date(unread)


@pytest.mark.parametrize("text", ["去年同期多少人", "上周新增 上个月新增 今天新增"])
def test_a_period_that_would_be_left_out_refuses(text: str) -> None:
    assert parse(text, KNOWN, TODAY).tool == "refuse"


@pytest.mark.parametrize(
    "text",
    [
        "你好，麻烦帮我看一下妈妈群上周新增了多少人，谢谢🙏",
        "上個月每個群新進了多少人",
        "最近一个月每天的日活走势",
        "上周发言最多的10个人",
        "把超过90天没说话的人列出来",
        "妈妈群的日活和福利群的日活",
        "流失最严重的群是哪个",
        "昨天有多少人发消息",
    ],
)
def test_politeness_and_filler_refuse_nothing(text: str) -> None:
    assert parse(text, KNOWN, TODAY).tool != "refuse"


@pytest.mark.parametrize(
    ("text", "calls"),
    [
        ("现在多少人", ["count_members"]),
        ("各群人数", ["breakdown"]),
        ("上周新增和退群各多少", ["query_metric", "query_metric"]),
        ("上周谁发言最多", ["top_speakers"]),
        ("沉睡成员名单", ["list_members"]),
        ("上周复购率", []),
        ("互动率按来源拆一下", []),
    ],
)
def test_calls_are_planned_for_all_parts_or_not_at_all(text: str, calls: list[str]) -> None:
    assert [call.tool for call in plan(parse(text, KNOWN, TODAY), TODAY).calls] == calls


@pytest.mark.parametrize(
    ("text", "filter"),
    [
        ("高净值的人上周发言多少条", "tag"),
        ("VIP会员有多少", "value"),
        ("昨晚8点到10点发了多少条消息", "hour"),
        ("今天谁生日", "birthday_in_period"),
    ],
)
def test_a_filter_that_no_tool_has_is_never_left_out(text: str, filter: str) -> None:
    known = KNOWN.model_copy(update={"tags": ["高净值"]})
    planned = plan(parse(text, known, TODAY), TODAY)
    assert (planned.calls, planned.unfiltered) == ([], [filter])
