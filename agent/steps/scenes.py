"""Which scene (场景) of scripts a message calls for, by words: `agent/lexicons/scenes.yaml`."""

from functools import cache
from importlib.resources import files
from typing import Final

from core.text import normalize
from core.vocabulary import Scene
from core.yaml_text import load_yaml

_FILE: Final = "scenes.yaml"
_ENOUGH: Final = 2
"""Words of one scene from which nothing more is gained by another."""


@cache
def _words() -> dict[Scene, tuple[str, ...]]:
    read = load_yaml(files("agent").joinpath("lexicons", _FILE).read_text("utf-8"))
    return {Scene(name): tuple(normalize(str(word)).text for word in words) for name, words in read.items()}


def guess(text: str) -> dict[Scene, float]:
    """Scenes that the text speaks for, 0–1 each; none where it has no word of any."""
    plain = normalize(text).text
    counts = {scene: sum(word in plain for word in words) for scene, words in _words().items()}
    return {scene: min(count, _ENOUGH) / _ENOUGH for scene, count in counts.items() if count}
