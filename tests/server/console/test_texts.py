"""Both languages say everything that templates, scripts and wire values ask for."""

import re
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from string import Formatter

import pytest

from agent.steps.risk import RiskReason
from core.catalogue import LOCALES
from core.errors import BadInput, NotFound
from core.vocabulary import (
    AbstainedReason,
    Band,
    DeliveryKind,
    DeliveryState,
    DraftStatus,
    ExpiredReason,
    MessageKind,
    NoDraftReason,
    RiskAction,
    RiskLabel,
    RiskLevel,
    SenderRole,
)
from knowledge.gate import Reason
from server.console import texts
from server.console.inbox import TABS
from server.console.navigation import PLACES
from server.console.render import FLASHES, HERE

_TEMPLATES = sorted((HERE / "templates").glob("*.html"))
_SCRIPTS = sorted((HERE / "static" / "js").glob("*.js"))
_NAMED = {
    "abstained": AbstainedReason,
    "band": Band,
    "delivery_kind": DeliveryKind,
    "delivery_state": DeliveryState,
    "expired_reason": ExpiredReason,
    "js.status": DraftStatus,
    "message_kind": MessageKind,
    "no_draft": NoDraftReason,
    "risk_action": RiskAction,
    "risk_label": RiskLabel,
    "risk_level": RiskLevel,
    "risk_reason": RiskReason,
    "sender": SenderRole,
    "status": DraftStatus,
}


def _keys(text: str) -> Iterable[str]:
    return re.findall(r"""\bt\(\s*["']([a-z_.]+[a-z_])["']\s*[,)]""", text)


def test_both_locales_have_the_same_keys() -> None:
    first, second = (set(texts.load(locale)) for locale in LOCALES)
    assert first == second


def test_both_locales_have_the_same_parameters() -> None:
    for key, text in texts.load(LOCALES[0]).items():
        other = texts.load(LOCALES[1])[key]
        assert _fields(text) == _fields(other), key


def _fields(text: str) -> set[str | None]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


@pytest.mark.parametrize("template", _TEMPLATES, ids=lambda path: path.name)
def test_every_key_of_a_template_exists(template: Path) -> None:
    missing = set(_keys(template.read_text("utf-8"))) - set(texts.load(LOCALES[0]))
    assert not missing


@pytest.mark.parametrize("script", _SCRIPTS, ids=lambda path: path.name)
def test_every_key_of_a_script_exists(script: Path) -> None:
    assert not set(_keys(script.read_text("utf-8"))) - set(texts.for_scripts(LOCALES[0]))


@pytest.mark.parametrize("path", [*_TEMPLATES, *_SCRIPTS], ids=lambda path: path.name)
def test_no_words_outside_the_catalogues(path: Path) -> None:
    assert not re.findall(r"[\u4e00-\u9fff]+", path.read_text("utf-8"))


@pytest.mark.parametrize(("prefix", "values"), _NAMED.items(), ids=_NAMED)
def test_every_wire_value_has_a_name(prefix: str, values: type[StrEnum]) -> None:
    known = texts.load(LOCALES[0])
    assert not [value for value in values if f"{prefix}.{value}" not in known]


def test_keys_that_are_put_together() -> None:
    known = texts.load(LOCALES[0])
    wanted = [f"nav.{place.key}" for place in PLACES]
    wanted += [f"flash.{flash}" for flash in FLASHES]
    wanted += [f"drafts.{part}.{tab}" for part in ("tab", "empty") for tab in TABS]
    wanted += [f"why.{why}" for why in ("expired", "below_threshold", "ranked_lower", "held_back")]
    wanted += [f"why.{reason}" for reason in Reason]
    wanted += [f"confidence_reason.{why}" for why in ("score", "joined", "part_unanswered", "complaint_script")]
    wanted += ["confidence_reason.model_judged", "confidence_reason.model_composed"]
    wanted += [f"paste.state.{state}" for state in (*DraftStatus, "waiting", "no_draft", "to_copy", "sent")]
    wanted += [f"js.{status}" for status in DraftStatus if status not in ("pending", "expired")]
    wanted += [f"language.{locale}" for locale in LOCALES]
    assert not [key for key in wanted if key not in known]


def test_error_without_words_of_its_own() -> None:
    title, advice = texts.of_error(NotFound("no_such_code"), "en")
    assert title == "That did not work" and "no_such_code" in advice
    assert texts.of_error(BadInput("password_differs"), "zh-CN")[0] == "两次输入的密码不一样"


def test_a_key_without_text_is_shown_as_it_is() -> None:
    assert texts.translator("en")("no.such.key") == "no.such.key"
