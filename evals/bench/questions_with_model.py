"""Managers' questions by a language model beside the planner:
`python -m evals.bench.questions_with_model --base-url URL --model NAME`.

The same questions go through the loop twice, on the same data: the planner calls the tools, then the model does. Told
are seconds, calls and tokens, how often the model's run stood, and how often both showed the same figures.
"""

import json
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import click

from agent.flows import access, questions
from agent.flows.questions import Asked
from agent.model import Model
from agent.services import Services
from core.settings import Environment
from core.vocabulary import Engine
from evals.bench.figures import spread
from evals.inside import demo_services
from store import model_calls

QUESTIONS: Final = (
    "现在一共有多少成员？",
    "每个群各有多少人",
    "上个月新进了多少人",
    "最近30天每个群新增多少人",
    "上个月退群的有几个",
    "这个月净增多少人",
    "最近90天哪个群进的人最多",
    "最近7天一共发了多少条消息",
    "最近7天每个群的消息数",
    "最近7天每天多少条消息",
    "最近7天有多少人说过话",
    "最近7天谁说话最多，前三名",
    "最近7天的互动率是多少",
    "最近30天的月活是多少",
    "流失的成员现在有多少",
    "沉睡成员每个群各多少",
    "各个渠道来的新人最近90天有多少",
    "最近7天几点最热闹",
    "最近7天有多少条风险消息",
    "妈妈群现在多少人",
)


def compare(services: Services, model: Model, number: int, question: str) -> dict[str, Any]:
    owner = access.caller_of_login(services, None)
    services.model = None
    begun = time.perf_counter()
    plain = questions.ask(services, owner, question)
    embedded = time.perf_counter() - begun
    services.model = model
    begun = time.perf_counter()
    asked = questions.ask(services, owner, question)
    seconds = time.perf_counter() - begun
    with services.database.read() as db:
        calls = model_calls.of_object(db, asked.id)
    return {
        "number": number,
        "by_model": asked.engine == Engine.LLM,
        "same_figures": _figures(plain) == _figures(asked),
        "figures": len(plain.figures),
        "calls": len(calls),
        "outcomes": sorted({call.outcome for call in calls}),
        "tokens": sum(call.prompt_tokens + call.completion_tokens for call in calls),
        "embedded_ms": round(embedded * 1000),
        "model_ms": round(seconds * 1000),
    }


def _figures(asked: Asked) -> set[tuple[str, object, str]]:
    """What counts as the same: metric, value and what it is broken down by."""
    return {(one.metric, one.value, repr(sorted(one.dimensions.items()))) for one in asked.figures}


def summary(rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "questions": len(rows),
        "by_model": sum(row["by_model"] for row in rows),
        "same_figures": sum(row["same_figures"] for row in rows),
        "same_figures_by_model": sum(row["same_figures"] and row["by_model"] for row in rows),
        "calls": sum(row["calls"] for row in rows),
        "tokens": sum(row["tokens"] for row in rows),
        "embedded": spread([row["embedded_ms"] for row in rows]),
        "model": spread([row["model_ms"] for row in rows]),
    }


@click.command()
@click.option("--base-url", required=True, help="an OpenAI-compatible endpoint")
@click.option("--model", "name", default="model", show_default=True, help="its name there")
@click.option("--time-limit", default=120.0, show_default=True, help="seconds for one call")
@click.option("--most", default=len(QUESTIONS), show_default=True, help="how many questions")
@click.option("--output", default="json_schema", help="QUNZHU_LLM_OUTPUT")
@click.option("--tool-calls", default="native", help="QUNZHU_LLM_TOOL_CALLS")
def main(base_url: str, name: str, time_limit: float, most: int, output: Any, tool_calls: Any) -> None:
    """Questions by planner and model; JSON on stdout, one line each on stderr."""
    with tempfile.TemporaryDirectory(prefix="qunzhu-bench-") as folder, demo_services(Path(folder)) as services:
        services.env = Environment(
            env="test",
            data_dir=Path(folder),
            llm_base_url=base_url,
            llm_model=name,
            llm_timeout=time_limit,
            llm_output=output,
            llm_tool_calls=tool_calls,
        )
        model = Model(services.env, services.database, services.clock)
        rows = []
        for number, question in enumerate(QUESTIONS[:most]):
            rows.append(compare(services, model, number, question))
            click.echo(json.dumps(rows[-1], ensure_ascii=False), err=True)
        model.close()
    click.echo(json.dumps(summary(rows), ensure_ascii=False))


if __name__ == "__main__":
    main()
