"""Ids for entries whose author gave none: the same question or heading gets the same id in the next import."""

import hashlib
import re
from typing import Final

from core.text import normalize

_SLUG: Final = re.compile(r"[a-z0-9]+")
_MOST_SLUG: Final = 40


class IdMaker:
    """Makes ids for one file; the second entry of the same key gets `-2`."""

    def __init__(self) -> None:
        self._counts: dict[str, int] = {}

    def make(self, kind: str, name: str, *more: str) -> str:
        """An id from the kind, the Latin letters of `name` and a hash of `name` and `more`, all in plain spelling."""
        plain = [normalize(part).text for part in (name, *more)]
        slug = "-".join(_SLUG.findall(plain[0]))[:_MOST_SLUG].strip("-")
        digest = hashlib.sha256("\x1f".join([kind, *plain]).encode()).hexdigest()[:10]
        made = "-".join(filter(None, (kind, slug, digest)))
        count = self._counts[made] = self._counts.get(made, 0) + 1
        return made if count == 1 else f"{made}-{count}"
