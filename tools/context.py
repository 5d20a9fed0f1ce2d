"""What a tool knows without being told by a model: who asks, when, over which rows, and which names stand there."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from pydantic import BaseModel

from core.caller import Caller
from core.catalogue import DEFAULT_LOCALE
from knowledge.base import KnowledgeBase
from store.session import Database


class KnownCommunity(NamedTuple):
    """A community that the caller may see; `parent_id` makes the tree."""

    id: str
    name: str
    channel: str
    parent_id: str | None = None


@dataclass(frozen=True, slots=True)
class Names:
    """Names that stand in the database, for matching what people write. `hidden` are names of communities that exist
    but aren't the caller's: known only so that asking for one is a refusal and not an empty answer; never shown."""

    communities: tuple[KnownCommunity, ...] = ()
    channels: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    campaigns: tuple[str, ...] = ()
    moderators: tuple[str, ...] = ()
    hidden: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ToolContext:
    """Made by a flow for one run of the loop. A model's arguments never reach it.

    `communities` are the ids that this run may look at: the caller's, or those of them that the request named.
    `check` is what a flow hands in for `propose` tools: it takes a proposal and gives it back with its refusals.
    `lineage` is the community that a campaign is for and those above it, whose scripts in `knowledge` it may use.
    """

    caller: Caller
    database: Database
    now: datetime
    zone: ZoneInfo
    communities: frozenset[str]
    names: Names = field(default_factory=Names)
    check: Callable[[BaseModel], BaseModel] | None = None
    locale: str = DEFAULT_LOCALE
    knowledge: KnowledgeBase | None = None
    lineage: tuple[str, ...] = ()

    @property
    def today(self) -> date:
        """The day in the reporting zone."""
        return self.now.astimezone(self.zone).date()
