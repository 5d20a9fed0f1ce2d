"""The stand-in for an endpoint, as the command line starts it."""

import json
import subprocess
import sys
from collections.abc import Iterator

import httpx2
import pytest


@pytest.fixture
def url() -> Iterator[str]:
    command = [sys.executable, "-m", "evals.stub_model", "--mode", "ok", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())["url"]
        process.terminate()


def test_it_is_switched_while_it_runs(url: str) -> None:
    root = url.removesuffix("/v1")
    with httpx2.Client(trust_env=False) as client:
        chat = {"messages": [{"role": "user", "content": "<资料1>\n付款后48小时内发货。\n</资料1>"}]}
        answer = client.post(f"{url}/chat/completions", json=chat).json()
        assert json.loads(answer["choices"][0]["message"]["content"])["used"] == [1]
        client.post(f"{root}/mode", json={"mode": "503"})
        refused = client.post(f"{url}/chat/completions", json=chat)
        assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
        assert client.get(f"{root}/mode").json() == {"mode": "503", "requests": 2}
        assert client.get(f"{url}/models").json()["data"][0]["id"] == "stub"
