"""The mean of the second encoder's vectors, over our own questions."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from evals import fit_mean
from knowledge.embeddings import Vectors


class Lengths:
    """Stands for the model: a text's vector is its length."""

    name = "lengths"

    def __init__(self) -> None:
        self.texts: list[str] = []

    def raw(self, texts: Sequence[str]) -> Vectors:
        self.texts += texts
        return np.array([[len(text), 1.0] for text in texts], dtype=np.float32)


def test_mean_of_every_wording_and_of_no_script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Lengths()
    monkeypatch.setattr(fit_mean, "SecondEncoder", lambda: encoder)
    kb, out = tmp_path / "shop_kb.jsonl", tmp_path / "mean.npz"
    kb.write_text(json.dumps({"id": "a", "questions": ["猫能进店吗", "带猫行不"], "answer": "能。"}), "utf-8")
    fit_mean.run([kb], out, lambda *_: None)
    assert {"猫能进店吗", "带猫行不", "怎么申请退款"} <= set(encoder.texts)
    assert "新成员欢迎语（亲切）" not in encoder.texts
    with np.load(out, allow_pickle=False) as values:
        assert values["mean"] == pytest.approx([np.mean([len(text) for text in encoder.texts]), 1.0])
    assert "shop_kb.jsonl" in out.with_suffix(".md").read_text("utf-8")
