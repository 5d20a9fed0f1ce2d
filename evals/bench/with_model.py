"""The demo community with a language model: `python -m evals.bench.with_model --base-url URL --model NAME`.

Messages of members (our own cases) go through the worker's two halves one after another. Told are: how many asked the
model and what that cost, how many drafts are degraded, seconds for each draft, and whether what is shown is true: every
quote stands in its entry, and no figure, link or phone number that neither the cited entries nor the community's values
hold. With `--no-cascade` every draft asks the model, for comparison.
"""

import json
import re
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple

import click

from agent.flows import access, inbox, intake
from agent.flows import community as community_view
from agent.flows import settings as settings_flow
from agent.flows.incoming import IncomingMessage
from agent.model import Model
from agent.services import Services
from core.settings import Environment
from core.text import normalize
from evals.bench.figures import spread
from evals.inside import demo_services
from evals.texts import cases, everyday
from store import drafts, due, knowledge, model_calls
from store.drafts import DraftRow
from store.due import Which
from store.messages import MessageRow

COMMUNITY: Final = "hemiao-mama"
_LEASE: Final = timedelta(hours=1)
# Deliberately plainer than what production checks with: whatever looks like a figure or a link at all.
_FIGURE: Final = re.compile(r"https?://[\w./?=&%#-]+|\d+(?:[.,:]\d+)*")


class Asked(NamedTuple):
    """A message, and the entries that answer it (empty: nothing does; None: nobody said)."""

    text: str
    expected: frozenset[str] | None


class Seen(NamedTuple):
    """One message's result."""

    asked: Asked
    draft: DraftRow | None
    embedded_seconds: float
    model_seconds: float
    calls: int
    tokens: int
    false_quotes: int
    invented: tuple[str, ...]


def messages(most: int) -> list[Asked]:
    """Labelled wordings and outside questions of our own, then everyday messages of the demo."""
    rows = [*cases("wordings"), *cases("outside")]
    found = [Asked(row["text"], frozenset(row.get("relevant_ids", ()))) for row in rows]
    return [*found, *(Asked(text, None) for text in everyday())][:most]


def measure(services: Services, asked: Sequence[Asked]) -> list[Seen]:
    """One message after another, so that seconds are those of one draft."""
    seen = []
    for number, one in enumerate(asked):
        seen.append(_one(services, number, one))
        click.echo(_line(number, len(asked), seen[-1]), err=True)
    return seen


def _one(services: Services, number: int, asked: Asked) -> Seen:
    bot = access.caller_of_login(services, None)
    wire = {
        "channel": "wecom",
        "community_id": COMMUNITY,
        "message_id": f"bench-{number}",
        "sender": {"id": f"bench-{number}"},
        "text": asked.text,
        "sent_at": datetime.now(UTC),
    }
    received = intake.receive(services, bot, IncomingMessage.model_validate(wire)).message_id
    embedded = _handled(services, inbox.OWN_QUEUE, with_model=False)
    model = _handled(services, inbox.MODEL_QUEUE, with_model=True)
    with services.database.read() as db:
        draft = drafts.of_message(db, received)
        calls = model_calls.of_object(db, received)
        quotes, invented = _checked(services, draft)
    tokens = sum(call.prompt_tokens + call.completion_tokens for call in calls)
    return Seen(asked, draft, embedded, model, len(calls), tokens, quotes, invented)


def _handled(services: Services, which: Which, *, with_model: bool) -> float:
    with services.database.write() as db:
        claims = due.claim(db, MessageRow, worker="bench", lease=_LEASE, most=9, which=which)
    begun = time.perf_counter()
    if claims:
        inbox.handle(services, claims, with_model=with_model)
    return time.perf_counter() - begun


def _checked(services: Services, draft: DraftRow | None) -> tuple[int, tuple[str, ...]]:
    """How many quotes don't stand in their entry, and figures of the text that no source has."""
    if draft is None:
        return 0, ()
    with services.database.read() as db:
        answers = {c["entry_id"]: row.answer for c in draft.citations if (row := knowledge.get(db, c["entry_id"]))}
        values = community_view.view(db, COMMUNITY).values.values()
    false = sum(cited["quote"] not in answers.get(cited["entry_id"], "") for cited in draft.citations)
    used = [answers.get(cited["entry_id"], "") for cited in draft.citations if cited["used"]]
    known = {figure for source in (*used, *values) for figure in _FIGURE.findall(normalize(source).text)}
    found = _FIGURE.findall(normalize(re.sub(r"(?m)^\d\. ", "", draft.text or "")).text)
    return false, tuple(figure for figure in found if figure not in known)


def _line(number: int, total: int, seen: Seen) -> str:
    state = "no draft" if seen.draft is None else seen.draft.engine + (" degraded" if seen.draft.degraded else "")
    return f"{number + 1}/{total} {seen.embedded_seconds + seen.model_seconds:.1f} s, {seen.calls} calls, {state}"


def summary(seen: Sequence[Seen]) -> dict[str, Any]:
    drafted = [one for one in seen if one.draft is not None]
    by_model = [one for one in drafted if one.calls]
    labelled = [one for one in seen if one.asked.expected is not None]
    return {
        "messages": len(seen),
        "drafts": len(drafted),
        "asked_the_model": len(by_model),
        "calls_per_100_messages": round(100 * sum(one.calls for one in seen) / max(1, len(seen)), 1),
        "tokens_per_draft": round(sum(one.tokens for one in seen) / max(1, len(drafted)), 1),
        "degraded": sum(bool(one.draft and one.draft.degraded) for one in drafted),
        "acceptable": f"{sum(map(acceptable, labelled))}/{len(labelled)}",
        "false_quotes": sum(one.false_quotes for one in seen),
        "invented_figures": [figure for one in seen for figure in one.invented],
        "embedded": spread([1000 * one.embedded_seconds for one in drafted]),
        "model": spread([1000 * one.model_seconds for one in by_model]),
    }


def acceptable(seen: Seen) -> bool:
    """The draft uses an entry that answers, or, where nothing answers, has no text."""
    used = {cited["entry_id"] for cited in seen.draft.citations if cited["used"]} if seen.draft else set()
    if not seen.asked.expected:
        return not used
    return bool(used & seen.asked.expected)


@click.command()
@click.option("--base-url", help="an OpenAI-compatible endpoint; without it the embedded engine is measured")
@click.option("--model", default="model", show_default=True, help="its name there")
@click.option("--time-limit", default=120.0, show_default=True, help="seconds for one call")
@click.option("--messages", "most", default=60, show_default=True, help="how many")
@click.option("--cascade/--no-cascade", default=True, help="ask the model only where the embedded engine is unsure")
def main(base_url: str | None, model: str, time_limit: float, most: int, cascade: bool) -> None:
    """Measure drafts with a language model; JSON on stdout, progress on stderr."""
    with tempfile.TemporaryDirectory(prefix="qunzhu-bench-") as folder, demo_services(Path(folder)) as services:
        owner = access.caller_of_login(services, None)
        settings_flow.change(services, owner, "inbox.burst_seconds", 0)
        settings_flow.change(services, owner, "model.cascade", cascade)
        if base_url is not None:
            services.env = Environment(
                env="test", data_dir=Path(folder), llm_base_url=base_url, llm_model=model, llm_timeout=time_limit
            )
            services.model = Model(services.env, services.database, services.clock)
        services.knowledge.warm()
        result = summary(measure(services, messages(most)))
    click.echo(json.dumps({"cascade": cascade, "name": model if base_url else None} | result, ensure_ascii=False))


if __name__ == "__main__":
    main()
