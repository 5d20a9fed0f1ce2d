"""What the knowledge base must not answer, however near it comes: questions that need the asker's own data, and
requests that only a person may decide."""

import re
from functools import cache
from importlib.resources import files
from typing import Any

from core.text import normalize
from core.vocabulary import AbstainedReason
from core.yaml_text import load_yaml

_FILE = "boundaries.yaml"


@cache
def _rules() -> tuple[tuple[AbstainedReason, re.Pattern[str], re.Pattern[str] | None], ...]:
    loaded: list[dict[str, Any]] = load_yaml(files("agent.lexicons").joinpath(_FILE).read_text("utf-8"))
    return tuple(
        (
            AbstainedReason(rule["reason"]),
            re.compile(rule["pattern"]),
            re.compile(rule["unless"]) if rule.get("unless") else None,
        )
        for rule in loaded
    )


def boundary(question: str) -> AbstainedReason | None:
    """`needs_member_data`, `policy`, `no_answer_in_kb` (what no community's knowledge is for), or None where the
    knowledge may answer."""
    text = normalize(question).text
    for reason, pattern, unless in _rules():
        if pattern.search(text) and not (unless and unless.search(text)):
            return reason
    return None
