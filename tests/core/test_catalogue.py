"""Texts by key and language."""

import pytest

from core.catalogue import best_locale, text


@pytest.mark.parametrize(
    ("header", "locale"),
    [
        (None, "zh-CN"),
        ("", "zh-CN"),
        ("fr", "zh-CN"),
        ("en", "en"),
        ("en-GB,zh;q=0.5", "en"),
        ("zh-TW", "zh-CN"),
        ("fr, en;q=0.8", "en"),
        ("*", "zh-CN"),
        (";;,,;", "zh-CN"),
    ],
)
def test_best_locale(header: str | None, locale: str) -> None:
    assert best_locale(header) == locale


def test_unknown_key_is_its_own_text() -> None:
    assert text("error.no_such_thing.title", "en") == "error.no_such_thing.title"


def test_unknown_language_gets_the_default() -> None:
    assert text("error.internal.title", "xx") == text("error.internal.title", "zh-CN")


def test_missing_parameter_hides_no_message() -> None:
    assert "{least}" in text("error.password_short.advice") + text("error.password_short.title")
    told = text("error.password_short.advice", least=10) + text("error.password_short.title", least=10)
    assert "10" in told and "{least}" not in told
