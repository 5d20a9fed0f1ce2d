"""The scripted models that ship with the house."""

import pytest
from langchain_core.messages import AIMessage, HumanMessage
from pydantic import BaseModel

from agent.scripted import ScriptedChat, ScriptedModel
from agent.steps.asking import ModelUnavailable
from core.errors import Bug

VALUES: dict[str, object] = {"text": "那多久能到", "conversation": ["成员：四件套有货吗"]}


class Rewritten(BaseModel):
    question: str


def test_answers_come_in_their_order_and_then_none() -> None:
    model = ScriptedModel({"reply/rewrite": [{"question": "一"}, Rewritten(question="二")]})
    said = [model.ask("reply/rewrite", VALUES, Rewritten, object_id="msg_1").question for _ in range(2)]
    assert said == ["一", "二"]
    with pytest.raises(ModelUnavailable, match="empty"):
        model.ask("reply/rewrite", VALUES, Rewritten, object_id="msg_1")
    assert [call.object_id for call in model.calls] == ["msg_1"] * 3
    assert "那多久能到" in model.calls[0].text


def test_a_function_answers_by_the_values() -> None:
    model = ScriptedModel({"reply/rewrite": lambda values: {"question": f"{values['text']}？"}})
    assert model.ask("reply/rewrite", VALUES, Rewritten, object_id=None).question == "那多久能到？"


def test_wrong_variables_fail_as_they_would_with_an_endpoint() -> None:
    with pytest.raises(Bug, match="prompt_variables"):
        ScriptedModel({}).ask("reply/rewrite", {"text": "x"}, Rewritten, object_id=None)


def look_up(text: str) -> str:
    """Look a text up."""
    return text


def test_a_chat_plays_its_messages_and_notes_what_it_was_offered() -> None:
    chat = ScriptedChat(replies=[AIMessage("一"), ModelUnavailable("timeout")])
    bound = chat.bind_tools([look_up])
    assert bound.invoke([HumanMessage("问")]).content == "一"
    with pytest.raises(ModelUnavailable, match="timeout"):
        bound.invoke([HumanMessage("再问")])
    assert chat.offered == ["look_up"]
    assert [turn[-1].content for turn in chat.asked] == ["问", "再问"]
