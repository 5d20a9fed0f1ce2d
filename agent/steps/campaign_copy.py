"""The text of a campaign, from a curated script: its slots filled, a wake-up in four parts (专享福利, 价值重塑,
情感连接, 定向推送), and always a way out for who does not want it."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from agent.steps.reply import quote
from core import catalogue
from core.text import sentences
from core.vocabulary import Activity, Scene
from knowledge.slots import fill
from prompts.loader import render
from tools.campaigns import Cited, Part, Script, Wording

MEMBER_NAME: Final = "member_name"
_WAY_OUT: Final = re.compile(r"td|退订|不再打扰|不打扰", re.I)
_GREETING: Final = "{" + MEMBER_NAME + "}"


class Material(NamedTuple):
    """`values` fill the script's slots; `offer` is the incentive in words; `meant` whom the segment means."""

    values: Mapping[str, str]
    community: str
    offer: str | None
    meant: Sequence[Activity]


def compose(scene: Scene, script: Script | None, material: Material) -> Wording:
    """Without a script there is no text: a person writes it."""
    if script is None:
        return Wording()
    filled = fill(script.answer, material.values)
    said = [line for line in sentences(filled.text) if line]
    kept = [line for line in said if not _WAY_OUT.search(line)]
    ways_out = [line for line in said if _WAY_OUT.search(line)] or [render("campaign/opt_out")]
    parts = _wake_up(kept, ways_out, material) if scene is Scene.WAKE_UP else []
    text = "\n".join(part.text for part in parts if part.text) or _plain(kept, ways_out, material, filled.text)
    return Wording(
        text=text,
        parts=parts,
        citations=[
            Cited(entry_id=script.entry_id, version=script.version, title=script.title, quote=quote(script.answer))
        ],
        missing=[name for name in filled.missing if name != MEMBER_NAME],
    )


def _wake_up(said: Sequence[str], ways_out: Sequence[str], material: Material) -> list[Part]:
    bond = [line for line in said if _GREETING in line]
    value = [line for line in said if line not in bond]
    who = next((one for one in (*material.meant, "") if f"campaign.who.{one}" in catalogue.load("zh-CN")), "anyone")
    targeting = render("campaign/targeting", who=catalogue.text(f"campaign.who.{who}"))
    return [
        Part(part="bond", text="".join(bond) or render("campaign/bond")),
        Part(part="value", text="".join(value) or render("campaign/value", community=material.community)),
        Part(part="benefit", text=_benefit(material)),
        Part(part="targeting", text=targeting + "".join(ways_out)),
    ]


def _benefit(material: Material) -> str:
    return render("campaign/benefit", offer=material.offer) if material.offer else ""


def _plain(said: Sequence[str], ways_out: Sequence[str], material: Material, text: str) -> str:
    """The script as it is laid out, then the benefit and the way out where the script has none of its own."""
    lines = [text]
    if material.offer and material.offer not in text:
        lines.append(_benefit(material))
    if len(said) == len(sentences(text)):
        lines += ways_out
    return "\n".join(line for line in lines if line)
