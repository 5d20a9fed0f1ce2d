"""Where a redirect may lead."""

import pytest

from server.console.visitor import local_path

_ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "/\t/evil.example",
    "/console\\..\\x",
    "/console//evil.example",
    "/consolex",
    "/v1/messages",
    "javascript:alert(1)",
    "",
    None,
]


@pytest.mark.parametrize("wanted", _ELSEWHERE, ids=repr)
def test_next_never_leads_elsewhere(wanted: str | None) -> None:
    assert local_path(wanted) == "/console"


@pytest.mark.parametrize("wanted", ["/console", "/console/drafts?tab=open", "/console?x=1", "/console/drafts/drf_1"])
def test_next_leads_to_pages_of_the_console(wanted: str) -> None:
    assert local_path(wanted) == wanted
