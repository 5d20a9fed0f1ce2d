"""风险 · 规则: words of a community's own, phrases that are fine there, labels that are off, thresholds; what a change
would have made of the last week, before it is saved."""

from dataclasses import dataclass, field
from typing import Annotated, Any, Final

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.responses import RedirectResponse
from pydantic import ValidationError

from agent.flows import risk_rules, risk_trial
from agent.flows.risk_rules import Place, Rules
from agent.services import Services
from core.errors import ForPeople
from core.scopes import Scope
from core.vocabulary import RiskLabel
from server.console import texts
from server.console.entry_form import Problem
from server.console.page_route import PageRoute
from server.console.render import page
from server.console.visitor import Sent, Signed, Visitor
from server.routes.risk_rules import DryRunView, dry_run_view
from server.state import Here

router = APIRouter(route_class=PageRoute, include_in_schema=False)
DAYS: Final = 7
WEIGHTS: Final = (0.3, 0.6, 0.9)
_EMPTY_ROWS: Final = 2


@dataclass(frozen=True, slots=True)
class Typed:
    """The form as it was sent: words as (word, label, weight), thresholds as typed."""

    place: str = ""
    version: int = 0
    words: list[tuple[str, str, str]] = field(default_factory=list)
    allowed: str = ""
    off_own: bool = False
    off: list[str] = field(default_factory=list)
    thresholds: dict[str, str] = field(default_factory=dict)


async def typed_in(request: Request) -> Typed:
    """What the form sent."""
    form = await request.form(max_files=0)

    def all_of(name: str) -> list[str]:
        return [str(one).strip() for one in form.getlist(name)]

    version = str(form.get("version", ""))
    rows = zip(all_of("word"), all_of("word_label"), all_of("word_weight"), strict=False)
    return Typed(
        place=str(form.get("place", ""))[:80],
        version=int(version) if version.isascii() and version.isdigit() and len(version) < 10 else 0,
        words=[row for row in rows if row[0]],
        allowed=str(form.get("allowed", "")),
        off_own=form.get("off_own") == "own",
        off=all_of("off"),
        thresholds={label: str(form.get(f"threshold_{label}", "")).strip() for label in RiskLabel},
    )


Form = Annotated[Typed, Depends(typed_in)]


def as_typed(place: Place) -> Typed:
    """Rules as the form shows them."""
    own = place.own
    return Typed(
        place=place.community_id or "",
        version=place.version,
        words=[(one.word, one.label.value, f"{one.weight:g}") for one in own.words],
        allowed="\n".join(own.allowed),
        off_own=own.off is not None,
        off=[label.value for label in (own.off if own.off is not None else place.inherited.off or ())],
        thresholds={label: f"{own.thresholds[label]:g}" if label in own.thresholds else "" for label in RiskLabel},
    )


def read(typed: Typed, locale: str) -> Rules | list[Problem]:
    """The rules, or what stands in their way."""
    given: dict[str, Any] = {
        "words": [{"word": word, "label": label, "weight": weight} for word, label, weight in typed.words],
        "allowed": list(dict.fromkeys(line.strip() for line in typed.allowed.splitlines() if line.strip())),
        "off": typed.off if typed.off_own else None,
        "thresholds": {label: at for label, at in typed.thresholds.items() if at},
    }
    try:
        return Rules.model_validate(given)
    except ValidationError as error:
        t = texts.translator(locale)
        fields = dict.fromkeys(str(one["loc"][0]) for one in error.errors())
        return [Problem(name, t(f"risk_rules.wrong.{name}")) for name in fields]


@router.get("/risks/rules")
def show(
    request: Request, services: Here, visitor: Signed, place: Annotated[str | None, Query(max_length=80)] = None
) -> Response:
    """The rules of a place: the one asked for, else the one filtered to, else everywhere or the visitor's first."""
    visitor.caller.require(Scope.RISKS_READ)
    chosen = place if place is not None else _usual_place(visitor)
    return _page(request, services, visitor, chosen, None, [])


def _usual_place(visitor: Visitor) -> str:
    if visitor.community_id is not None:
        return visitor.community_id
    everywhere = visitor.caller.communities(Scope.RISKS_READ) is None
    return "" if everywhere or not visitor.communities else visitor.communities[0].id


@router.post("/risks/rules/try")
def try_out(request: Request, services: Here, visitor: Sent, typed: Form) -> Response:
    """What these rules would have made of the last week. Stores nothing."""
    rules = read(typed, visitor.locale)
    if isinstance(rules, list):
        return _page(request, services, visitor, typed.place, typed, rules)
    try:
        report = risk_trial.dry_run(services, visitor.caller, typed.place or None, rules, DAYS)
    except ForPeople as error:
        return _page(request, services, visitor, typed.place, typed, [_problem(error, visitor)])
    return _page(request, services, visitor, typed.place, typed, [], dry_run_view(report))


@router.post("/risks/rules")
def save(request: Request, services: Here, visitor: Sent, typed: Form) -> Response:
    rules = read(typed, visitor.locale)
    if isinstance(rules, list):
        return _page(request, services, visitor, typed.place, typed, rules)
    try:
        risk_rules.save(services, visitor.caller, typed.place or None, rules, version=typed.version)
    except ForPeople as error:
        return _page(request, services, visitor, typed.place, typed, [_problem(error, visitor)])
    return RedirectResponse(f"/console/risks/rules?place={typed.place}&done=rules_saved", 303)


def _problem(error: ForPeople, visitor: Visitor) -> Problem:
    return Problem("", " ".join(texts.of_error(error, visitor.locale)))


def _page(
    request: Request,
    services: Services,
    visitor: Visitor,
    place: str,
    typed: Typed | None,
    problems: list[Problem],
    report: DryRunView | None = None,
) -> Response:
    with services.database.read() as db:
        stands = risk_rules.read(db, visitor.caller, place or None)
    shown = typed or as_typed(stands)
    edits = visitor.caller.communities(Scope.SETTINGS_EDIT)
    return page(
        request,
        "risk_rules.html",
        visitor,
        status=422 if problems else 200,
        current="risks",
        stands=stands,
        typed=shown,
        rows=[*shown.words, *[("", "", "0.6")] * _EMPTY_ROWS],
        report=report,
        problems=problems,
        may_edit=edits is None or (place != "" and place in edits),
        everywhere=visitor.caller.communities(Scope.RISKS_READ) is None,
        here_for=[row for row in visitor.communities if visitor.caller.allows(Scope.RISKS_READ, row.id)],
        labels=list(RiskLabel),
        weights=[f"{one:g}" for one in WEIGHTS],
        usual={label: f"{_usual(stands, label):g}" for label in RiskLabel},
        days=DAYS,
    )


def _usual(stands: Place, label: RiskLabel) -> float:
    """The threshold that holds where the place says nothing."""
    return stands.inherited.thresholds.get(label, risk_rules.usual_threshold(label))
