"""Our instructions in a model's text."""

from agent.steps.composing import PROMPT
from agent.steps.echo import gives_away

RULE = "数字、日期、金额、链接、电话照抄资料，不换算、不添加"


def test_an_instruction_is_given_away_however_it_is_spaced() -> None:
    assert gives_away(f"七天内可以退。{RULE}。", PROMPT)
    assert gives_away(" ".join(RULE), PROMPT)


def test_a_plain_answer_gives_nothing_away() -> None:
    assert not gives_away("七天内在「我的订单」里点退款，审核通过后三个工作日原路退回。", PROMPT)
    assert not gives_away("", PROMPT)


def test_what_a_source_says_itself_may_be_said() -> None:
    assert not gives_away(f"填表时{RULE}。", PROMPT, [f"填表时{RULE}。"])
