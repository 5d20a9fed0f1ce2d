"""LangChain sends every prompt and answer to a tracing service where the environment happens to name one."""

import langsmith


def turn_off() -> None:
    """No tracing in this process, whatever `LANGSMITH_TRACING` says. Call it before anything of LangChain runs."""
    langsmith.configure(enabled=False)
