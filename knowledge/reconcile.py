"""Brings a vector index up to the passages as they are now, from any state, embedding only what changed."""

from collections.abc import Callable, Sequence
from typing import Final, NamedTuple

from knowledge.embeddings import Embedder
from knowledge.index import Collected
from knowledge.passages import Passage

EMBED_BATCH: Final = 256  # passages between two savings: the most that a kill loses, a second or two of encoding

Progress = Callable[[int, int], None]


class Reconciled(NamedTuple):
    """What a reconcile did, in passages."""

    added: int
    changed: int
    removed: int
    kept: int

    def plus(self, later: "Reconciled", total: int) -> "Reconciled":
        """Of two one after another, for an index that then holds `total`."""
        added, changed, removed = (one + other for one, other in zip(self[:3], later[:3], strict=True))
        return Reconciled(added, changed, removed, kept=max(0, total - added - changed))


NOTHING: Final = Reconciled(0, 0, 0, 0)


def reconcile(
    index: Collected, embedder: Embedder, passages: Sequence[Passage], *, progress: Progress | None = None
) -> Reconciled:
    """Make `index` hold exactly `passages`. Interrupted, it has kept what was done and goes on from there.

    `progress` is called with (done, to do) after every batch. Raises `EmbeddingError`, `IndexFailure`, and `ValueError`
    where two passages have one id.
    """
    wanted = {passage.id: passage for passage in passages}
    if len(wanted) != len(passages):
        raise ValueError("two passages with one id")
    had = index.hashes()
    # What was withdrawn goes first: it must not be found any more, even if embedding fails below.
    gone = [id_ for id_ in had if id_ not in wanted]
    index.delete(gone)
    return _put(index, embedder, passages, had, progress)._replace(removed=len(gone))


def put(index: Collected, embedder: Embedder, passages: Sequence[Passage]) -> Reconciled:
    """Make `index` hold these passages, whatever else it holds. Raises `EmbeddingError`, `IndexFailure`."""
    had = index.hashes_of([passage.id for passage in passages])
    return _put(index, embedder, passages, had, None)


def _put(
    index: Collected, embedder: Embedder, passages: Sequence[Passage], had: dict[str, str], progress: Progress | None
) -> Reconciled:
    due = [passage for passage in passages if had.get(passage.id) != passage.content_hash]
    for start in range(0, len(due), EMBED_BATCH):
        some = due[start : start + EMBED_BATCH]
        index.upsert(some, embedder.embed([passage.text for passage in some]))
        if progress is not None:
            progress(start + len(some), len(due))
    changed = sum(passage.id in had for passage in due)
    return Reconciled(added=len(due) - changed, changed=changed, removed=0, kept=len(passages) - len(due))
