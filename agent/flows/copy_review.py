"""The check of our own text where it is about to go out: what a draft's facts may come from, what stops its approval,
and the same check for a text that somebody is still writing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from agent.flows import entry_care
from agent.services import Services
from agent.steps import case_reply, copy_check
from core import tunables
from core.caller import Caller
from core.copy_hits import CopyHit
from core.errors import BadInput, NotFound
from core.masking import mask
from core.scopes import Scope
from store import case_events, cases, communities, knowledge, settings, surveys
from store.drafts import DraftRow
from store.session import ReadSession

MOST_TEXT: Final = 4_000
MOST_SOURCES: Final = 20


@dataclass(frozen=True, slots=True)
class Override:
    """Whether who decides lets a failed check pass, and why."""

    wanted: bool = False
    reason: str | None = None


NO_OVERRIDE: Final = Override()


@dataclass(frozen=True, slots=True)
class Passed:
    """What the check found in a text that may go out: `overridden` would have stopped it, `warnings` would not."""

    overridden: tuple[CopyHit, ...] = ()
    warnings: tuple[CopyHit, ...] = ()

    @property
    def hits(self) -> tuple[CopyHit, ...]:
        return tuple(sorted((*self.overridden, *self.warnings), key=lambda hit: hit.span))


def sources_of(db: ReadSession, draft: DraftRow) -> list[str]:
    """The texts that the facts of a draft may come from: what it cites, and the values of slots."""
    found: list[str] = []
    for cited in draft.citations:
        row = knowledge.version(db, cited["entry_id"], cited["version"])
        found += [cited["quote"]] if row is None else [str(row.content["answer"]), str(row.content["title"])]
    return [*found, *_values(db, draft.community_id), *_survey_link(db, draft.id), *_of_case(db, draft.case_id)]


def _of_case(db: ReadSession, case_id: str | None) -> list[str]:
    """What a complaint's message may speak of: the result that a person wrote down, what was offered."""
    case = cases.get(db, case_id) if case_id is not None else None
    if case is None:
        return []
    offers = [case_reply.offered(one.kind, one.cents, one.points) for one in case_events.compensations(db, case.id)]
    return [*offers, *([case.result] if case.result else [])]


def _survey_link(db: ReadSession, draft_id: str) -> list[str]:
    """The link of ours that a draft sends, by which the member says whether they are satisfied."""
    link = surveys.link_of_draft(db, draft_id)
    base = settings.value(db, tunables.SURVEY_ADDRESS) if link is not None else ""
    return [f"{base.rstrip('/')}/s/{link.token}"] if link is not None and base else []


def _values(db: ReadSession, community_id: str) -> list[str]:
    row = communities.get(db, community_id)
    name = [row.name] if row is not None else []
    return [*settings.variables(db, communities.lineage(db, community_id)).values(), *name]


def require_fit(
    db: ReadSession, caller: Caller, draft: DraftRow, text: str, *, typed: bool, override: Override
) -> Passed:
    """What the check says of the words that a decision would send. `typed`: the decider wrote them, and stands behind
    their facts.

    Raises `BadInput` (`copy_blocked` with labels and spans, `reason_missing`), `Forbidden`.
    """
    hits = copy_check.check(text, sources_of(db, draft))
    stops = copy_check.blocking(hits, typed=typed)
    warnings = tuple(hit for hit in hits if hit not in stops)
    if not stops:
        return Passed(warnings=warnings)
    require_override(caller, draft.community_id, text, stops, override)
    return Passed(tuple(stops), warnings)


def require_override(
    caller: Caller, community_id: str | None, text: str, stops: Sequence[CopyHit], override: Override
) -> None:
    """Raises `BadInput` (`copy_blocked`, `reason_missing`), `Forbidden` unless these finds may be let pass."""
    labels = sorted({hit.label.value for hit in stops})
    if not override.wanted:
        extra = {"labels": labels, "copy": marked(text, stops)}
        raise BadInput("copy_blocked", extra=extra, labels="、".join(labels))
    caller.require(Scope.COPY_OVERRIDE, community_id)
    if not (override.reason or "").strip():
        raise BadInput("reason_missing", extra={"field": "reason"})


def marked(text: str, hits: Sequence[CopyHit]) -> list[dict[str, Any]]:
    """Finds as people are told of them, each with its words; what is personal in them masked."""
    masked = mask(text).text
    return [hit.model_dump(mode="json") | {"text": masked[slice(*hit.span)]} for hit in hits]


@dataclass(frozen=True, slots=True)
class Wanted:
    """A text to check; its facts may come from `sources`, from entries, and from the slots of a community."""

    text: str
    sources: tuple[str, ...] = ()
    entry_ids: tuple[str, ...] = ()
    community_id: str | None = None


def check(services: Services, caller: Caller, wanted: Wanted) -> list[CopyHit]:
    """What is wrong with a text that somebody writes; nothing is stored.

    Raises `Forbidden`, `NotFound` (`community_not_found`, `entry_not_found`).
    """
    caller.require(Scope.COPY_CHECK, wanted.community_id)
    sources = list(wanted.sources)
    with services.database.read() as db:
        if wanted.community_id is not None:
            if communities.get(db, wanted.community_id) is None:
                raise NotFound("community_not_found", extra={"community_id": wanted.community_id})
            sources += _values(db, wanted.community_id)
        for entry_id in dict.fromkeys(wanted.entry_ids):
            entry = entry_care.found(db, caller, entry_id)
            sources += [entry.answer, entry.title]
    return copy_check.check(wanted.text, sources)
