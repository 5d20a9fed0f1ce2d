from hypothesis import given
from hypothesis import strategies as st

from knowledge.chunking import chunks


def test_heading_is_kept_with_every_chunk() -> None:
    text = "# 售后\n\n## 退款\n" + "\n\n".join("段" * 150 for _ in range(4))
    found = chunks(text)
    assert len(found) == 2 and all(chunk.startswith("售后 > 退款\n") for chunk in found)


def test_short_paragraphs_are_put_together() -> None:
    assert chunks("一段\n\n二段") == ["一段\n二段"]


def test_hash_in_a_code_block_is_no_heading() -> None:
    assert chunks("# 装\n```\n# 注释\npip install\n```") == ["装\n```\n# 注释\npip install\n```"]


def test_deeper_heading_ends_with_its_section() -> None:
    assert chunks("# 甲\n## 乙\n文\n# 丙\n字") == ["甲 > 乙\n文", "丙\n字"]


def test_nothing_but_white_space() -> None:
    assert chunks(" \n\n\r\n") == []


@given(st.text(alphabet="一二# \n`", max_size=2_000))
def test_no_chunk_is_long_and_nothing_is_lost(text: str) -> None:
    found = chunks(text, size=100)
    assert all(len(chunk) <= 201 and chunk.strip() for chunk in found)
    assert sum(chunk.count("一") for chunk in found) >= sum(
        line.count("一") for line in text.split("\n") if not line.startswith("#")
    )
