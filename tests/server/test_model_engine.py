"""The llm engine as the process puts it together: made late, shown in the figures, looked at by the doctor."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.services import Services
from agent.steps.rewriting import Rewritten
from core.clock import ManualClock
from core.settings import Environment
from evals.stub_model import StubModel
from server import metrics, runtime
from server.cli import checks


@pytest.fixture
def stub() -> Iterator[StubModel]:
    with StubModel() as made:
        yield made


def _env(stub: StubModel, **values: object) -> Environment:
    return Environment.model_validate(
        {"env": "test", "llm_base_url": stub.url, "llm_model": "stub", "data_dir": Path("/nowhere")} | values
    )


def test_the_embedded_engine_never_imports_the_models_library() -> None:
    code = "import sys, server.runtime; sys.exit('langchain_openai' in sys.modules or 'agent.model' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_a_model_is_made_where_an_address_is_set(services: Services, stub: StubModel) -> None:
    made = runtime._model(_env(stub), services.database, services.clock)
    assert made is not None
    assert runtime._model(_env(stub, engine="embedded"), services.database, services.clock) is None
    made.close()


def test_calls_and_the_breaker_are_figures_of_all_processes(
    services: Services, stub: StubModel, clock: ManualClock
) -> None:
    model = runtime._model(_env(stub), services.database, clock)
    assert model is not None
    values: dict[str, object] = {"text": "那多久能到", "conversation": []}
    model.ask("reply/rewrite", values, Rewritten, object_id="msg_1")
    stub.mode = "wrong_tool"
    for _ in range(5):
        with pytest.raises(Exception, match="wrong_tool"):
            model.ask("reply/rewrite", values, Rewritten, object_id="msg_1")
    text = metrics.render(services).decode()
    assert 'qunzhu_model_calls_today{outcome="ok",purpose="reply/rewrite"} 1.0' in text
    assert 'qunzhu_model_tokens_today{kind="completion",purpose="reply/rewrite"} 120.0' in text
    assert f'qunzhu_model_breaker_open{{endpoint="{model.name}"}} 1.0' in text
    clock.advance(hours=24)
    assert "qunzhu_model_calls_today{" not in metrics.render(services).decode()
    model.close()


def test_the_doctor_names_the_engine_and_tries_the_endpoint(stub: StubModel) -> None:
    assert checks._model(Environment(env="test")).text.startswith("内置引擎")
    assert checks._model(_env(stub)).result == "ok"
    assert checks._model(_env(stub, llm_model="another")).result == "warn"
    stub.stop()
    assert checks._model(_env(stub)).result == "fail"
