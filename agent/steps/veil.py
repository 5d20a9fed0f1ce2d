"""Numbers and accounts that we publish ourselves (a hotline, a service account) look like personal data, and the door
to the model stars them out. They travel as slots instead, and are put back afterwards, letter by letter."""

from typing import NamedTuple

from core.masking import find_personal_data


class Veiled(NamedTuple):
    """Texts in which `{contact_1}` … stand for what `kept` holds."""

    texts: tuple[str, ...]
    kept: dict[str, str]

    def lift(self, text: str) -> str:
        """`text` with every contact in its place again."""
        for name, value in self.kept.items():
            text = text.replace(f"{{{name}}}", value)
        return text


def veil(texts: tuple[str, ...]) -> Veiled:
    """Replace what the masker finds by slots, the same contact by the same slot."""
    names: dict[str, str] = {}
    return Veiled(tuple(_without(text, names) for text in texts), {name: value for value, name in names.items()})


def _without(text: str, names: dict[str, str]) -> str:
    parts, at = [], 0
    for finding in sorted(find_personal_data(text), key=lambda one: one.start):
        if finding.start < at:
            continue
        value = text[finding.start : finding.end]
        name = names.setdefault(value, f"contact_{len(names) + 1}")
        parts += [text[at : finding.start], f"{{{name}}}"]
        at = finding.end
    return "".join([*parts, text[at:]])
