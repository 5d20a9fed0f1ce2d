"""What is exported comes back the same, in every format."""

from datetime import date

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.vocabulary import Audience, CommunityType, EntryKind, EntryStatus, Scene, Tone
from knowledge.entry_in import EntryIn
from knowledge.exporting import written
from knowledge.importing import FORMATS, Format, Parsed, parse
from knowledge.slots import odd_slots
from tests.knowledge.entries_made import entries


def _back(made: list[EntryIn], format: Format) -> Parsed:
    return parse(b"".join(written((one.model_dump(mode="json") for one in made), format)), format)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_thousand_entries_come_back_the_same(format_: Format) -> None:
    made = entries(1_000)
    back = _back(made, format_)
    assert back.errors == []
    assert back.own
    assert back.rows == made


def _text(most: int) -> st.SearchStrategy[str]:
    letters = st.characters(exclude_categories=["Cs", "Cc"], include_characters="\n\t")
    awkward = st.sampled_from("=+-@'\"|；;、,\\#`<>&{}:\n\t _x[]*!%")
    return st.text(letters | awkward, min_size=1, max_size=most).map(str.strip).filter(bool)


_FIELDS = st.fixed_dictionaries(
    {
        "title": _text(40),
        "phrasings": st.lists(_text(30), min_size=1, max_size=5),
        "answer": _text(200).filter(lambda text: not odd_slots(text)),
        "audience": st.sampled_from(Audience),
        "tone": st.none() | st.sampled_from(Tone),
        "tags": st.lists(_text(20), max_size=4),
        "owner": st.none() | _text(30),
        "valid_from": st.none() | st.dates(date(1990, 1, 1), date(2020, 1, 1)),
        "valid_until": st.none() | st.dates(date(2020, 1, 1), date(2100, 1, 1)),
        "group_types": st.lists(st.sampled_from(CommunityType), max_size=3),
        "source": _text(60),
        "status": st.sampled_from(EntryStatus),
    }
)


@given(st.lists(st.tuples(_FIELDS, st.sampled_from(EntryKind)), min_size=1, max_size=4))
@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
def test_whatever_an_entry_holds_comes_back(drawn: list[tuple[dict[str, object], EntryKind]]) -> None:
    made = [
        EntryIn.model_validate(
            {**fields, "id": f"e{at}", "kind": kind, "scene": Scene.RULES if kind == EntryKind.SCRIPT else None}
        )
        for at, (fields, kind) in enumerate(drawn, 10)
    ]
    for format_ in FORMATS:
        back = _back(made, format_)
        assert (format_, back.errors, back.rows) == (format_, [], made)
