"""Odd amounts are refused, refused forms keep what was chosen, and a crowded board shows what must not wait."""

from collections.abc import Callable
from datetime import timedelta

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient

from agent.services import Services
from core.errors import BadInput
from core.vocabulary import CompensationKind
from server.console import case_board, complaints
from store import cases
from store.cases import CaseRow
from store.suggestions import SuggestionRow

Person = Callable[..., TestClient]
Ask = Callable[..., str]


@pytest.mark.parametrize("kind", list(CompensationKind))
@pytest.mark.parametrize(
    "amount", ["9e999999", "1e99999999999", "-1e99999999999", "NaN", "sNaN", "Infinity", "1e-99999999", "0", "", "元"]
)
def test_amounts_that_are_none_are_refused_at_once(kind: CompensationKind, amount: str) -> None:
    with pytest.raises(BadInput) as caught:
        complaints._amount(kind, amount)
    assert caught.value.code == "compensation_amount"


def test_amounts_in_yuan_and_points() -> None:
    assert complaints._amount(CompensationKind.POINTS, "２００") == (0, 200)
    assert complaints._amount(CompensationKind.COUPON, " 12.50 ") == (1250, 0)


def test_a_lost_suggestion_form_does_not_tell_the_member_after_all(
    suggestion: SuggestionRow, person: Person, csrf: Callable[[], str]
) -> None:
    client = person("supervisor")
    form = {"csrf": csrf(), "version": suggestion.version + 7, "status": "declined", "department": "logistics"}
    lost = client.post(f"/console/suggestions/{suggestion.id}/status", data=form)
    assert lost.status_code == 409
    assert 'value="declined" selected' in lost.text and 'value="logistics" selected' in lost.text
    assert 'name="tell" value="yes">' in lost.text
    assert 'value="yes" checked' in client.get(f"/console/suggestions/{suggestion.id}").text


def test_a_lost_classification_keeps_what_was_chosen(
    services: Services, person: Person, ask: Ask, csrf: Callable[[], str]
) -> None:
    client = person("supervisor")
    message = ask("买了三天就坏了，没人管，你们就这态度？")
    with services.database.read() as db:
        row = cases.of_message(db, message)
    assert row is not None
    form = {"csrf": csrf(), "version": row.version + 7, "action": "classify", "severity": "critical"}
    lost = client.post(f"/console/complaints/{row.id}/act", data=form | {"category": "community_order"})
    assert lost.status_code == 409
    assert 'value="critical" selected' in lost.text and 'value="community_order" selected' in lost.text


def test_a_crowded_column_shows_the_case_that_must_not_wait(
    services: Services, person: Person, ask: Ask, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = person("supervisor")
    asked = [ask("买了三天就坏了，没人管，你们就这态度？", name=name) for name in ("果果妈", "豆豆妈")]
    with services.database.write() as db:
        first, second = (cases.of_message(db, one) for one in asked)
        assert first is not None and second is not None
        db.execute(
            sa.update(CaseRow).where(CaseRow.id == first.id).values(opened_at=first.opened_at - timedelta(days=1))
        )
    monkeypatch.setattr(case_board, "SHOWN", 1)
    page = client.get("/console/complaints/board").text
    assert f"/console/complaints/{first.id}" in page and f"/console/complaints/{second.id}" not in page
