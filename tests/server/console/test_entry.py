"""Coming in: password, one-time link, forged forms, open redirects; and going out."""

from collections.abc import Callable

import pytest
from fastapi.testclient import TestClient

from agent.flows import access
from agent.services import Services
from core.caller import Caller
from core.catalogue import LOCALES
from server.state import COOKIE

PASSWORD = "correct-horse-battery"


@pytest.fixture
def _lin(services: Services, owner: Caller) -> None:
    access.create_user(services, owner, login="lin", name="小林", role="answerer", password=PASSWORD)


def _form(password: str = PASSWORD, next: str = "") -> dict[str, str]:
    return {"login": "lin", "password": password, "next": next}


def test_root_leads_to_the_console_and_a_stranger_to_the_login(visitor: TestClient) -> None:
    assert visitor.get("/").headers["location"] == "/console"
    there = visitor.get("/console/drafts?tab=escalated").headers["location"]
    assert there == "/console/login?next=%2Fconsole%2Fdrafts%3Ftab%3Descalated"


@pytest.mark.usefixtures("_lin")
def test_password_opens_the_page_that_was_wanted(visitor: TestClient) -> None:
    answer = visitor.post("/console/login", data=_form(next="/console/drafts?tab=decided"))
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/drafts?tab=decided")
    cookie = answer.headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/;" in cookie and "secure" not in cookie
    assert visitor.get("/console/drafts").status_code == 200
    assert visitor.get("/console/login").headers["location"] == "/console"


@pytest.mark.usefixtures("_lin")
def test_cookie_is_secure_over_https(visitor: TestClient) -> None:
    answer = visitor.post("https://testserver/console/login", data=_form())
    assert "secure" in answer.headers["set-cookie"].lower()


@pytest.mark.usefixtures("_lin")
def test_wrong_password_is_told_in_place(visitor: TestClient) -> None:
    answer = visitor.post("/console/login", data=_form("wrong"))
    assert answer.status_code == 401
    assert 'role="alert"' in answer.text and 'value="lin"' in answer.text
    assert "wrong" not in answer.text and COOKIE not in visitor.cookies


@pytest.mark.usefixtures("_lin")
def test_blocked_after_too_many_failures(visitor: TestClient) -> None:
    states = [visitor.post("/console/login", data=_form("wrong")).status_code for _ in range(6)]
    assert states == [401] * 5 + [429]
    assert visitor.post("/console/login", data=_form()).status_code == 429


@pytest.mark.usefixtures("_lin")
@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"origin": "https://evil.example"},
        {"origin": "null"},
    ],
    ids=str,
)
def test_login_form_of_another_site_is_refused(visitor: TestClient, headers: dict[str, str]) -> None:
    del visitor.headers["sec-fetch-site"]
    answer = visitor.post("/console/login", data=_form(), headers=headers)
    assert answer.status_code == 403 and COOKIE not in visitor.cookies


@pytest.mark.usefixtures("_lin")
def test_origin_counts_where_a_browser_sends_no_fetch_metadata(visitor: TestClient) -> None:
    del visitor.headers["sec-fetch-site"]
    assert visitor.post("/console/login", data=_form(), headers={"origin": "http://testserver"}).status_code == 303


@pytest.mark.usefixtures("_lin")
def test_open_redirect_is_refused(visitor: TestClient) -> None:
    answer = visitor.post("/console/login", data=_form(next="https://evil.example/"))
    assert answer.headers["location"] == "/console"
    page = visitor.post("/console/locale", data={"locale": "en", "next": "//evil.example"})
    assert page.headers["location"] == "/console"


def test_link_is_not_used_up_by_looking_and_works_once(services: Services, owner: Caller, visitor: TestClient) -> None:
    token = access.login_link(services, owner)
    for _ in range(2):
        assert visitor.get(f"/console/link/{token}").status_code == 200
    assert visitor.post(f"/console/link/{token}").headers["location"] == "/console"
    again = visitor.post(f"/console/link/{token}")
    assert again.status_code == 401 and 'role="alert"' in again.text


def test_link_opened_by_another_site_is_refused(services: Services, owner: Caller, visitor: TestClient) -> None:
    token = access.login_link(services, owner)
    assert visitor.post(f"/console/link/{token}", headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_sign_out_ends_the_session(
    services: Services, person: Callable[..., TestClient], csrf: Callable[[], str]
) -> None:
    client = person()
    cookie = client.cookies[COOKIE]
    assert client.post("/console/sign-out", data={"csrf": "forged"}).status_code == 403
    answer = client.post("/console/sign-out", data={"csrf": csrf()})
    assert answer.headers["location"].startswith("/console/login")
    assert access.caller_of_session(services, cookie) is None


def test_who_came_by_link_sets_a_password(
    services: Services, enter: Callable[[str], TestClient], csrf: Callable[[], str]
) -> None:
    visitor = enter("owner")
    assert "<code>owner</code>" in visitor.get("/console/account").text
    form = {"password": PASSWORD, "again": PASSWORD, "csrf": csrf()}
    assert visitor.post("/console/account/password", data=form | {"csrf": ""}).status_code == 403
    assert visitor.post("/console/account/password", data=form | {"again": "x"}).status_code == 422
    assert visitor.post("/console/account/password", data=form | {"password": "x", "again": "x"}).status_code == 422
    assert visitor.post("/console/account/password", data=form).status_code == 303
    assert access.sign_in(services, "owner", PASSWORD).user_id


@pytest.mark.parametrize("locale", LOCALES)
def test_language_is_chosen_before_and_after_signing_in(
    locale: str, visitor: TestClient, enter: Callable[[str], TestClient]
) -> None:
    answer = visitor.post("/console/locale", data={"locale": locale, "next": "/console/login"})
    assert answer.headers["location"] == "/console/login"
    assert f'<html lang="{locale}">' in visitor.get("/console/login").text
    enter("owner")
    for path in ("drafts", "paste", "deliveries", "account", "nowhere"):
        page = visitor.get(f"/console/{path}")
        assert f'<html lang="{locale}">' in page.text and page.status_code == (404 if path == "nowhere" else 200)
        assert ("主导航" in page.text) == (locale == "zh-CN")


def test_pages_are_kept_by_nobody_and_scripts_for_ever(visitor: TestClient) -> None:
    page = visitor.get("/console/login")
    assert page.headers["cache-control"] == "no-store"
    assert "default-src 'self'" in page.headers["content-security-policy"]
    assert " style=" not in page.text and " onclick=" not in page.text
    script = page.text.partition('src="')[2].partition('"')[0]
    answer = visitor.get(script)
    assert answer.status_code == 200 and "immutable" in answer.headers["cache-control"]
    assert visitor.get(script.replace("console.js", "..%2f..%2ftemplates%2fbase.html")).status_code == 404


def test_page_that_does_not_exist(person: Callable[..., TestClient]) -> None:
    page = person().get("/console/nowhere")
    assert page.status_code == 404 and "没有这个页面" in page.text
