"""What the gate looks at: signs that the best entry answers the question, or only resembles it."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Final, NamedTuple

import numpy as np

from core.text import normalize
from knowledge.asked_for import asked_for, fit, held_by
from knowledge.blend import Scores
from knowledge.embeddings import Vector

WordVectors = Callable[[Sequence[str]], Mapping[str, Vector]]

ANSWERED: Final = 0.6
"""Similarity of two words from which one is taken to speak of the other."""
NEXT: Final = 5
"""Entries after the best that make the field."""
_CONTENT: Final = tuple("nvamtijlez")
"""Parts of speech that say what a question is about: nouns, verbs, adjectives, numbers, time, idioms, abbreviations."""
_HELP: Final = re.compile("请问|大佬|怎么|如何|为什么|报错|有没有|吗|哪里|可以|能不能|求助|想问|咋|[?？]")
_LATIN: Final = re.compile("[a-z0-9_.+-]{2,}")


class Evidence(NamedTuple):
    """Of a question and the best of its candidates, an entry with wordings.

    `lead` over the second and `field` over the next five, in the blend's score; `covered`, `known`, `unknown`, `nouns`
    are shares of the question's content words: covered by the entry, weighed by rarity; not covered though some other
    entry has them; not covered and in no entry; nouns not covered. `holds`: what is asked for stands in the answer.
    """

    lead: float
    field: float
    coverage: float
    best_coverage: float
    lexical: float
    best_lexical: float
    covered: float
    known: float
    unknown: float
    nouns: float
    holds: float
    length: float


class DocumentEvidence(NamedTuple):
    """Of a question and passages of documents: how near the best and the 50 best are, shared words weighed by rarity,
    words in Latin letters that the documents know, words of asking, length."""

    best: float
    around: float
    shared: float
    terms: float
    asking: float
    length: float


class Content(NamedTuple):
    """A content word, and whether it is a noun or a word in Latin letters."""

    word: str
    noun: bool


@lru_cache(maxsize=4096)
def content_words(text: str) -> tuple[Content, ...]:
    """The content words of a text, in order."""
    import rjieba  # loads its dictionary (0.1 s): not for who never searches

    tagged = rjieba.tag(normalize(text).text)
    return tuple(Content(word, tag[0] == "n" or tag == "eng") for word, tag in tagged if _speaks(tag))


def _speaks(tag: str) -> bool:
    return tag.startswith(_CONTENT) or tag == "eng"


class Coverings(NamedTuple):
    """See `Evidence`."""

    covered: float
    known: float
    unknown: float
    nouns: float


def coverings(question: str, entry: str, words: WordVectors, rarity: Callable[[str], float], total: int) -> Coverings:
    """How an entry's text covers the content words of a question. `rarity` is a word's weight, highest (the weight
    that `total` entries give a word which none has) for one that no entry has. Raises `EmbeddingError`."""
    asked = content_words(question)
    if not asked:
        return Coverings(1.0, 0.0, 0.0, 0.0)
    nearest = _nearest([one.word for one in asked], entry, words)
    weights = np.array([rarity(one.word) for one in asked])
    missing = nearest < ANSWERED
    strange = weights >= rarity_of(0, total)
    nouns = np.array([one.noun for one in asked])
    return Coverings(
        covered=float((nearest * weights).sum() / weights.sum()),
        known=float((missing & ~strange).mean()),
        unknown=float((missing & strange).mean()),
        nouns=float((missing & nouns).mean()),
    )


def rarity_of(frequency: int, total: int) -> float:
    """As in BM25: of a word that `frequency` of `total` entries have."""
    return math.log(1 + (total - frequency + 0.5) / (frequency + 0.5))


def _nearest(asked: Sequence[str], entry: str, words: WordVectors) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """For each word the similarity of the entry's nearest; 1 where it stands in it."""
    plain = normalize(entry).text
    said = list(dict.fromkeys(one.word for one in content_words(entry)))
    strange = [word for word in asked if word not in plain]
    vectors = words([*strange, *said]) if strange and said else {}
    rows = np.stack([vectors[word] for word in said]) if vectors else None
    found = [1.0 if word in plain else 0.0 if rows is None else float((rows @ vectors[word]).max()) for word in asked]
    return np.array(found)


def evidence(question: str, answer: str, ranked: Sequence[tuple[float, Scores]], covered: Coverings) -> Evidence:
    """`ranked` has blended score and views of the best candidates, best first; the first is the one in question."""
    best, scores = ranked[0]
    others = [score for score, _ in ranked[1 : 1 + NEXT]] or [0.0]
    return Evidence(
        lead=best - others[0],
        field=best - sum(others) / len(others),
        coverage=scores.coverage,
        best_coverage=max(views.coverage for _, views in ranked),
        lexical=scores.lexical,
        best_lexical=max(views.lexical for _, views in ranked),
        covered=covered.covered,
        known=covered.known,
        unknown=covered.unknown,
        nouns=covered.nouns,
        holds=fit(asked_for(question), held_by(answer)),
        length=math.log(len(question)),
    )


def document_evidence(
    question: str, similarities: Sequence[float], shared: float, knows: Callable[[str], bool]
) -> DocumentEvidence:
    """`similarities` are those of the nearest passages, best first; `shared` is BM25 of the best, `knows` says whether
    any passage has a word."""
    plain = normalize(question).text
    nearest = list(similarities[:50]) or [0.0]
    return DocumentEvidence(
        best=nearest[0],
        around=sum(nearest) / len(nearest),
        shared=shared,
        terms=float(sum(knows(word) for word in set(_LATIN.findall(plain)))),
        asking=float(len(_HELP.findall(plain))),
        length=math.log(len(question) + 1),
    )
