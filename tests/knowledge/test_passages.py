from knowledge.passages import Passage


def test_id_names_entry_and_number() -> None:
    passage = Passage.of("refund", 3, "question", "怎么退款")
    assert (passage.id, passage.entry_id, passage.text) == ("refund#3", "refund", "怎么退款")


def test_hash_follows_part_and_text_only() -> None:
    first = Passage.of("refund", 0, "question", "怎么退款").content_hash
    assert first == Passage.of("other", 9, "question", "怎么退款").content_hash
    assert first != Passage.of("refund", 0, "asked", "怎么退款").content_hash
    assert first != Passage.of("refund", 0, "question", "怎么退款？").content_hash
    assert len(first) == 64


def test_lone_surrogate_is_hashed() -> None:
    assert len(Passage.of("a1", 0, "chunk", "坏\ud83d字").content_hash) == 64
