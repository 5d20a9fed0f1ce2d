"""Fitting the heads of complaints: what is learnt holds for new texts, and comes back from the file."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.steps import complaint_cues
from agent.steps.complaint_classifier import CATEGORIES, Classifier, Guess, load
from agent.steps.risk_reading import read
from core.text import normalize
from core.vocabulary import ComplaintCategory
from evals import fit_complaint
from evals.rows import BadFile
from knowledge.embeddings import Vectors

GOODS = ("奶瓶", "书包", "耳机", "毛衣", "台灯", "水杯", "雨伞", "闹钟", "推车", "键盘")


class Still:
    """An encoder that says nothing."""

    name = "still"
    dimensions = 4

    def embed(self, texts: Sequence[str]) -> Vectors:
        return np.zeros((len(texts), self.dimensions), dtype=np.float32)


def rows() -> list[dict[str, object]]:
    texts = [(f"{one}用两天就坏了，质量太差", "product_quality", "medium") for one in GOODS]
    texts += [(f"{one}的快递十天了还没到", "logistics", "high") for one in GOODS]
    made = [
        {"text": text, "kind": "complaint", "is_complaint": True, "category": category, "severity": severity}
        for text, category, severity in texts
    ]
    clean = [f"{one}怎么选呀" for one in GOODS] + [f"今天团{one}吗，求推荐" for one in GOODS]
    made += [
        {"text": text, "kind": "question", "is_complaint": False, "category": None, "severity": None} for text in clean
    ]
    return [{"id": str(n), **one} for n, one in enumerate(made)]


def written(path: Path, made: list[dict[str, object]]) -> Path:
    path.write_text("\n".join(json.dumps(one, ensure_ascii=False) for one in made), "utf-8")
    return path


def guess(made: Classifier, text: str) -> Guess:
    normalized = normalize(text)
    return made.guess(read(normalized), complaint_cues.shipped().read(normalized))


def test_fitted_heads_come_back_and_hold(tmp_path: Path) -> None:
    ordinary = written(
        tmp_path / "ordinary.jsonl",
        [{"id": "1", "text": "晚安各位"}, {"id": "2", "text": "加我领红包", "labels": ["ad_spam"]}],
    )
    questions = written(
        tmp_path / "questions.jsonl",
        [{"id": "1", "text": "会员卡怎么办呀"}, {"id": "2", "text": "怎么还不发货，我要投诉你们！"}],
    )
    out, data = tmp_path / "complaint.npz", [written(tmp_path / "rows.jsonl", rows())]
    report = fit_complaint.run(data, [questions], [ordinary], out, Still(), lambda *_: None)
    assert report.facts["rows"] == len(rows()) + 2, "the advertisement and the complaint are left out"
    assert "pickle" not in out.with_suffix(".md").read_text("utf-8")
    made = load(out)
    broken, late, asked = (guess(made, one) for one in ("风扇用两天就坏了", "风扇的快递十天了还没到", "风扇怎么选呀"))
    assert min(broken.complains, late.complains) > made.limits[0] > asked.complains
    assert CATEGORIES[int(np.argmax(broken.categories))] is ComplaintCategory.PRODUCT_QUALITY
    assert CATEGORIES[int(np.argmax(late.categories))] is ComplaintCategory.LOGISTICS
    assert late.steps[1] > broken.steps[1]


def test_one_sided_rows_are_refused(tmp_path: Path) -> None:
    file = written(tmp_path / "rows.jsonl", [one for one in rows() if one["is_complaint"]])
    with pytest.raises(BadFile, match="is_complaint"):
        fit_complaint.run([file], [], [], tmp_path / "complaint.npz", Still(), lambda *_: None)
