"""The planner of campaigns: turns a brief that `agent/steps/campaign_brief.py` has read into tool calls. First it looks
(segment, scripts), then it proposes once, then it is done."""

import json
from collections.abc import Sequence
from typing import Any

from langchain_core.messages import ToolMessage

from agent.planners.base import Planner
from agent.steps.campaign_brief import Brief
from core import segments as tree

PREVIEW, FIND, PROPOSE = "preview_segment", "find_scripts", "propose_campaign"


class CampaignPlanner(Planner):
    """`found` is the brief as it was read (a `Brief`), `fillable` the slots that have values."""

    found: Any
    fillable: frozenset[str] = frozenset()

    def plan(self, question: str, answered: Sequence[ToolMessage]) -> list[tuple[str, dict[str, Any]]] | str:
        done = {message.name for message in answered}
        brief: Brief = self.found
        if not done:
            looks: list[tuple[str, dict[str, Any]]] = [
                (PREVIEW, {"segment": tree.dump(brief.segment)}),
                (FIND, {"query": question[:400] or brief.scene.value, "scene": brief.scene.value}),
            ]
            known = [look for look in looks if look[0] in self.tool_names]
            if known:
                return known
        if PROPOSE not in done and PROPOSE in self.tool_names:
            return [(PROPOSE, self._proposal(brief, _scripts(answered)))]
        return "done"

    def _proposal(self, brief: Brief, scripts: Sequence[dict[str, Any]]) -> dict[str, Any]:
        wanted = {"value": list(brief.wanted_value), "tag": list(brief.wanted_tags)}
        given = {
            "segment": tree.dump(brief.segment),
            "goal_metric": brief.goal,
            "expected_lift": brief.lift,
            "scene": brief.scene.value,
            "script_id": self._chosen(scripts),
            "incentive": _incentive(brief),
            "send_on": brief.send.day.isoformat() if brief.send else None,
            "send_at": brief.send.at.isoformat() if brief.send and brief.send.at else None,
            "control_share": None if brief.control_share is None else min(brief.control_share, 0.5),
            "conversion": brief.conversion,
            "margin": brief.margin,
            "wanted": {key: words for key, words in wanted.items() if words},
        }
        return {key: value for key, value in given.items() if value is not None}

    def _chosen(self, scripts: Sequence[dict[str, Any]]) -> str | None:
        """The best script whose slots can all be filled, else the best one."""
        ready = [one for one in scripts if set(one.get("slots", ())) <= self.fillable]
        return next((str(one["entry_id"]) for one in (*ready, *scripts)), None)


def _incentive(brief: Brief) -> dict[str, Any] | None:
    if brief.offer is None:
        return None
    given = {
        "text": brief.offer.text[:120],
        "value": brief.offer.value,
        "threshold": brief.offer.threshold,
        "points": brief.offer.points,
        "stated": brief.budget,
    }
    return {key: value for key, value in given.items() if value is not None}


def _scripts(answered: Sequence[ToolMessage]) -> list[dict[str, Any]]:
    text = next((message.text for message in answered if message.name == FIND and message.status == "success"), "")
    try:
        found: list[dict[str, Any]] = json.loads(text).get("said", {}).get("scripts", [])
    except ValueError:
        return []
    return found
