"""What is searched: passages of knowledge entries, and a scored find. Values only, no I/O."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal, NamedTuple

Part = Literal["question", "asked", "answer", "whole", "chunk"]
"""A wording, all wordings of an entry together, its answer, wordings and answer together; or a piece of a document."""


@dataclass(frozen=True, slots=True)
class Passage:
    """One searchable piece of one entry.

    `id` is `<entry_id>#<number>`, unique in an index; `content_hash` changes when, and only when, the piece would
    be embedded differently, so that an index knows what is stale without reading texts.
    """

    id: str
    entry_id: str
    part: Part
    text: str
    content_hash: str

    @classmethod
    def of(cls, entry_id: str, number: int, part: Part, text: str) -> "Passage":
        """The passage `number` of an entry, with its id and hash filled in."""
        return cls(
            id=f"{entry_id}#{number}", entry_id=entry_id, part=part, text=text, content_hash=content_hash(part, text)
        )


class Scored(NamedTuple):
    """A find. Higher is nearer; what the scale means is said by the index that made it."""

    passage_id: str
    entry_id: str
    score: float


def content_hash(part: Part, text: str) -> str:
    """sha256 hex of part and text; a lone surrogate in `text` is hashed, not an error."""
    # The part is closed by a line break so that no (part, text) reads as another pair.
    return sha256(f"{part}\n{text}".encode("utf-8", "surrogatepass")).hexdigest()
