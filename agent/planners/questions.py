"""The planner of questions: parses, calls, and words what came back. It needs no network and no model."""

from collections.abc import Sequence
from datetime import date
from typing import Any

from langchain_core.messages import ToolMessage

from agent.planners.base import Planner
from agent.steps.question_answer import Teller
from agent.steps.question_parse.interpretation import Interpretation
from agent.steps.question_plan import plan
from tools.registry import Call


class QuestionPlanner(Planner):
    """`found` is the question as it was read. A tool that the caller may not use is a refusal, not an empty list."""

    found: Interpretation
    today: date
    locale: str = "zh-CN"

    def plan(self, question: str, answered: Sequence[ToolMessage]) -> list[tuple[str, dict[str, Any]]] | str:  # noqa: ARG002
        teller = Teller(self.locale, self.today)
        found = self.found
        if found.tool == "refuse":
            return teller.refusal(found.reason or "out_of_scope", found.unread)
        if found.tool == "metric_definition":
            return teller.definitions(found)
        if found.tool in ("messages_list", "complaints_list", "advice"):
            return teller.refusal("no_data")
        planned = plan(found, self.today)
        if any(call.tool not in self.tool_names for call in planned.calls):
            return teller.refusal("forbidden_scope")
        if planned.calls and not answered:
            return [(call.tool, call.arguments) for call in planned.calls]
        calls = [message.artifact for message in answered if isinstance(message.artifact, Call)]
        return teller.answer(planned, calls)
