"""What each metric is called, how it is defined and in what unit it counts; shown with every answer."""

from typing import Final

from core.catalogue import text
from core.metrics import Metric
from tools.figures import Unit

_PEOPLE: Final = frozenset(
    {
        Metric.MEMBERS,
        Metric.NEW_MEMBERS,
        Metric.EXITED_MEMBERS,
        Metric.NET_GROWTH,
        Metric.DAU,
        Metric.WAU,
        Metric.MAU,
        Metric.SPEAKERS,
    }
)
_UNITS: Final[dict[Metric, Unit]] = {
    Metric.MESSAGES: "messages",
    Metric.RISK_FLAGS: "flags",
    Metric.MESSAGES_PER_SPEAKER: "per_person",
    Metric.PEAK_HOUR: "hour",
    Metric.COMPLAINTS: "cases",
    Metric.FIRST_RESPONSE_MINUTES: "minutes",
    Metric.NPS: "points",
}


def name(metric: Metric, locale: str) -> str:
    return text(f"metric.{metric.value}.name", locale)


def definition(metric: Metric, locale: str) -> str:
    """The formula in a sentence, as the vocabulary has it."""
    return text(f"metric.{metric.value}.definition", locale)


def unit(metric: Metric) -> Unit:
    """A metric that counts nothing is a share, 0…1."""
    return "people" if metric in _PEOPLE else _UNITS.get(metric, "share")
