"""A segment before anybody is written to: how many, who for instance, who is left out and why."""

import hashlib
import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from core import segments as tree
from core.caller import Caller
from core.errors import BadInput, ForModel
from core.scopes import Scope
from core.segment_words import describe
from core.vocabulary import ExclusionReason
from store import activity, members, segments
from store.segments import View
from store.session import ReadSession
from store.vault import MemberKeys
from tools.context import ToolContext
from tools.figures import Answer
from tools.registry import Effect, Tool, register

MOST_SAMPLE = 10


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True)


class Sampled(Strict):
    """A member of the sample: nobody is told who it is."""

    member_id: str
    name: str = Field(description="masked")


class Exclusion(Strict):
    reason: ExclusionReason
    count: int


class Preview(Strict):
    """`count` are those whom the definition means, `reachable` those who would be written to (control group
    included); `exclusions` say why the others aren't."""

    id: str = Field(description="the same for the same definition")
    definition: dict[str, Any]
    described: str
    count: int
    reachable: int | None = None
    sample: list[Sampled]
    exclusions: list[Exclusion] = Field(default_factory=list)


class PreviewArguments(Strict):
    segment: dict[str, Any] = Field(description="人群定义：条件树，见 docs/campaigns.md")


def segment_id(segment: tree.Node) -> str:
    """Of the definition alone, so that the same people-to-be have the same id."""
    plain = json.dumps(tree.dump(segment), sort_keys=True, ensure_ascii=False)
    return f"seg_{hashlib.sha256(plain.encode()).hexdigest()[:16]}"


def view_of(db: ReadSession, context: ToolContext) -> View:
    return View(context.communities, context.now, context.zone, activity.limits(db))


def parse_for_model(raw: dict[str, Any]) -> tree.Node:
    """The definition. Raises `ForModel` `segment_invalid`."""
    try:
        return tree.parse(raw)
    except BadInput as error:
        raise ForModel("segment_invalid", place=error.params.get("place"), why=error.params.get("why")) from None


def look(context: ToolContext, segment: tree.Node) -> Preview:
    """Count and sample; the rules say the rest through `context.check`."""
    with context.database.read() as db:
        view = view_of(db, context)
        ids = segments.sample(db, segment, view, MOST_SAMPLE)
        keys = MemberKeys(db, context.database.keyring)
        shown = [Sampled(member_id=one, name=hidden(keys.name(members.get(db, one)))) for one in ids]
        counted = segments.count(db, segment, view)
    names = {one.id: one.name for one in context.names.communities}
    return Preview(
        id=segment_id(segment),
        definition=tree.dump(segment),
        described=describe(segment, names),
        count=counted,
        sample=shown,
    )


def hidden(name: str | None) -> str:
    """The first character of a name, and stars: 小**."""
    return "***" if not name else name[0] + "*" * max(1, min(len(name) - 1, 3))


def preview_segment(_caller: Caller, context: ToolContext, arguments: PreviewArguments) -> Answer:
    found: BaseModel = look(context, parse_for_model(arguments.segment))
    if context.check is not None:
        found = context.check(found)
    return Answer(said=found.model_dump(mode="json", by_alias=True))


PREVIEW = register(
    Tool(
        name="preview_segment",
        scope=Scope.CAMPAIGNS_READ,
        effect=Effect.READ,
        description="看一个人群有多少人、谁会被排除、为什么。不发送任何东西。",
        arguments=PreviewArguments,
        run=preview_segment,
    )
)
