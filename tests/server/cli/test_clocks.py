"""`qunzhu clocks`, `qunzhu duty`, and what `doctor` says of the table of holidays."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from core import office_hours
from core.settings import Environment
from server.cli import checks

Cli = Callable[..., Any]


def test_roster_from_the_terminal(qunzhu: Cli) -> None:
    login = "owner"
    days = ["--day", "mon", "--day", "2030-10-01"]
    made = qunzhu("duty", "add", login, "22:00-02:00", "--community", "hemiao-vip", *days, "--json")
    assert made.code == 0, made.err
    listed = qunzhu("duty", "list", "--community", "hemiao-vip")
    assert listed.code == 0 and listed.out.count("22:00-02:00") == 2 and "2030-10-01" in listed.out
    for shift in made.document["shifts"]:
        assert qunzhu("duty", "remove", shift["id"]).code == 0
    assert qunzhu("duty", "list", "--community", "hemiao-vip", "--json").document["shifts"] == []


@pytest.mark.parametrize(
    ("day", "shift", "said"),
    [("someday", "09:00-10:00", "--day"), ("2026-02-30", "09:00-10:00", "--day"), ("mon", "9-10", "shift_invalid")],
)
def test_roster_that_makes_no_sense(qunzhu: Cli, day: str, shift: str, said: str) -> None:
    ran = qunzhu("duty", "add", "owner", shift, "--community", "hemiao-vip", "--day", day, "--json")
    assert ran.code == 2 and said in ran.out + ran.err


def test_overdue_clocks_are_listed(qunzhu: Cli) -> None:
    # scope: 14
    assert qunzhu("clocks", "--overdue").code == 0
    assert set(qunzhu("clocks", "--json").document) == {"clocks", "count", "next"}


def test_doctor_warns_before_the_table_of_holidays_ends(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    env = Environment(env="test", data_dir=tmp_path)
    monkeypatch.setattr(office_hours, "table_has", lambda _year: True)
    assert checks._holidays(env).result == "ok"
    monkeypatch.setattr(office_hours, "table_has", lambda _year: False)
    found = checks._holidays(env)
    assert (found.result, "chinesecalendar" in found.text) == ("warn", True)
    assert timedelta(weeks=4) < checks._HOLIDAYS_AHEAD < timedelta(weeks=9)
