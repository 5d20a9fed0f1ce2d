"""Rules of a community for the screening, what other rules would have made of the last days, and everything behind
the verdict on a text."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from agent.flows import risk_rules as flow
from agent.flows import risk_trial
from agent.flows.incoming import Strict
from agent.flows.risk_rules import Place, Rules
from agent.flows.risk_trial import Change, DryRun, Tried
from agent.steps.risk import Explained, RiskVerdict
from agent.steps.views.disguises import STRENGTH, Disguise, View
from core.vocabulary import RiskAction, RiskLabel, RiskLevel, SenderRole
from server import paging
from server.state import Here, Whoever

router = APIRouter(tags=["risks"])
MOST_TEXT = 8_000
Community = Annotated[str | None, Query(max_length=80, description="unset: what holds everywhere")]


class TestIn(Strict):
    text: str = Field(max_length=MOST_TEXT, examples=["加薇❤了解"])
    community_id: str | None = Field(None, max_length=80, description="unset: only rules that hold everywhere")
    sender_role: SenderRole = SenderRole.MEMBER


class DisguiseView(BaseModel):
    """`text` at `span` (of the text as sent) was read as `word`: by its sound, its shape, another order …"""

    word: str
    text: str
    span: tuple[int, int]
    view: View


class SignView(BaseModel):
    """One piece of evidence: `layer` saw it, `key` names its rule; signs of one layer and key count once."""

    label: RiskLabel
    weight: float
    layer: str
    key: str
    span: tuple[int, int]


class ScoreView(BaseModel):
    label: RiskLabel
    score: float
    threshold: float = Field(description="the score from which the label holds here")
    holds: bool = Field(description="false too where a label is left out of the verdict for another reason")


class TestView(BaseModel):
    """Everything behind a verdict; `reading` is the text as the classifiers read it. `off` are not looked for here."""

    reading: str
    disguises: list[DisguiseView]
    signs: list[SignView]
    scores: list[ScoreView]
    off: list[RiskLabel]
    with_encoder: bool = Field(description="false: the encoder could not be had, characters alone were judged")
    verdict: RiskVerdict


def tested_view(text: str, tried: Tried) -> TestView:
    """What a trial saw, scores and signs by falling weight."""
    seen, setup = tried.seen, tried.setup
    holding = {hit.label for hit in seen.verdict.labels}
    return TestView(
        reading=seen.reading,
        disguises=_disguises(text, seen),
        signs=[
            SignView(label=one.label, weight=one.weight, layer=one.layer, key=one.key, span=(one.start, one.end))
            for one in sorted(seen.signs, key=lambda sign: (-sign.weight, sign.label, sign.start))
        ],
        scores=[
            ScoreView(label=label, score=score, threshold=setup.threshold(label), holds=label in holding)
            for label, score in sorted(seen.scores.items(), key=lambda pair: (-pair[1], pair[0]))
        ],
        off=sorted(setup.rules.off),
        with_encoder=tried.with_encoder,
        verdict=seen.verdict,
    )


def _disguises(text: str, seen: Explained) -> list[DisguiseView]:
    """Each word of each place by its surest view; what the reading has first."""
    surest: dict[tuple[str, int, int], Disguise] = {}
    for one in sorted(seen.disguises, key=lambda it: -STRENGTH[it.view]):
        surest.setdefault((one.word, one.start, one.end), one)
    ordered = sorted(surest.values(), key=lambda it: (it.start, -it.end, it.word not in seen.reading, it.word))
    return [
        DisguiseView(word=one.word, text=text[one.start : one.end], span=(one.start, one.end), view=one.view)
        for one in ordered
    ]


@router.post("/v1/risks/test")
def test(wanted: TestIn, services: Here, caller: Whoever) -> TestView:
    """Screen a text as a message would be, without its sender's past. Stores nothing."""
    tried = risk_trial.try_out(services, caller, wanted.text, wanted.community_id, wanted.sender_role)
    return tested_view(wanted.text, tried)


@router.get("/v1/risks/rules")
def read(services: Here, caller: Whoever, community: Community = None) -> Place:
    """The rules of a community: its own, those from above, and what holds together."""
    with services.database.read() as db:
        return flow.read(db, caller, community)


class RulesIn(Rules):
    """The place's own rules, whole; what is left out is none."""

    version: int | None = Field(None, ge=0, le=paging.MOST_INT, description="what was seen; unset: whatever stands")

    def rules(self) -> Rules:
        return Rules.model_validate(self.model_dump(exclude={"version"}))


@router.put("/v1/risks/rules")
def change(wanted: RulesIn, services: Here, caller: Whoever, community: Community = None) -> Place:
    """Put these in the stead of the place's own rules. Needs `settings:edit`; 409 `risk_rules_changed` where somebody
    was faster."""
    return flow.save(services, caller, community, wanted.rules(), version=wanted.version)


class DryRunIn(Strict):
    community_id: str | None = Field(None, max_length=80, description="whose own rules; unset: those of everywhere")
    rules: Rules
    days: Annotated[int, Field(ge=1, le=30)] = 7


class CountView(BaseModel):
    """Messages with this label."""

    label: RiskLabel
    before: int
    after: int


class JudgedView(BaseModel):
    labels: list[RiskLabel]
    level: RiskLevel
    action: RiskAction


class ChangeView(BaseModel):
    """A message on which the rules differ, its text masked."""

    message_id: str
    community_id: str
    text: str
    before: JudgedView
    after: JudgedView


class DryRunView(BaseModel):
    """`ended` says why fewer than `total` were screened, null where all were."""

    days: int
    total: int
    screened: int
    changed: int
    ended: Literal["most", "time"] | None
    labels: list[CountView]
    examples: list[ChangeView]


@router.post("/v1/risks/rules:dry-run")
def dry_run(wanted: DryRunIn, services: Here, caller: Whoever) -> DryRunView:
    """Screen what members said in the last days (at most 5,000 messages and 20 s) by other rules, against those that
    hold."""
    return dry_run_view(risk_trial.dry_run(services, caller, wanted.community_id, wanted.rules, wanted.days))


def dry_run_view(report: DryRun) -> DryRunView:
    labels = [label for label in RiskLabel if report.before[label] or report.after[label]]
    return DryRunView(
        days=report.days,
        total=report.total,
        screened=report.screened,
        changed=report.changed,
        ended=report.ended,
        labels=[CountView(label=one, before=report.before[one], after=report.after[one]) for one in labels],
        examples=[_change_view(one) for one in report.examples],
    )


def _change_view(one: Change) -> ChangeView:
    return ChangeView(
        message_id=one.message_id,
        community_id=one.community_id,
        text=one.text,
        before=_judged(one.before),
        after=_judged(one.after),
    )


def _judged(verdict: RiskVerdict) -> JudgedView:
    return JudgedView(labels=[hit.label for hit in verdict.labels], level=verdict.level, action=verdict.action)
