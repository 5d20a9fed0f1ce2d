"""Complaints in the browser, wide and narrow: the board fills by itself, a case is taken on, the bell leads to it."""

import re
from itertools import product
from typing import Any, Literal

import pytest
from playwright.sync_api import Page, expect

from agent.services import Services
from store import staff_notices, users
from tests.browser.conftest import Bot
from tests.browser.test_accessible import FAINT, FLAWS

pytestmark = pytest.mark.usefixtures("url")
BROKEN = "买了三天就坏了，没人管，你们就这态度？"


def _case(bot: Bot) -> str:
    (case,) = bot.call("GET", "/v1/complaints")["complaints"]
    return str(case["id"])


# scope: 14, 23
def test_board_case_and_bell(entered: Page, bot: Bot, url: str, house: Services) -> None:
    page = entered
    page.goto(f"{url}/console/complaints")
    bot.say(BROKEN)
    card = page.locator(".case-card", has_text="小满妈妈")
    expect(card).to_be_visible(timeout=15_000)
    expect(card.locator(".due")).to_have_text(re.compile(r"剩 \d+ (分钟|小时)"))
    expect(page.locator('[data-count="complaints"]')).to_contain_text("1")

    case = _case(bot)
    with house.database.write() as db:
        (owner,) = users.every(db)
        staff_notices.add(
            db, [owner.id], community_id="mama", kind="clock_breach", object_kind="complaint", object_id=case
        )
    expect(page.locator(".toast", has_text="有新提醒")).to_be_visible(timeout=15_000)
    page.locator("#bell summary").click()
    page.locator("#notices").get_by_role("link", name=re.compile("客诉超时没回应")).click()
    page.wait_for_url(f"**/console/complaints/{case}")
    expect(page.locator("[data-notices]")).to_be_hidden()

    expect(page.locator(".said.asked mark")).to_be_visible()
    page.get_by_role("button", name="标为已回应").focus()
    page.keyboard.press("Enter")
    expect(page.locator(".page-head .state-acknowledged")).to_be_visible()
    version = bot.call("GET", f"/v1/complaints/{case}")["version"]
    bot.call("POST", f"/v1/complaints/{case}/actions", {"action": "investigate", "version": version})
    expect(page.locator("[data-notice]")).to_contain_text("有了变化", timeout=15_000)
    with page.expect_response("**/act") as answer:
        page.get_by_role("button", name="转到私聊").click()
    assert answer.value.status == 409
    expect(page.get_by_role("alert")).to_contain_text("现在是：核查中")


def test_every_page_of_complaints_is_accessible(entered: Page, bot: Bot, url: str) -> None:
    page = entered
    for name in ("妞妞妈", "团团妈", "豆豆妈"):
        bot.say("酸奶买回来就是坏的，没人管吗", name=name)
    bot.say("建议你们出个小包装的，出门带着方便", name="朵朵妈")
    case = bot.call("GET", "/v1/complaints")["complaints"][0]["id"]
    incident = bot.call("GET", "/v1/incidents")["incidents"][0]["id"]
    flaws: list[Any] = []
    singles = (f"complaints/{case}", f"incidents/{incident}")
    paths = ("complaints", "complaints?state=new", "complaints/figures", "incidents", "suggestions", *singles)
    schemes: tuple[Literal["light", "dark"], ...] = ("light", "dark")
    for path, scheme in product(paths, schemes):
        page.emulate_media(color_scheme=scheme)
        page.goto(f"{url}/console/{path}", wait_until="load")
        flaws.extend((path, scheme, flaw) for flaw in (*page.evaluate(FLAWS), *page.evaluate(FAINT)))
    page.locator("#bell summary").click()
    expect(page.locator("#notices > *")).to_be_visible()
    flaws.extend(("bell", flaw) for flaw in (*page.evaluate(FLAWS), *page.evaluate(FAINT)))
    assert not flaws
