"""Prompt files: Jinja texts with a head that declares their variables.

    ---
    description: what it is for
    variables: [first, second]
    ---
    {{ first }} …

Rendering with a variable missing or too many is a bug and raises, so that a prompt and its caller can't drift apart.
"""

from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import yaml
from jinja2 import StrictUndefined
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict

from core.errors import Bug

_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
_FENCE = "---\n"


class Head(BaseModel):
    """What a prompt file declares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    variables: frozenset[str]


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    head: Head
    body: str

    def render(self, **values: object) -> str:
        """The text. Raises `Bug` `prompt_variables` unless `values` are exactly the declared variables."""
        if values.keys() != self.head.variables:
            raise Bug("prompt_variables", prompt=self.name, differ=sorted(values.keys() ^ self.head.variables))
        return _ENVIRONMENT.from_string(self.body).render(values).strip()


@cache
def load(name: str) -> Prompt:
    """The prompt `folder/name` of this package. Raises `Bug` `prompt_missing` or `prompt_broken`."""
    try:
        source = files("prompts").joinpath(f"{name}.md").read_text("utf-8")
    except FileNotFoundError:
        raise Bug("prompt_missing", prompt=name) from None
    begin, head, body = (source + _FENCE).split(_FENCE, 2) if source.startswith(_FENCE) else ("?", "", "")
    if begin:
        raise Bug("prompt_broken", prompt=name)
    return Prompt(name, Head.model_validate(yaml.safe_load(head)), body.removesuffix(_FENCE))


def render(name: str, **values: object) -> str:
    """Load and render in one step."""
    return load(name).render(**values)
