"""Forms of complaints and suggestions: odd amounts are refused, and a form that is refused keeps what was chosen."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from agent.services import Services
from core.errors import BadInput
from core.vocabulary import CompensationKind
from server.console import complaints
from store import cases, suggestions

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
    services: Services, person: Person, ask: Ask, csrf: Callable[[], str]
) -> None:
    client = person("supervisor")
    ask("建议你们出个小包装的，出门带着方便")
    with services.database.read() as db:
        (row,) = suggestions.page(db, statuses=["new", "routed"], communities=None)
    form = {"csrf": csrf(), "version": row.version + 7, "status": "declined", "department": "logistics"}
    lost = client.post(f"/console/suggestions/{row.id}/status", data=form)
    assert lost.status_code == 409
    assert 'value="declined" selected' in lost.text and 'value="logistics" selected' in lost.text
    assert 'name="tell" value="yes">' in lost.text
    assert 'value="yes" checked' in client.get(f"/console/suggestions/{row.id}").text


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
