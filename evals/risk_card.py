"""The model card of risk classifiers, as `qunzhu-evals fit risk` writes it."""

from agent.steps.risk_classifier import Classifier
from core.vocabulary import RiskLabel
from evals import fit_risk


def card(made: Classifier, counts: dict[str, int], own: int, about: int, *, calmed: bool, on_shipped: bool) -> str:
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
