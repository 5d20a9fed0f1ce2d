from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from knowledge import reconcile as reconcile_module
from knowledge.embeddings import EmbeddedEncoder, EmbeddingError, Vectors
from knowledge.index import VectorIndex
from knowledge.passages import Passage
from knowledge.reconcile import Reconciled, reconcile


class Counting:
    """A cheap embedder that remembers what it was given and may break down at a text."""

    name = "counting"
    dimensions = 4

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.breaks_at: str | None = None

    def embed(self, texts: Sequence[str]) -> Vectors:
        if self.breaks_at in texts:
            raise EmbeddingError("broken")
        self.texts.extend(texts)
        rows = np.array([[len(text), hash(text) % 97, 1, 2] for text in texts], dtype=np.float32)
        lengths: Vectors = np.linalg.norm(rows, axis=1, keepdims=True)
        return rows / lengths


@pytest.fixture
def index(tmp_path: Path) -> Iterator[VectorIndex]:
    with VectorIndex(tmp_path, None, 4, "counting") as index:
        yield index


def passages(*texts: str) -> list[Passage]:
    return [Passage.of(f"e{number}", 0, "question", text) for number, text in enumerate(texts)]


def test_empty_index_takes_everything(index: VectorIndex) -> None:
    some = passages("退款", "积分", "直播")
    assert reconcile(index, Counting(), some) == Reconciled(added=3, changed=0, removed=0, kept=0)
    assert index.hashes() == {passage.id: passage.content_hash for passage in some}


def test_second_run_embeds_nothing(index: VectorIndex) -> None:
    reconcile(index, Counting(), passages("退款", "积分"))
    embedder = Counting()
    assert reconcile(index, embedder, passages("退款", "积分")) == Reconciled(0, 0, 0, 2)
    assert embedder.texts == []


def test_only_what_changed_is_embedded(index: VectorIndex) -> None:
    reconcile(index, Counting(), passages("退款", "积分", "直播", "会员"))
    embedder = Counting()
    done = reconcile(index, embedder, passages("退款", "积分怎么换", "直播"))
    assert done == Reconciled(added=0, changed=1, removed=1, kept=2)
    assert embedder.texts == ["积分怎么换"]
    assert set(index.hashes()) == {"e0#0", "e1#0", "e2#0"}


def test_nothing_wanted_empties_the_index(index: VectorIndex) -> None:
    reconcile(index, Counting(), passages("退款"))
    assert reconcile(index, Counting(), []) == Reconciled(0, 0, 1, 0)
    assert index.count() == 0


def test_interrupted_run_goes_on_where_it_stopped(index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_module, "EMBED_BATCH", 2)
    some = passages("一", "二", "三", "四", "五")
    broken = Counting()
    broken.breaks_at = "五"
    with pytest.raises(EmbeddingError):
        reconcile(index, broken, some)
    assert index.count() == 4
    again = Counting()
    assert reconcile(index, again, some) == Reconciled(added=1, changed=0, removed=0, kept=4)
    assert again.texts == ["五"]


def test_withdrawn_passage_goes_even_if_embedding_fails(index: VectorIndex) -> None:
    reconcile(index, Counting(), passages("旧的", "留下"))
    broken = Counting()
    broken.breaks_at = "新的"
    with pytest.raises(EmbeddingError):
        reconcile(index, broken, [*passages("旧的", "留下")[1:], Passage.of("n", 0, "question", "新的")])
    assert set(index.hashes()) == {"e1#0"}


def test_progress_counts_up_to_what_is_due(index: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile_module, "EMBED_BATCH", 2)
    seen: list[tuple[int, int]] = []
    reconcile(index, Counting(), passages("一", "二", "三"), progress=lambda done, due: seen.append((done, due)))
    assert seen == [(2, 3), (3, 3)]


def test_two_passages_with_one_id_are_refused(index: VectorIndex) -> None:
    with pytest.raises(ValueError, match="one id"):
        reconcile(index, Counting(), passages("一") * 2)


def test_real_encoder_finds_the_answerable_question(tmp_path: Path, encoder: EmbeddedEncoder) -> None:
    # scope: 6
    with VectorIndex(tmp_path, None, encoder.dimensions, encoder.name) as index:
        reconcile(index, encoder, passages("怎么申请退款", "积分怎么兑换礼品", "直播回放在哪里看"))
        for asked in ("我想把钱退回来", "退钱要怎么弄", "申请退款的入口在哪"):
            assert index.query(encoder.embed([asked])[0], 1)[0].entry_id == "e0"
