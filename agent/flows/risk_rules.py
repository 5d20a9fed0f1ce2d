"""What a community changes in its screening (社群自定规则): read down the tree, changed by people, applied to what
comes in. Danger to life is always looked for, and never later than by default: no rule says otherwise."""

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field

from agent.services import Services
from agent.steps import risk_classifier
from agent.steps.community_rules import AddedWord, CommunityRules
from agent.steps.risk import RiskVerdict, ScreenInput, Setup, screen, screen_with
from agent.steps.risk_classifier import Classifier, ClassifierError
from agent.steps.risk_policy import SELF_HARM_THRESHOLD, RiskThresholds
from core import log, tunables
from core.caller import Caller
from core.errors import BadInput, Conflict, NotFound
from core.scopes import Scope
from core.tunables import Tunable
from core.vocabulary import RiskLabel
from knowledge.embeddings import EmbeddingError
from store import communities, settings
from store.audit import Deed
from store.session import ReadSession, WriteSession
from store.settings import DEPLOYMENT, SettingRow

_log = log.get(__name__)
OWN_FILE: Final = "risk.npz"
_KEYS: Final[dict[str, Tunable[Any]]] = {
    "words": tunables.RISK_WORDS,
    "allowed": tunables.RISK_ALLOWED,
    "off": tunables.RISK_OFF,
    "thresholds": tunables.RISK_THRESHOLDS,
}
Phrase = Annotated[str, Field(min_length=1, max_length=40)]
Share = Annotated[float, Field(ge=0.05, le=1)]


class Rules(BaseModel):
    """What one place says by itself. `words` and `allowed` add to those of the places above; `off` (None: as above)
    and each of the `thresholds` stand in their stead."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[AddedWord, ...] = Field(default=(), max_length=500)
    allowed: tuple[Phrase, ...] = Field(default=(), max_length=500)
    off: tuple[RiskLabel, ...] | None = None
    thresholds: dict[RiskLabel, Share] = {}


class Place(BaseModel):
    """The rules of a place: its `own` (in `version`, 0 where nothing was ever set), those `inherited` from above, and
    what holds together."""

    community_id: str | None
    version: int
    own: Rules
    inherited: Rules
    effective: Rules


def rules_of(db: ReadSession, community_id: str | None) -> CommunityRules:
    """By what the messages of a community are screened; None for what holds everywhere."""
    return as_setup(merged(levels(db, community_id).values()))


def levels(db: ReadSession, community_id: str | None) -> dict[str, Rules]:
    """What each place says by itself: the community first, the deployment (`DEPLOYMENT`) last."""
    lineage = communities.lineage(db, community_id) if community_id is not None else []
    rows = settings.given(db, list(_KEYS.values()), lineage)
    return {place: _said(rows.get(place, {})) for place in (*lineage, DEPLOYMENT)}


def _said(rows: dict[str, SettingRow]) -> Rules:
    return Rules.model_validate({name: rows[one.key].value for name, one in _KEYS.items() if one.key in rows})


def merged(said: Iterable[Rules]) -> Rules:
    """What holds where these places (the nearest first) speak one after another."""
    words: dict[tuple[str, RiskLabel], AddedWord] = {}
    allowed: dict[str, None] = {}
    thresholds: dict[RiskLabel, float] = {}
    off: tuple[RiskLabel, ...] | None = None
    for rules in said:
        for word in rules.words:
            words.setdefault((word.word, word.label), word)
        allowed |= dict.fromkeys(rules.allowed)
        thresholds = rules.thresholds | thresholds
        off = rules.off if off is None else off
    return Rules(words=tuple(words.values()), allowed=tuple(allowed), off=off, thresholds=thresholds)


def as_setup(rules: Rules) -> CommunityRules:
    """The rules as the screening takes them. A setting may have been written by another way than `save`: what would
    weaken the look for danger to life is left out."""
    thresholds = {
        label: min(least, SELF_HARM_THRESHOLD) if label is RiskLabel.SELF_HARM else least
        for label, least in rules.thresholds.items()
    }
    return CommunityRules(
        words=rules.words,
        allowed=rules.allowed,
        off=frozenset(rules.off or ()) - {RiskLabel.SELF_HARM},
        thresholds=tuple(sorted(thresholds.items())),
    )


def read(db: ReadSession, caller: Caller, community_id: str | None) -> Place:
    """Raises `NotFound` `community_not_found`, `Forbidden`."""
    may_see(db, caller, community_id)
    return _place(db, community_id)


def may_see(db: ReadSession, caller: Caller, community_id: str | None) -> None:
    """Raises `NotFound` `community_not_found`, `Forbidden`."""
    caller.require(Scope.RISKS_READ)
    if community_id is None:
        return
    if communities.get(db, community_id) is None:
        raise NotFound("community_not_found", extra={"community_id": community_id})
    caller.require_seen(Scope.RISKS_READ, community_id, "community")


def _place(db: ReadSession, community_id: str | None) -> Place:
    own, *above = levels(db, community_id).values()
    rows = (settings.get(db, one.key, community_id) for one in _KEYS.values())
    version = sum(row.version for row in rows if row is not None)
    everything = merged([own, *above])
    return Place(community_id=community_id, version=version, own=own, inherited=merged(above), effective=everything)


def save(
    services: Services, caller: Caller, community_id: str | None, rules: Rules, *, version: int | None = None
) -> Place:
    """Put these in the stead of what the place said before (`version`: what was seen, None for whatever stands).

    Raises `NotFound` `community_not_found`, `Forbidden`, `BadInput` `risk_rules_self_harm`, `Conflict`
    `risk_rules_changed`.
    """
    check(rules)
    with services.database.write() as db:
        may_see(db, caller, community_id)
        if community_id is None and caller.communities(Scope.SETTINGS_EDIT) is not None:
            caller.require(Scope.SETTINGS_EDIT, DEPLOYMENT)
        caller.require(Scope.SETTINGS_EDIT, community_id)
        before = _place(db, community_id)
        if version is not None and version != before.version:
            raise Conflict("risk_rules_changed", extra={"version": before.version})
        changed = _put(db, caller, community_id, before.own, rules)
        if changed:
            details = {"changed": changed, "words": len(rules.words), "allowed": len(rules.allowed)}
            db.audit(Deed(caller, "risk_rules.changed", "risk_rules", community_id or "all", community_id, details))
            db.after_commit(services.screenings.clear)
        return _place(db, community_id)


def check(rules: Rules) -> None:
    """Raises `BadInput` `risk_rules_self_harm` where they would weaken the look for danger to life."""
    off = RiskLabel.SELF_HARM in (rules.off or ())
    if off or rules.thresholds.get(RiskLabel.SELF_HARM, 0) > SELF_HARM_THRESHOLD:
        raise BadInput("risk_rules_self_harm", extra={"field": "off" if off else "thresholds"})


def _put(db: WriteSession, caller: Caller, community_id: str | None, before: Rules, rules: Rules) -> list[str]:
    """Store what differs; its names."""
    old, new = before.model_dump(mode="json"), rules.model_dump(mode="json")
    changed = [name for name in _KEYS if old[name] != new[name]]
    for name in changed:
        settings.put(db, _KEYS[name].key, community_id, _KEYS[name].check(new[name]), caller.id)
    return changed


def usual_threshold(label: RiskLabel) -> float:
    """The score from which a label holds where no rule says otherwise."""
    return RiskThresholds().of(label)


def setup(services: Services, rules: CommunityRules) -> Setup:
    """By what a message is screened under these rules."""
    return Setup(rules=rules, own=services.own_classifier)


def judge(services: Services, message: ScreenInput, rules: CommunityRules) -> RiskVerdict:
    """The verdict on a message; where the encoder can't be had, what the text says without it: no message is lost."""
    chosen = setup(services, rules)
    try:
        return screen_with(message, services.knowledge.embedder, chosen)
    except EmbeddingError as error:
        _log.warning("risk_without_encoder", why=type(error).__name__)
        return screen(message, chosen)


def own_classifier(data_dir: Path) -> Classifier | None:
    """The classifier fitted on what people decided here, if there is one; a broken one is told of and left out."""
    file = data_dir / OWN_FILE
    if not file.exists():
        return None
    try:
        return risk_classifier.load(file)
    except ClassifierError as error:
        _log.warning("own_classifier_broken", file=str(file), why=str(error)[:200])
        return None
