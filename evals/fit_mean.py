"""The mean vector of the second encoder over sentences of our own, and its model card."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import numpy as np

from evals.corpus import Progress, demo_entries, file_entries
from evals.report import Report
from knowledge.embeddings import Vectors
from knowledge.entries import Entry
from knowledge.second_encoder import SecondEncoder

_STEP: Final = 64


def run(files: Sequence[Path], out: Path, progress: Progress) -> Report:
    """Over titles and phrasings of the demo's FAQs and of knowledge `files`; writes `out` and, beside it, the card
    `.md`. Raises `BadFile`, `EmbeddingError`."""
    entries = [
        *(one for one in demo_entries() if one.scene is None),
        *(e for file in files for e in file_entries(file)),
    ]
    texts = _wordings(entries)
    encoder, rows = SecondEncoder(), list[Vectors]()
    for start in range(0, len(texts), _STEP):
        rows.append(encoder.raw(texts[start : start + _STEP]))
        progress("sentences", min(start + _STEP, len(texts)), len(texts))
    np.savez(out, mean=np.concatenate(rows).mean(0).astype(np.float32))
    out.with_suffix(".md").write_text(_card([file.name for file in files], len(texts), encoder.name), "utf-8")
    return Report("fit mean", {}, facts={"rows": len(texts), "out": str(out)})


def _wordings(entries: Iterable[Entry]) -> list[str]:
    return [text for entry in entries for text in dict.fromkeys((entry.title, *entry.phrasings))]


def _card(names: Sequence[str], count: int, encoder: str) -> str:
    return f"""# The second encoder's mean

Written by `qunzhu-evals fit mean`; not by hand.

- What: the mean vector of {count} questions, taken off every vector of `{encoder}` before it is brought to length 1
- Data, all ours: titles and phrasings of the demo's FAQs and of {", ".join(names)}
- Why: the model's sentences lie in one narrow cone; without their mean it finds 1 to 3 of 100 questions more
  (`docs/decisions/0007-finding-and-refusing.md`)

Vectors made with another mean are of no use: raise the number in `SecondEncoder.name` and fit the blend and the gate
anew.
"""
