"""The llm engine's half of the screening: messages that the screening is unsure of are judged by the model, after their
draft was stored, so that no draft waits for it.

It fails closed: what the model could not judge is looked at by a person. What it says moves items in front of people,
or to the end of their queue; it takes none away, and nothing else follows from it.
"""

import time
from collections.abc import Iterable, Mapping
from typing import Final

from agent.flows import risk_items, screening
from agent.flows.improving import Limited
from agent.flows.turns import Turn
from agent.services import Services
from agent.steps.asking import ModelUnavailable
from agent.steps.community_rules import CommunityRules
from agent.steps.risk import RiskHit, RiskVerdict
from agent.steps.risk_judge import FAILED, Judged, judge, may_lower, uncertain
from agent.steps.risk_policy import propose
from core import log
from core.vocabulary import ModelSays, RiskLabel, RiskLevel, RiskOrigin, RiskStatus, SenderRole
from store import members, messages, risks
from store.messages import MessageRow
from store.risks import RiskItemRow
from store.session import WriteSession

_log = log.get(__name__)
_DECIDED: Final = (RiskStatus.CONFIRMED, RiskStatus.DISMISSED)


def unsure(services: Services, turn: Turn) -> list[MessageRow]:
    """Messages of a turn that the model is yet to judge; none in the embedded engine."""
    if services.model is None or turn.is_staff:
        return []
    return [row for row in turn.kept if _is_unsure(row)]


def _is_unsure(row: MessageRow) -> bool:
    if row.risk_judged is not None or row.risk_cleared or row.history or not row.text.strip():
        return False
    return uncertain(RiskVerdict.model_validate(row.risk), SenderRole(row.sender_role))


def beforehand(services: Services, turn: Turn) -> tuple[bool, dict[str, Judged]]:
    """Whether the turn is to be handed on to who waits for the model; where that is not worth asking now, what stands
    instead."""
    rows = unsure(services, turn)
    if not rows or services.model is None:
        return False, {}
    if services.model.available() is None:
        return True, {}
    return False, {row.id: FAILED for row in rows}


def judge_all(services: Services, turn: Turn) -> dict[str, Judged]:
    """What the model makes of the turn's uncertain messages, by their ids. Never raises: a message that could not be
    judged is one for a person."""
    rows = unsure(services, turn)
    if not rows or services.model is None:
        return {}
    limited = Limited(services.model, time.monotonic() + services.env.llm_timeout)
    return {row.id: _judged(services, limited, row) for row in rows}


def _judged(services: Services, model: Limited, row: MessageRow) -> Judged:
    try:
        return judge(model, row.text, RiskVerdict.model_validate(row.risk), _rules(services, row), row.id)
    except ModelUnavailable as unavailable:
        _log.info("risk_not_judged", message=row.id, reason=unavailable.reason)
    except Exception as error:
        _log.exception("risk_judging_broke", message=row.id, error=type(error).__name__)
    return FAILED


def _rules(services: Services, row: MessageRow) -> CommunityRules:
    with services.database.read() as db:
        return screening.screening(db, services, row.community_id).rules


def lock(db: WriteSession, turns: Iterable[Turn]) -> None:
    """Before any lock on a message: decisions on review items take them in this order."""
    for member_id in sorted({turn.head.member_id for turn in turns if turn.head.member_id is not None}):
        members.lock(db, member_id)


def store(db: WriteSession, services: Services, turn: Turn, judged: Mapping[str, Judged]) -> bool:
    """Write what came of it; whether a review item changed: the caller notes it, last of all."""
    rows = [row for row in turn.rows if row.id in judged]
    messages.settle_burst(db, [(row.id, {"risk_judged": judged[row.id].says}) for row in rows])
    return any([_store(db, services, row, judged[row.id]) for row in rows])


def _store(db: WriteSession, services: Services, row: MessageRow, judged: Judged) -> bool:
    item = risks.lock_of_message(db, row.id)
    if item is None:
        return judged.says is not ModelSays.DENIES and _add(db, services, row, judged)
    if item.status == RiskStatus.PENDING and judged.says is not ModelSays.ADDS:
        return _mark(db, item, judged)
    if judged.says is ModelSays.DENIES or not _may_open(item, row, judged):
        return False
    hits, level = _flag(row, judged)
    risk_items.reopen(db, services, item, row, hits, level, model=judged.says)
    return True


def _add(db: WriteSession, services: Services, row: MessageRow, judged: Judged) -> bool:
    hits, level = _flag(row, judged)
    risk_items.add(db, services, row, hits, level, RiskOrigin.SCREEN, model=judged.says)
    return True


def _flag(row: MessageRow, judged: Judged) -> tuple[list[dict[str, object]], RiskLevel]:
    """The labels of an item and its level. What nobody could judge has the screening's labels, often none."""
    found = judged.labels or RiskVerdict.model_validate(row.risk).labels
    if not found:
        return [], RiskLevel.LOW
    stance, _ = propose([hit.label for hit in found], SenderRole(row.sender_role))
    return _dumped(found), stance.level


def _dumped(hits: Iterable[RiskHit]) -> list[dict[str, object]]:
    return [hit.model_dump(mode="json") for hit in hits]


def _mark(db: WriteSession, item: RiskItemRow, judged: Judged) -> bool:
    """Note on an open item what the model says of it. Its version stays: who is about to decide decides on the same."""
    if judged.says is ModelSays.DENIES:
        if not may_lower([RiskLabel(label) for label in risks.parted(item.label_names)]):
            return False
        item.rank = risk_items.LAST
    if judged.labels:
        item.labels = _dumped(judged.labels)
    item.model = judged.says
    db.flush()
    return True


def _may_open(item: RiskItemRow, row: MessageRow, judged: Judged) -> bool:
    """Whether a closed item opens again: never for the text that a person decided on, and a confirmed one only for
    what they haven't seen in it."""
    if item.status not in _DECIDED:
        return True
    if item.revision == row.revision:
        return False
    fresh = {hit.label.value for hit in judged.labels}
    known = {*risks.parted(item.label_names), *risks.parted(item.confirmed)}
    return item.status == RiskStatus.DISMISSED or not fresh <= known
