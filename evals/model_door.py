"""The language model that the environment names, behind the service's own door; its calls are booked in a throw-away
database, so that a measurement spends nothing of a deployment's budget and opens no breaker of its."""

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from pydantic import ValidationError

from agent.model import Model
from agent.steps.asking import Asking
from core.clock import SystemClock
from core.crypto import Keyring
from core.settings import Environment
from store import migrate, model_calls
from store.session import Database


class NoModel(Exception):
    """The environment names no model; says what is missing."""


class Door(NamedTuple):
    """`tokens` tells what the calls booked on an object cost together; `time_limit` is one call's, in seconds."""

    model: Asking
    name: str
    time_limit: float
    tokens: Callable[[str], int]


def environment() -> Environment:
    """The variables that the service reads. Raises `NoModel`."""
    try:
        # As `llm`, settings that are not whole would be refused before they could be named here.
        env = Environment(env="test", engine="embedded")
    except ValidationError as error:
        flaws = [f"QUNZHU_{'_'.join(map(str, one['loc'])).upper()}: {one['msg']}" for one in error.errors()]
        raise NoModel("; ".join(flaws)) from None
    wanted = {"QUNZHU_LLM_BASE_URL": env.llm_base_url, "QUNZHU_LLM_MODEL": env.llm_model}
    missing = [name for name, value in wanted.items() if not value]
    if missing:
        raise NoModel(f"{' and '.join(missing)} must be set")
    return env


@contextmanager
def opened(env: Environment) -> Iterator[Door]:
    """The door for as long as it is needed."""
    clock = SystemClock()
    with tempfile.TemporaryDirectory(prefix="qunzhu-evals-") as folder:
        url = f"sqlite:///{Path(folder) / 'calls.db'}"
        database = Database(url, clock, Keyring(secrets.token_bytes(32)))
        migrate.upgrade(database)
        model = Model(env, database, clock)
        try:
            yield Door(model, env.llm_model, env.llm_timeout, lambda object_id: _tokens(database, object_id))
        finally:
            model.close()
            database.close()


def _tokens(database: Database, object_id: str) -> int:
    with database.read() as db:
        calls = model_calls.of_object(db, object_id)
    return sum(call.prompt_tokens + call.completion_tokens for call in calls)
