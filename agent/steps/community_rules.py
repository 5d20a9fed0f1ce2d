"""What a community changes in its screening: words of its own, phrases that are fine there, labels that it doesn't
want, thresholds of its own (社群自定规则)."""

from collections.abc import Mapping
from functools import lru_cache

from pydantic import BaseModel, ConfigDict, Field

from agent.steps.lexicon import Hit, LexiconSet
from agent.steps.lexicon_files import Lexicon, Rule
from agent.steps.views.disguises import DisguiseFinder
from core.text import Normalized, normalize
from core.vocabulary import RiskLabel

LAYER = "community"


class AddedWord(BaseModel):
    """A word that speaks for a label in this community; `weight` as in the shipped lexicons."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    word: str = Field(min_length=1, max_length=40)
    label: RiskLabel
    weight: float = Field(default=0.6, ge=0.1, le=1.0)


class CommunityRules(BaseModel):
    """Hashable, so that what is built from it is built once."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    words: tuple[AddedWord, ...] = ()
    allowed: tuple[str, ...] = ()
    off: frozenset[RiskLabel] = frozenset()
    thresholds: tuple[tuple[RiskLabel, float], ...] = ()

    def threshold(self, label: RiskLabel) -> float | None:
        """The score from which `label` holds here; None where the community says nothing."""
        return dict(self.thresholds).get(label)


NO_RULES = CommunityRules()


def added_hits(rules: CommunityRules, normalized: Normalized) -> list[Hit]:
    """Where the community's own words stand."""
    return _lexicons(rules.words).hits(normalized) if rules.words else []


def allowed_spans(rules: CommunityRules, normalized: Normalized) -> list[tuple[int, int]]:
    """Where a phrase stands that is fine in this community, as spans of the original text."""
    found = []
    for phrase in rules.allowed:
        plain = normalize(phrase).text
        start = normalized.text.find(plain) if plain else -1
        while start >= 0:
            found.append(normalized.span(start, start + len(plain)))
            start = normalized.text.find(plain, start + len(plain))
    return found


@lru_cache(maxsize=256)
def _lexicons(words: tuple[AddedWord, ...]) -> LexiconSet:
    by_label: Mapping[RiskLabel, list[Rule]] = {label: [] for label in RiskLabel}
    for one in words:
        plain = normalize(one.word).text.strip()
        if plain:
            by_label[one.label].append(Rule(one.label, plain, ((plain,),), 0, one.weight, "", (), ()))
    finder = DisguiseFinder(normalize(one.word).text.strip() for one in words)
    return LexiconSet(
        (Lexicon(label, tuple(rules), (), ()) for label, rules in by_label.items() if rules), finder.finds
    )
