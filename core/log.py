"""Structured logs: one line an event, with the correlation id of the request or job, personal data masked."""

import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog
from ulid import ULID

from core.masking import mask_values

_CORRELATION = "correlation_id"


def _mask(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {key: mask_values(value) for key, value in event.items()}


def configure(level: str = "info", format: str = "json") -> None:
    """Send structlog and the standard library's loggers (uvicorn, alembic, chromadb) through the same processors."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _mask,
    ]
    last = (
        structlog.dev.ConsoleRenderer(colors=False)
        if format == "text"
        else structlog.processors.JSONRenderer(ensure_ascii=False)
    )
    handler = logging.StreamHandler(sys.stderr)
    # Some libraries (bm25s) set their own loggers to DEBUG.
    handler.setLevel(level.upper())
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, last],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for noisy in ("chromadb", "httpx", "httpx2", "httpcore2", "httpcore", "alembic", "asyncio", "bm25s", "openai"):
        logging.getLogger(noisy).setLevel("WARNING")
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelName(level.upper())),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def get(name: str) -> Any:
    """The logger of a module. Events are short words; what they are about goes into keyword arguments."""
    return structlog.get_logger(name)


def bind_correlation(correlation_id: str | None = None) -> str:
    """Set (or make) the id that ties a request, its job and its delivery together; returns it."""
    chosen = correlation_id or str(ULID())
    structlog.contextvars.bind_contextvars(**{_CORRELATION: chosen})
    return chosen


def correlation() -> str | None:
    """The id bound in this context."""
    return structlog.contextvars.get_contextvars().get(_CORRELATION)


def clear() -> None:
    structlog.contextvars.clear_contextvars()
