import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from evals.cli import main
from knowledge.blend import Scores


def rows(path: Path, *values: Any) -> str:
    path.write_text("".join(json.dumps(value, ensure_ascii=False) + "\n" for value in values), "utf-8")
    return str(path)


def call(*args: str) -> Result:
    return CliRunner().invoke(main, args)


@pytest.fixture
def kb(tmp_path: Path) -> str:
    return rows(
        tmp_path / "kb.jsonl",
        {"id": "refund", "question": "怎么退款", "answer": "在订单页申请退款。", "whatever": 1},
        {"id": "ship", "questions": ["多久发货", "什么时候寄出"], "answer": None, "title": "发货时间"},
        {"id": "old", "question": "618有什么活动", "answer": "满300减40。", "valid_until": "2026-06-30"},
    )


@pytest.fixture
def queries(tmp_path: Path) -> str:
    return rows(
        tmp_path / "queries.jsonl",
        {"id": "q1", "text": "怎么退款", "relevant_ids": ["refund"], "in_kb": True, "kind": "same"},
        {"id": "q2", "text": "几天能发货", "relevant_ids": ["ship"], "in_kb": True},
        {"id": "q3", "text": "今天股票涨了吗", "relevant_ids": [], "in_kb": False, "kind": "out_of_scope"},
        {
            "id": "q4",
            "text": "怎么退款，多久可以发货呢",
            "relevant_ids": ["refund", "ship"],
            "in_kb": True,
            "kind": "multi",
        },
        {"id": "q5", "text": "随便问问", "relevant_ids": ["gone"], "in_kb": True},
        {"id": "q6", "text": "  ", "relevant_ids": [], "in_kb": False},
    )


# scope: 6
def test_retrieval(kb: str, queries: str, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    got = call("retrieval", "--kb", kb, "--queries", queries, "--json", "--out", str(out), "--engine", "embedded")
    assert got.exit_code == 0, got.output
    shown = json.loads(got.stdout)
    assert shown["suite"] == "retrieval"
    assert shown["unscored"] == {"n": 2, "reasons": {"relevant_ids_unknown": 1, "empty_text": 1}}
    assert shown["r_at_1"]["value"] == 1.0 and shown["r_at_1"]["n"] == 3
    assert shown["per_kind"]["multi"]["all_found_at_5"]["value"] == 1.0
    assert shown["per_kind"]["out_of_scope"]["abstained"]["value"] == 1.0
    assert shown["auroc"]["interval"][0] <= shown["auroc"]["value"] <= shown["auroc"]["interval"][1]
    written = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["id"] for row in written] == ["q1", "q2", "q3", "q4"]
    assert {"id", "expected", "got", "right", "ms"} <= written[0].keys()


def test_expired_entry_is_found_and_not_answered(kb: str, tmp_path: Path) -> None:
    asked = rows(tmp_path / "q.jsonl", {"id": "q", "text": "618有什么活动", "relevant_ids": ["old"], "in_kb": True})
    at = {
        day: json.loads(call("retrieval", "--kb", kb, "--queries", asked, "--today", day).stdout)
        for day in ("2026-06-30", "2026-07-01")
    }
    assert [at[day]["wrongful_abstention"]["value"] for day in at] == [0.0, 1.0]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({"id": "q", "relevant_ids": [], "in_kb": False}, "'text'"),
        ({"id": "q", "text": 3, "relevant_ids": [], "in_kb": False}, "'text'"),
        ({"id": "q", "text": "问", "relevant_ids": "a", "in_kb": True}, "'relevant_ids'"),
        ({"id": "q", "text": "问", "relevant_ids": [], "in_kb": True}, "'relevant_ids'"),
        ({"id": "q", "text": "问", "relevant_ids": [], "in_kb": "yes"}, "'in_kb'"),
        ({"text": "问", "relevant_ids": [], "in_kb": False}, "'id'"),
        ({"id": "first", "text": "问", "relevant_ids": [], "in_kb": False}, "'id'"),
        (["no object"], "JSON object"),
    ],
)
def test_broken_row_is_named(kb: str, tmp_path: Path, row: Any, field: str) -> None:
    good = {"id": "first", "text": "问", "relevant_ids": [], "in_kb": False}
    broken = rows(tmp_path / "broken.jsonl", good, row)
    got = call("retrieval", "--kb", kb, "--queries", broken)
    assert got.exit_code == 2 and got.stdout == ""
    assert "broken.jsonl, line 2" in got.stderr and field in got.stderr


@pytest.mark.parametrize(
    ("content", "says"),
    [(b"{\n", "line 1: is no JSON"), (b"\xff\n", "is not UTF-8"), (b"\n", "has no rows"), (None, "cannot be read")],
)
def test_broken_file_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "bad.jsonl"
    if content is not None:
        path.write_bytes(content)
    got = call("risk", "--data", str(path))
    assert got.exit_code == 2 and "bad.jsonl" in got.stderr and says in got.stderr


@pytest.mark.parametrize(
    "row",
    [
        {"id": "a", "question": ["?"]},
        {"id": "a", "questions": []},
        {"id": "a", "question": "问", "kind": "essay"},
        {"id": "a", "question": "问", "valid_until": "tomorrow"},
        {"id": "a"},
    ],
)
def test_broken_knowledge_row(tmp_path: Path, queries: str, row: Any) -> None:
    got = call("retrieval", "--kb", rows(tmp_path / "bad.jsonl", row), "--queries", queries)
    assert got.exit_code == 2 and "bad.jsonl, line 1, field" in got.stderr


def test_gate_with_documents_and_fit(tmp_path: Path) -> None:
    documents = rows(
        tmp_path / "kb.jsonl",
        {"id": "d1", "text": "# 退款\n\n打开订单，点申请售后，再选仅退款。", "path": "refund.md"},
        {"id": "d2", "text": "# 发货\n\n现货在16:00前付款的当天发出。"},
    )
    inside = [{"id": f"i{n}", "text": text, "in_kb": True} for n, text in enumerate(["怎么退款", "几点前付款当天发"])]
    outside = [{"id": f"o{n}", "text": text, "in_kb": False} for n, text in enumerate(["明天下雨吗", "谁赢了球赛"])]
    asked = rows(tmp_path / "q.jsonl", *inside, *outside)
    got = json.loads(call("gate", "--kb", documents, "--fit", asked, "--queries", asked).stdout)
    assert {"f1", "precision", "recall", "auroc", "threshold", "false_answer_rate"} <= got.keys()
    assert got["f1"]["value"] == 1.0 and got["false_answer_rate"] == {**got["false_answer_rate"], "value": 0.0, "n": 2}
    folded = call("gate", "--kb", documents, "--queries", asked, "--folds", "2")
    assert folded.exit_code == 0 and json.loads(folded.stdout)["folds"] == 2


@pytest.mark.parametrize("args", [(), ("--fit", "a", "--folds", "2"), ("--folds", "1")])
def test_gate_wants_fit_or_folds(args: tuple[str, ...]) -> None:
    assert call("gate", "--queries", "q", *args).exit_code == 2


def test_risk_with_own_labels(tmp_path: Path) -> None:
    data = rows(
        tmp_path / "risk.jsonl",
        {"id": "a", "text": "我是官方客服，先转账到安全账户", "labels": ["scam"], "level": "high"},
        {"id": "b", "text": "早上好呀", "labels": []},
        {"id": "c", "text": "", "labels": []},
    )
    out = tmp_path / "rows.jsonl"
    got = json.loads(call("risk", "--data", data, "--out", str(out)).stdout)
    assert got["accuracy"]["value"] == 1.0 and got["accuracy"]["n"] == 2
    assert got["clean_false_alarm_rate"]["value"] == 0.0
    assert got["per_label"]["scam"]["f1"]["value"] == 1.0
    assert got["unscored"]["reasons"] == {"empty_text": 1}
    assert json.loads(out.read_text("utf-8").splitlines()[0])["got"][0]["label"] == "scam"


def test_risk_with_a_map(tmp_path: Path) -> None:
    data = rows(
        tmp_path / "risk.jsonl",
        {"id": "a", "text": "我是官方客服，先转账到安全账户", "label": "bad", "perturbation": "none"},
        {"id": "b", "text": "早上好呀", "label": "fine"},
        {"id": "c", "text": "早上好呀", "label": "unheard"},
        {"id": "d", "text": "我是 官 方 客 服，先 转 账", "label": "bad", "perturbation": "split"},
    )
    names = tmp_path / "map.json"
    names.write_text('{"bad": ["ad_spam", "scam"], "fine": []}', "utf-8")
    got = json.loads(call("risk", "--data", data, "--map", str(names)).stdout)
    assert got["macro_f1"]["value"] == 1.0 and set(got["per_label"]) == {"ad_spam+scam", "clean"}
    assert got["unscored"]["reasons"] == {"label_not_in_map": 1}
    assert got["per_perturbation"]["split"]["relative"]["value"] == 1.0


def test_risk_under_disguises(tmp_path: Path) -> None:
    """Clean rows count too: who finds everything in disguised texts has found nothing."""
    scam, fine = "我是官方客服，先转账到安全账户", "早上好呀"
    data = rows(
        tmp_path / "risk.jsonl",
        {"id": "a", "text": scam, "labels": ["scam"], "perturbation": "none", "base_text": scam},
        {"id": "b", "text": fine, "labels": [], "perturbation": "none", "base_text": fine},
        {"id": "c", "text": "今天路过看看", "labels": ["scam"], "perturbation": "lost", "base_text": scam},
        {"id": "d", "text": scam, "labels": ["scam"], "perturbation": "kept", "base_text": scam},
        {"id": "e", "text": scam, "labels": [], "perturbation": "kept", "base_text": fine},
    )
    got = json.loads(call("risk", "--data", data).stdout)
    assert got["per_perturbation"]["lost"]["relative"]["value"] == 0.0
    assert got["per_perturbation"]["lost"]["false_alarm_rate"] == {"value": None, "n": 0, "interval": None}
    assert got["per_perturbation"]["kept"]["false_alarm_rate"]["value"] == 1.0
    assert got["per_perturbation"]["kept"]["false_alarm_rate_before"]["value"] == 0.0
    assert got["per_perturbation"]["none"]["false_alarm_rate"]["value"] == 0.0
    assert got["pooled_relative"]["value"] == 0.5 and got["pooled_relative"]["n"] == 2
    assert got["pooled_false_alarm_rate"]["value"] == 1.0 and got["pooled_false_alarm_rate"]["n"] == 1


def test_risk_of_one_label(tmp_path: Path) -> None:
    """Another label that is found is no catch, and a row that only has another is clean."""
    scam = "我是官方客服，先转账到安全账户"
    data = rows(
        tmp_path / "risk.jsonl",
        {"id": "a", "text": scam, "label": "rude"},
        {"id": "b", "text": scam, "label": "fraud"},
        {"id": "c", "text": "早上好呀", "label": "fine"},
    )
    names = tmp_path / "map.json"
    names.write_text('{"rude": ["abuse", "porn"], "fraud": ["scam"], "fine": []}', "utf-8")
    got = json.loads(call("risk", "--data", data, "--map", str(names), "--label", "abuse").stdout)
    assert got["label"] == "abuse" and got["caught"]["value"] == 0.0 and got["caught"]["n"] == 1
    assert got["clean_false_alarm_rate"]["value"] == 0.0 and got["clean_false_alarm_rate"]["n"] == 2
    assert set(got["per_label"]) == {"abuse", "clean"}
    got = json.loads(call("risk", "--data", data, "--map", str(names), "--label", "scam").stdout)
    assert got["caught"]["value"] == 1.0 and got["clean_false_alarm_rate"]["value"] == 0.5


def test_wide_class_does_not_look_perfect(tmp_path: Path) -> None:
    """What is missed counts against the class, whichever of its labels would have been right."""
    texts = ["我是官方客服，先转账到安全账户", "今天天气不错", "路过看看"]
    data = rows(tmp_path / "risk.jsonl", *({"id": text, "text": text, "label": "bad"} for text in texts))
    names = tmp_path / "map.json"
    names.write_text('{"bad": ["ad_spam", "scam", "porn"]}', "utf-8")
    got = json.loads(call("risk", "--data", data, "--map", str(names)).stdout)
    assert got["per_label"]["ad_spam+porn+scam"]["recall"]["value"] == pytest.approx(1 / 3, abs=1e-4)
    assert got["macro_f1"]["value"] == 0.5


@pytest.mark.parametrize("content", ['{"bad": ["no_such"]}', '{"bad": "scam"}', "[]", "{"])
def test_broken_map(tmp_path: Path, content: str) -> None:
    names = tmp_path / "map.json"
    names.write_text(content, "utf-8")
    data = rows(tmp_path / "risk.jsonl", {"id": "a", "text": "早", "label": "bad"})
    got = call("risk", "--data", data, "--map", str(names))
    assert got.exit_code == 2 and "map.json" in got.stderr


def test_unknown_own_label(tmp_path: Path) -> None:
    got = call("risk", "--data", rows(tmp_path / "risk.jsonl", {"id": "a", "text": "早", "labels": ["spam"]}))
    assert got.exit_code == 2 and "line 1, field 'labels'" in got.stderr


@pytest.mark.parametrize(
    ("floor", "code"),
    [("accuracy=1", 0), ("accuracy=1.01", 1), ("scam.recall=1", 1), ("no_such=1", 2), ("accuracy=much", 2)],
)
def test_floors(tmp_path: Path, floor: str, code: int) -> None:
    """A figure that could not be measured holds no floor."""
    data = rows(tmp_path / "risk.jsonl", {"id": "b", "text": "早上好呀", "labels": []})
    if floor.startswith("scam"):
        data = rows(tmp_path / "risk.jsonl", {"id": "b", "text": "早上好呀", "labels": ["scam"]})
    got = call("risk", "--data", data, "--floor", floor)
    assert got.exit_code == code, got.output


@pytest.mark.parametrize("suite", ["risk", "campaigns", "questions", "dialogues"])
def test_suite_without_an_llm_engine(tmp_path: Path, suite: str) -> None:
    got = call(suite, "--data", str(tmp_path / "a"), "--engine", "llm")
    assert got.exit_code == 2 and "this suite has no llm engine" in got.stderr


def test_fit_gate_writes_artefact_and_card(tmp_path: Path, kb: str, queries: str) -> None:
    out = tmp_path / "gate.npz"
    got = call("fit", "gate", "--kb", kb, "--data", queries, "--out", str(out), "--json")
    assert got.exit_code == 0, got.output
    with np.load(out, allow_pickle=False) as values:
        assert float(values["related"]) <= float(values["answers"])
    card = out.with_suffix(".md").read_text("utf-8")
    assert "Rows: queries " in card and "`covered`" in card


def test_fit_blend_writes_weights_for_one_and_for_two_encoders(tmp_path: Path, kb: str, queries: str) -> None:
    out = tmp_path / "blend.npz"
    got = call("fit", "blend", "--kb", kb, "--data", queries, "--out", str(out))
    assert got.exit_code == 0, got.output
    with np.load(out, allow_pickle=False) as values:
        assert values["one"].shape == values["two"].shape == (len(Scores._fields),)
        assert values["one"][-1] == 0.0
    assert "| `lexical` |" in out.with_suffix(".md").read_text("utf-8")


def test_knowledge_beside_its_questions_is_asked(tmp_path: Path, kb: str, queries: str) -> None:
    shutil.copy(kb, tmp_path / "shop_kb.jsonl")
    shutil.copy(queries, tmp_path / "shop_questions.jsonl")
    got = call("fit", "gate", "--data", str(tmp_path / "shop_questions.jsonl"), "--out", str(tmp_path / "gate.npz"))
    assert got.exit_code == 0, got.output
    assert "Rows: shop " in (tmp_path / "gate.md").read_text("utf-8")


def test_fit_gate_wants_an_npz(tmp_path: Path, queries: str) -> None:
    got = call("fit", "gate", "--data", queries, "--out", str(tmp_path / "gate.bin"))
    assert got.exit_code == 2
