"""Trying the screening without an effect: everything behind the verdict on a text, and what other rules would have
made of the last days."""

import time
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Final, Literal

from agent.flows import risk_rules
from agent.flows.risk_rules import Rules
from agent.services import Services
from agent.steps.community_rules import CommunityRules, added_hits, allowed_spans
from agent.steps.risk import AttachmentInfo, Explained, RiskVerdict, ScreenInput, Setup, explain
from core.caller import Caller
from core.scopes import Scope
from core.text import normalize
from core.vocabulary import MessageType, RiskLabel, RiskLevel, SenderRole
from knowledge.embeddings import EmbeddingError
from store import communities, messages
from store.messages import Spoken
from store.session import ReadSession
from store.settings import DEPLOYMENT

MOST: Final = 5_000
MOST_EXAMPLES: Final = 50
SECONDS: Final = 20.0


@dataclass(frozen=True, slots=True)
class Tried:
    """`with_encoder`: the sentence's vector could be had; without it the classifiers judge by characters alone."""

    seen: Explained
    setup: Setup
    with_encoder: bool


def try_out(
    services: Services, caller: Caller, text: str, community_id: str | None, role: SenderRole = SenderRole.MEMBER
) -> Tried:
    """Screen a text as a message in a community (None: anywhere) would be. Stores nothing.

    Raises `NotFound` `community_not_found`, `Forbidden`.
    """
    with services.database.read() as db:
        risk_rules.may_see(db, caller, community_id)
        rules = risk_rules.rules_of(db, community_id)
    setup = risk_rules.setup(services, rules)
    message = ScreenInput(text=text, sender_role=role)
    try:
        return Tried(explain(message, services.knowledge.embedder, setup), setup, True)
    except EmbeddingError:
        return Tried(explain(message, None, setup), setup, False)


@dataclass(frozen=True, slots=True)
class Change:
    """A message on which the rules differ, its text masked as stored."""

    message_id: str
    community_id: str
    text: str
    before: RiskVerdict
    after: RiskVerdict


@dataclass(slots=True)
class DryRun:
    """`screened` of `total` messages: fewer where there are more than `MOST`, or where time ran out. `before` and
    `after` count the messages of each label."""

    days: int
    total: int
    screened: int = 0
    changed: int = 0
    before: Counter[RiskLabel] = field(default_factory=Counter)
    after: Counter[RiskLabel] = field(default_factory=Counter)
    examples: list[Change] = field(default_factory=list)

    @property
    def ended(self) -> Literal["most", "time"] | None:
        """Why fewer than `total` were screened."""
        if self.screened >= self.total:
            return None
        return "most" if self.screened >= MOST else "time"


def dry_run(services: Services, caller: Caller, community_id: str | None, rules: Rules, days: int) -> DryRun:
    """What members said in the groups of a community within `days`, newest first, by these rules of its own against
    those that hold: by text alone, since behaviour has no rules of a community.

    Raises `NotFound` `community_not_found`, `Forbidden`, `BadInput` `risk_rules_self_harm`.
    """
    risk_rules.check(rules)
    with services.database.read() as db:
        risk_rules.may_see(db, caller, community_id)
        pairs = _pairs(db, caller, community_id, rules)
        since = services.clock.now() - timedelta(days=days)
        total = messages.count_spoken(db, pairs, since)
        said = messages.spoken(db, pairs, since, MOST)
    report = DryRun(days, total)
    # Real seconds, since this is about the caller's patience.
    end = time.monotonic() + SECONDS
    for one in said:
        if time.monotonic() > end:
            break
        services.pace()
        _count(report, one, *pairs[one.community_id].judge(services, one))
    return report


@dataclass(frozen=True, slots=True)
class _Pair:
    """The rules of one community as they are and as they would be. `words` and `phrases` are those that only one of
    both has: a text without any of them is judged once, unless labels or thresholds differ."""

    old: CommunityRules
    new: CommunityRules

    def judge(self, services: Services, said: Spoken) -> tuple[RiskVerdict, RiskVerdict]:
        message = _as_input(said)
        before = risk_rules.judge(services, message, self.old)
        if not self._differs_on(message):
            return before, before
        return before, risk_rules.judge(services, message, self.new)

    def _differs_on(self, message: ScreenInput) -> bool:
        if self.old.off != self.new.off or self.old.thresholds != self.new.thresholds:
            return True
        only = CommunityRules(
            words=tuple(set(self.old.words) ^ set(self.new.words)),
            allowed=tuple(set(self.old.allowed) ^ set(self.new.allowed)),
        )
        parts = (normalize(part) for part in (message.text, *(one.name for one in message.attachments)))
        return any(added_hits(only, part) or allowed_spans(only, part) for part in parts)


def _as_input(said: Spoken) -> ScreenInput:
    files = (AttachmentInfo(kind=str(one.get("kind", "")), name=str(one.get("name") or "")) for one in said.attachments)
    return ScreenInput(
        text=said.text,
        type=MessageType(said.type),
        sender_role=SenderRole(said.sender_role),
        attachments=tuple(files),
    )


def _pairs(db: ReadSession, caller: Caller, community_id: str | None, rules: Rules) -> dict[str, _Pair]:
    """The rules of every community that these would hold in, by its id."""
    seen = caller.communities(Scope.RISKS_READ)
    within = communities.with_children(db, [community_id]) if community_id is not None else None
    found = {}
    for row in communities.every(db, seen if within is None else within if seen is None else within & seen):
        said = risk_rules.levels(db, row.id)
        new = said | {community_id or DEPLOYMENT: rules}
        found[row.id] = _Pair(_rules(said.values()), _rules(new.values()))
    return found


def _rules(said: Iterable[Rules]) -> CommunityRules:
    return risk_rules.as_setup(risk_rules.merged(said))


def _count(report: DryRun, said: Spoken, before: RiskVerdict, after: RiskVerdict) -> None:
    report.screened += 1
    report.before.update(hit.label for hit in before.labels)
    report.after.update(hit.label for hit in after.labels)
    if _named(before) == _named(after):
        return
    report.changed += 1
    if len(report.examples) < MOST_EXAMPLES:
        report.examples.append(Change(said.id, said.community_id, said.text, before, after))


def _named(verdict: RiskVerdict) -> tuple[RiskLevel, frozenset[RiskLabel]]:
    return verdict.level, frozenset(hit.label for hit in verdict.labels)
