"""Prompt files: Jinja texts with a head that declares their variables.

    ---
    description: what it is for
    variables: [first, second]
    model: {max_tokens: 100, temperature: 0}
    ---
    instruction
    =====
    {{ first | fenced("资料") }} …

`model` stands in prompts for a language model only. Where a line `=====` stands, what is above it is our instruction
(the system's message) and what is below it the user's. Whatever members or entries wrote goes through `fenced`.

Rendering with a variable missing or too many is a bug and raises, so that a prompt and its caller can't drift apart.
"""

import re
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, NamedTuple

import yaml
from jinja2 import StrictUndefined, Template
from jinja2.sandbox import SandboxedEnvironment
from pydantic import BaseModel, ConfigDict, Field

from core.errors import Bug

_FENCE: Final = "---\n"
_PARTS: Final = "\n=====\n"
_TURNS: Final = re.compile(r"\[(/?(?:INST|SYS|TOOL_CALLS|AVAILABLE_TOOLS))\]", re.IGNORECASE)
_BRACKETS: Final = str.maketrans({"<": "〈", ">": "〉", "＜": "〈", "＞": "〉", "﹤": "〈", "﹥": "〉"})


class ModelOptions(BaseModel):
    """How a prompt wants to be answered. `max_tokens` limits the answer, not the prompt."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: int = Field(300, ge=1, le=4096)
    temperature: float = Field(0.0, ge=0, le=2)


class Head(BaseModel):
    """What a prompt file declares."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    description: str
    variables: frozenset[str]
    model: ModelOptions | None = None


class Rendered(NamedTuple):
    """What a model is sent: `system` is empty where the file has no separate instruction."""

    system: str
    user: str


def plain(text: object) -> str:
    """Material without the characters that fences and chat templates are made of.

    `<|im_end|>` or a closing fence inside a member's message must not end anything: servers read the marks of turns
    wherever they stand.
    """
    return _TURNS.sub(r"［\1］", str(text).translate(_BRACKETS))


def fenced(text: object, name: str) -> str:
    """Material between an opening and a closing mark that it can't contain."""
    return f"<{name}>\n{plain(text)}\n</{name}>"


def environment() -> SandboxedEnvironment:
    """The templates' environment, with our filters."""
    made = SandboxedEnvironment(undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False)
    made.filters.update(plain=plain, fenced=fenced)
    return made


_ENVIRONMENT = environment()


@cache
def _template(part: str) -> Template:
    # Parts of our own files only, so there are few; compiling one takes milliseconds.
    return _ENVIRONMENT.from_string(part)


@dataclass(frozen=True, slots=True)
class Prompt:
    name: str
    head: Head
    body: str

    @property
    def options(self) -> ModelOptions:
        """The declared options, else the defaults."""
        return self.head.model or ModelOptions()

    def render(self, **values: object) -> str:
        """The text. Raises `Bug` `prompt_variables` unless `values` are exactly the declared variables."""
        return "\n\n".join(part for part in self.parts(**values) if part)

    def parts(self, **values: object) -> Rendered:
        """Instruction and material apart; a line `=====` inside a value divides nothing. Raises as `render`."""
        if values.keys() != self.head.variables:
            raise Bug("prompt_variables", prompt=self.name, differ=sorted(values.keys() ^ self.head.variables))
        system, divided, user = self.body.partition(_PARTS)
        if not divided:
            system, user = "", self.body
        return Rendered(*(_template(part).render(values).strip() for part in (system, user)))


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


def render(name: str, /, **values: object) -> str:
    """Load and render in one step."""
    return load(name).render(**values)
