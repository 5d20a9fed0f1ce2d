"""Fitting the risk classifiers: on sentences of ours, on what a deployment's people decided, and what comes back."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from agent.steps import risk_classifier
from agent.steps.risk_classifier import ClassifierError, load
from agent.steps.risk_reading import read
from core.text import normalize
from core.vocabulary import RiskLabel
from evals import fit_risk, risk_artefact, risk_lessons
from evals.risk_lessons import Lesson, Sentence
from evals.rows import BadFile
from knowledge.embeddings import Vectors

AD = frozenset({RiskLabel.AD_SPAM})
GOODS = ("纸尿裤", "面膜", "茶叶", "男鞋", "手机壳", "蜂蜜", "燕窝", "耳机", "书包", "童装", "口红", "大米")
OFFERED = [f"{one}批发，要的私聊我下单" for one in GOODS] + [f"加我拿{one}，一手货源" for one in GOODS]
ASKED = [f"谁用过这个{one}，好用吗" for one in GOODS] + [f"今天的{one}团购几点截单" for one in GOODS]


class Counting:
    """An encoder of two numbers: how much a text sounds like an offer, and one."""

    name = risk_classifier.shipped().encoder
    dimensions = 512

    def embed(self, texts: Sequence[str]) -> Vectors:
        rows = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        rows[:, 0] = [("批发" in text) + ("加我" in text) for text in texts]
        return rows


@pytest.fixture(scope="module")
def taught() -> Lesson:
    rows = [Sentence(text, AD) for text in OFFERED] + [Sentence(text, frozenset()) for text in ASKED]
    mixed = [rows[n] for n in np.random.default_rng(0).permutation(len(rows))]
    return risk_lessons.lesson(mixed, (), Counting(), on_shipped=False)


def judged(classifier: risk_classifier.Classifier, text: str) -> dict[RiskLabel, float]:
    return {one.label: one.weight for one in classifier.judge(read(normalize(text)), least=0.0)}


def test_learnt_label_holds_for_new_texts(taught: Lesson) -> None:
    made = fit_risk.fit(taught, (), "counting")
    assert made.labels == (RiskLabel.AD_SPAM,)
    assert judged(made, "牛奶批发，要的私聊我下单")[RiskLabel.AD_SPAM] >= 0.5
    assert judged(made, "谁用过这个牛奶，好用吗")[RiskLabel.AD_SPAM] < 0.5


def test_labels_with_few_sentences_get_no_curve(taught: Lesson) -> None:
    rare = taught.some(np.arange(fit_risk.FEWEST_POSITIVE))
    assert fit_risk.fit(taught, (), "counting").labels == (RiskLabel.AD_SPAM,)
    assert sum(bool(row.labels) for row in rare.sentences) < fit_risk.FEWEST_POSITIVE


def test_ordinary_messages_raise_the_limits(taught: Lesson) -> None:
    quiet = risk_lessons.lesson(
        [Sentence("牛奶批发，要的私聊我下单", frozenset())] * 20, (), Counting(), risk_lessons.unseen, on_shipped=False
    )
    calm, plain = fit_risk.fit(taught, (), "counting", quiet), fit_risk.fit(taught, (), "counting")
    assert calm.limits[0].alone > plain.limits[0].alone


def test_saved_classifier_comes_back(taught: Lesson, tmp_path: Path) -> None:
    made = fit_risk.fit(taught, ("加我",), "counting")
    fit_risk.save(made, tmp_path / "risk.npz")
    back = load(tmp_path / "risk.npz")
    assert (back.labels, back.words, back.encoder, list(back.rows)) == (
        made.labels,
        made.words,
        "counting",
        list(made.rows),
    )
    text = "童装批发，要的私聊我下单"
    assert judged(back, text)[RiskLabel.AD_SPAM] == pytest.approx(judged(made, text)[RiskLabel.AD_SPAM], abs=0.02)


@pytest.mark.parametrize("content", [b"", b"no archive", b"PK\x03\x04"])
def test_broken_artefact_says_so(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "risk.npz").write_bytes(content)
    with pytest.raises(ClassifierError, match=r"risk\.npz"):
        load(tmp_path / "risk.npz")


def test_a_deployment_learns_what_its_people_decided() -> None:
    ours = "禾豆换物帖：拿禾豆换你家闲置，私我"
    rows = [Sentence(f"{ours} {n}", AD) for n in range(20)] + [Sentence(text, frozenset()) for text in ASKED]
    own = fit_risk.refit(rows, Counting())
    reading = read(normalize(f"{ours} 21"))
    vector = Counting().embed([reading.text])[0]
    found = {one.label: one.weight for one in risk_classifier.judge(reading, vector, own)}
    assert found[RiskLabel.AD_SPAM] >= 0.5
    assert set(risk_classifier.shipped().labels) <= set(own.labels)


def test_decided_items_alone_make_nobody_suspicious(tmp_path: Path) -> None:
    """Whatever people decide on was flagged: without ordinary messages half of all talk is taken for it."""
    data, out = tmp_path / "decided.jsonl", tmp_path / "risk.npz"
    rude = [f"{one}就是个垃圾，傻缺才买" for one in GOODS] + [f"卖{one}的滚出去，废物" for one in GOODS]
    rows = [json.dumps({"id": str(n), "text": text, "labels": ["abuse"]}) for n, text in enumerate(rude)]
    data.write_text("\n".join(rows), "utf-8")
    risk_artefact.run([data], None, None, out, Counting(), risk_lessons.unseen, on_shipped=True)
    own = load(out)

    def abuse(text: str) -> float:
        found = risk_classifier.judge(read(normalize(text)), Counting().embed([text])[0], own)
        return next((one.weight for one in found if one.label is RiskLabel.ABUSE), 0.0)

    assert all(abuse(text) >= 0.5 for text in rude[:3])
    assert all(abuse(calm) < 0.5 for calm in ("巴适得很", "今晚谁去接娃", "有没有人要一起团购啊", "姐妹们早上好"))


def test_command_writes_the_artefact_and_its_card(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    rows = [(text, '["ad_spam"]') for text in OFFERED] + [(text, "[]") for text in ASKED]
    lines = (f'{{"id": "{n}", "text": "{text}", "labels": {labels}}}' for n, (text, labels) in enumerate(rows))
    data.write_text("\n".join(lines), "utf-8")
    report = risk_artefact.run(
        [data], None, None, tmp_path / "out.npz", Counting(), risk_lessons.unseen, on_shipped=False
    )
    assert report.facts["rows"] == len(rows)
    assert "| `ad_spam` | 24 |" in (tmp_path / "out.md").read_text("utf-8")


def test_nothing_labelled_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"id": "1", "text": "好的", "labels": []}', "utf-8")
    with pytest.raises(BadFile, match="no row with a label"):
        risk_artefact.run([data], None, None, tmp_path / "out.npz", Counting(), risk_lessons.unseen, on_shipped=False)


def test_unknown_label_is_refused_with_its_place(tmp_path: Path) -> None:
    data = tmp_path / "rows.jsonl"
    data.write_text('{"id": "1", "text": "好的", "labels": ["adverts"]}', "utf-8")
    with pytest.raises(BadFile, match=r"line 1, field 'labels': 'adverts' is none of ad_spam"):
        risk_lessons.sentences([data])
