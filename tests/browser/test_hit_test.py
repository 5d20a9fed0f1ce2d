"""Hit-testing in the browser: the verdict with its bars, and a wording that becomes a phrasing; wide and narrow."""

import pytest
from playwright.sync_api import Page, expect

from agent.flows import access, knowledge
from agent.services import Services
from core.vocabulary import EntryKind
from knowledge.entry_in import EntryIn
from tests.browser.conftest import Bot
from tests.browser.test_accessible import FAINT, FLAWS
from tests.browser.test_knowledge import _fits, _go, _shot

pytestmark = pytest.mark.usefixtures("url")
MORE = (
    ("faq-shipping", "下单后多久发货", ["什么时候发货", "几天能寄出来"], "付款后48小时内发货，节假日顺延一天。"),
    ("faq-points", "积分在哪里查", ["我的积分怎么看"], "打开小程序“我的”页面，点“积分明细”就能看到。"),
    ("faq-fee", "退货运费谁出", ["退货要自己出邮费吗"], "质量问题由我们承担运费，其他原因由买家承担。"),
    ("faq-exchange", "怎么换货", ["买错尺码能换吗"], "七天内在订单里点「申请换货」，寄回后给您换。"),
)


@pytest.fixture
def stocked(house: Services) -> Services:
    owner = access.caller_of_login(house, None)
    for key, title, phrasings, answer in MORE:
        entry = EntryIn(id=key, kind=EntryKind.FAQ, title=title, phrasings=phrasings, answer=answer)
        knowledge.save(house, owner, entry, version=None)
    house.knowledge.refresh()
    return house


def _try(page: Page, text: str) -> None:
    page.get_by_role("textbox", name="问题").fill(text)
    page.get_by_role("button", name="测一下").click()


@pytest.mark.usefixtures("stocked")
def test_verdict_and_views_are_shown(entered: Page) -> None:
    page = entered
    _go(page, "/console/knowledge")
    page.get_by_role("link", name="命中测试").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("命中测试")
    _shot(page, "hit-empty")
    _fits(page)
    _try(page, "请问买错了怎么退款呀？")
    expect(page.locator(".hit-verdict .badge")).to_have_text("能回答")
    expect(page.locator(".hits tbody tr")).to_have_count(5)
    expect(page.locator(".hits tbody tr").first).to_contain_text("faq-refund")
    page.locator("summary", has_text="判定的依据").click()
    expect(page.locator(".hit-evidence tr")).to_have_count(12)
    _shot(page, "hit-answers")
    _fits(page)
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        assert [*page.evaluate(FLAWS), *page.evaluate(FAINT)] == []
    _shot(page, "hit-dark")


@pytest.mark.usefixtures("stocked")
def test_what_is_not_answered_says_why_and_splits(entered: Page) -> None:
    page = entered
    _go(page, "/console/knowledge/test")
    _try(page, "退款几天能到账？另外你们门店停车收费吗？")
    expect(page.locator(".hit-reasons li").first).to_be_visible()
    expect(page.locator(".hit-questions button")).to_have_count(2)
    _shot(page, "hit-related")
    _fits(page)
    page.locator(".hit-questions button").nth(1).click()
    expect(page.get_by_role("textbox", name="问题")).to_have_value("你们门店停车收费吗？")
    _try(page, "帮我查一下我的订单到哪了")
    expect(page.locator(".hit-boundary")).to_contain_text("要查成员自己的资料")


@pytest.mark.usefixtures("stocked")
def test_question_becomes_a_phrasing_once_accepted(entered: Page, bot: Bot) -> None:
    page = entered
    _go(page, "/console/knowledge/test")
    _try(page, "拍错东西了，钱还能回来不？")
    page.get_by_role("button", name="作为这条的问法: 怎么退款").click()
    expect(page.get_by_text("已提为候选")).to_be_visible()
    wording = "拍错东西了，钱还能回来不？"
    assert wording not in bot.call("GET", "/v1/knowledge/entries/faq-refund")["phrasings"]
    page.get_by_role("button", name="加为问法").click()
    expect(page.get_by_text("知识库已更新")).to_be_visible()
    assert wording in bot.call("GET", "/v1/knowledge/entries/faq-refund")["phrasings"]
