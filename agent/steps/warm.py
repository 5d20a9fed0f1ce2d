"""Reads lexicons and patterns before the first message comes: built lazily they would be built by every thread at once,
a quarter of a second each."""

from agent.steps.boundaries import boundary
from agent.steps.risk import ScreenInput, screen
from agent.steps.triage import classify, questions


def warm() -> None:
    """Run every embedded step once."""
    text = "请问客服电话是多少？"
    screen(ScreenInput(text=text))
    classify(text)
    questions(text)
    boundary(text)
