"""Texts of our own to measure with: the demo's everyday messages and the gate's questions."""

import json
from importlib.resources import files
from typing import Any, Final

from core.vocabulary import MessageKind
from core.yaml_text import load_yaml

WANTING: Final = (MessageKind.QUESTION, MessageKind.COMPLAINT)
"""What a reply is drafted for."""


def by_kind() -> dict[str, list[str]]:
    """The demo's everyday messages, by what they are."""
    found: dict[str, list[str]] = _people()["messages"]
    return found


def everyday() -> list[str]:
    """All of the demo's everyday messages."""
    return [text for texts in by_kind().values() for text in texts]


def gate_questions() -> list[str]:
    """The questions that the gate was fitted on."""
    lines = files("evals.fit").joinpath("gate.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line)["text"] for line in lines if line]


def cases(name: str) -> list[dict[str, Any]]:
    """The labelled rows of one of our own case files."""
    lines = files("evals.cases").joinpath(f"{name}.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line]


def _people() -> Any:
    return load_yaml(files("knowledge.demo").joinpath("people.yaml").read_text("utf-8"))
