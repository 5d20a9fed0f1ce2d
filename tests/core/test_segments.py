"""Definitions of segments: what is refused, and that they read back as they were."""

import pytest

from core import segments as tree
from core.errors import BadInput
from core.segment_words import describe

WHOLE = {
    "op": "and",
    "of": [
        {"op": "activity", "in": ["lapsed", "dormant"]},
        {"op": "or", "of": [{"op": "community", "in": ["mama"]}, {"op": "source", "in": ["门店"]}]},
        {"op": "not", "of": {"op": "performed", "what": "order", "times": 1, "within_days": 30}},
        {"op": "joined", "from": "2026-01-01", "days_ago_least": 15},
    ],
}


def test_a_definition_reads_back_as_it_was() -> None:
    assert tree.dump(tree.parse(WHOLE)) == WHOLE
    assert [leaf.op for leaf in tree.leaves(tree.parse(WHOLE))] == [
        "activity",
        "community",
        "source",
        "performed",
        "joined",
    ]


@pytest.mark.parametrize(
    "wrong",
    [
        None,
        "everyone",
        {"op": "and", "of": []},
        {"op": "joined"},
        {"op": "joined", "from": "2026-02-01", "to": "2026-01-01"},
        {"op": "last_active", "days_ago_least": 10, "days_ago_most": 5},
        {"op": "performed", "what": "order", "times": 0},
        {"op": "performed", "what": "sql"},
        {"op": "everyone", "or": "1=1"},
        {"op": "community", "in": ["a"] * 51},
        {"op": "and", "of": [{"op": "or", "of": [{"op": "everyone"}] * 20}] * 3},
    ],
)
def test_what_is_no_definition_is_refused(wrong: object) -> None:
    with pytest.raises(BadInput, match="segment_invalid"):
        tree.parse(wrong)


def test_however_deep_it_is_refused_without_a_crash() -> None:
    deep: dict[str, object] = {"op": "everyone"}
    for _ in range(50_000):
        deep = {"op": "not", "of": deep}
    with pytest.raises(BadInput, match="segment_invalid"):
        tree.parse(deep)


def test_a_definition_in_words() -> None:
    words = describe(tree.parse(WHOLE), {"mama": "妈妈群"})
    assert words == (
        "活跃状态：近期流失、沉睡；社群：妈妈群；来源：门店，满足其一；不满足（近30天下单至少1次）；"
        "入群：2026-01-01起、15天前或更早，同时满足"
    )
    assert "dormant" in describe(tree.parse(WHOLE), {}, "en")
