"""`qunzhu-evals fit risk`: reads sentences, fits, and writes the artefact with its model card."""

from collections.abc import Sequence
from pathlib import Path

from agent.steps.risk_classifier import Classifier
from core.vocabulary import RiskLabel
from evals import fit_risk
from evals.corpus import Progress
from evals.fit_risk import fit, refit, save
from evals.report import Report
from evals.risk_lessons import about_abuse, harmless, lesson, ordinary, sentences, worth_undisguising
from evals.rows import BadFile
from knowledge.embeddings import Embedder


def run(
    data: Sequence[Path],
    cold: Path | None,
    quiet: Path | None,
    out: Path,
    embedder: Embedder,
    progress: Progress,
    *,
    on_shipped: bool,
) -> Report:
    """Fit on `data` (rows `{text, labels}`) and, as sentences about abuse, on `cold` (rows `{text, label}`); `quiet`
    holds ordinary messages. `on_shipped` makes a deployment's own classifier of `data` beside ordinary messages. Writes
    `out` and, beside it, the card `.md`. Raises `BadFile`, `EmbeddingError`."""
    rows = sentences(data)
    about = about_abuse(cold) if cold else []
    if not any(row.labels for row in rows):
        raise BadFile(data[0], None, "labels", "has no row with a label")
    if on_shipped:
        made = refit([*rows, *ordinary(len(rows))], embedder, progress)
    else:
        every = [*rows, *about]
        words = worth_undisguising(every)
        calm = lesson(harmless(quiet), words, embedder, progress, on_shipped=False) if quiet else None
        taught = lesson(every, words, embedder, progress, on_shipped=False)
        made = fit(taught, words, embedder.name, calm, progress)
    save(made, out)
    counts = {label.value: sum(label in row.labels for row in [*rows, *about]) for label in made.labels}
    text = _card(made, counts, len(rows), len(about), calmed=quiet is not None, on_shipped=on_shipped)
    out.with_suffix(".md").write_text(text, "utf-8")
    return Report("fit risk", {}, facts={"rows": len(rows) + len(about), "runs": len(made.rows), "out": str(out)})


def _card(made: Classifier, counts: dict[str, int], own: int, about: int, *, calmed: bool, on_shipped: bool) -> str:
    penalty = fit_risk.OWN_PENALTY if on_shipped else fit_risk.PENALTY
    limits = "\n".join(
        f"| `{label}` | {counts[label]} | {limit.alone:.3f} | {limit.joint:.3f} |"
        for label, limit in zip(made.labels, made.limits, strict=True)
    )
    source = (
        "What people decided on in this deployment, beside harmless messages of ours, with the shipped classifier's "
        "logits as further signs."
        if on_shipped
        else f"{own} sentences written for this project (`evals/fit/risk/`) and {about} comments of the public set "
        "COLD (Apache-2.0, offensive or safe), which may train; nothing of them is kept but weights."
    )
    calm = (
        f"They were raised until at most {fit_risk.OTHER_QUIET_RATE:.2%} "
        f"(abuse: {fit_risk.QUIET_RATE[RiskLabel.ABUSE]:.1%}) of a public "
        f"development set of ordinary text messages pass each: "
        f"{2 * len(made.limits)} fitted numbers, all that comes from it."
        if calmed
        else "No other messages had a say in them."
    )
    return f"""# The risk classifier

Written by `qunzhu-evals fit risk`; not by hand.

- Rows: {source}
- Signs: {len(made.rows)} runs of one to three characters, weighed by rarity, each text of length 1; and the sentence's
  vector (`{made.encoder}`) times {fit_risk.VECTOR_SCALE}. Words in disguise are written out first
  ({len(made.words)} of these beside the lexicons').
- Method: logistic curves, one a label, penalty C = {penalty}; `alone` without the vector, `joint`
  with it.
- Limits: the chance with the highest F1 when each of {fit_risk.FOLDS} folds is judged by the others. {calm}

| label | sentences | limit alone | limit joint |
|---|---|---|---|
{limits}

## Limits of use

It knows Chinese as it is typed in groups, forums and text messages. It says what a text resembles, not what is true:
its verdict is a proposal, a person decides. Attitude without telling words (sarcasm, contempt in polite words) is where
it misses most. Another encoder wants a new fit; without the one named above it judges by character runs alone.
"""
