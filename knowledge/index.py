"""The vector index: passages' vectors in Chroma. The only importer of chromadb.

It holds ids, hashes and vectors, never texts: SQL is the truth, and `knowledge.reconcile` brings an index up to it from
any state.

An encoder's vectors lie in one collection, or in two while they are made anew: the successor is filled beside the one
that answers. Of several the one with the lowest number answers, so that taking it away is the switch: one step, which
nobody can see half done, and nothing else has to remember which one is in use (`docs/decisions/0008`).
"""

import re
import shutil
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self, TypeVar
from urllib.parse import urlsplit

import numpy as np

from core.errors import Unusable
from knowledge.embeddings import Vector, Vectors
from knowledge.passages import Passage, Scored

if TYPE_CHECKING:
    from chromadb.api import ClientAPI
    from chromadb.api.models.Collection import Collection
    from chromadb.config import Settings
    from filelock import BaseFileLock

LOCK_NAME: Final = "index.lock"
BATCH: Final = 5_000  # chroma refuses more than 5,461 rows at once
HTTP_SECONDS: Final = 20.0
CONNECT_SECONDS: Final = 5.0
REST_SECONDS: Final = 2.0
"""After a server has failed it isn't asked for so long: a batch of questions waits for one time limit, not for each."""

Answer = TypeVar("Answer")


class IndexFailure(Unusable):
    """The vector index cannot be used; the text says what to do."""

    word = "index_failure"


class IndexLocked(IndexFailure):
    """Somebody else owns the folder."""

    word = "index_locked"


class IndexBroken(IndexFailure):
    """The folder is damaged or cannot be opened; nothing is lost, since it can be built anew."""

    word = "index_broken"


class IndexUnreachable(IndexFailure):
    """The Chroma server does not answer, or answers with an error."""

    word = "index_unreachable"


class IndexIncomplete(IndexFailure):
    """It answers, but has lost passages: they are put in again by the next refresh."""

    word = "index_incomplete"


class Collected:
    """The passages' vectors of one collection: what reconciling needs."""

    dimensions: int

    def count(self) -> int:
        """Number of passages."""
        return self._run(lambda collection: collection.count())

    def hashes(self) -> dict[str, str]:
        """Content hash by passage id, of all passages."""
        found: dict[str, str] = {}
        offset = 0
        while page := self._run(partial(_page, offset=offset)):
            found.update(page)
            offset += BATCH
        return found

    def hashes_of(self, ids: Sequence[str]) -> dict[str, str]:
        """Content hash by passage id, of those of `ids` that are there."""
        found: dict[str, str] = {}
        for start in range(0, len(ids), BATCH):
            found.update(self._run(partial(_some, ids=list(ids[start : start + BATCH]))))
        return found

    def upsert(self, passages: Sequence[Passage], vectors: Vectors) -> None:
        """Add or replace passages; row i of `vectors` belongs to passage i."""
        if vectors.shape != (len(passages), self.dimensions):
            raise ValueError(f"vectors of shape {vectors.shape} for {len(passages)} passages × {self.dimensions}")
        for start in range(0, len(passages), BATCH):
            some, rows = passages[start : start + BATCH], vectors[start : start + BATCH]
            self._run(partial(_put, passages=some, vectors=rows))

    def delete(self, ids: Iterable[str]) -> None:
        """Remove passages; unknown ids are passed over."""
        every = list(ids)
        for start in range(0, len(every), BATCH):
            self._run(partial(_remove, ids=every[start : start + BATCH]))

    def _run(self, action: Callable[["Collection"], Answer]) -> Answer:
        raise NotImplementedError


class VectorIndex(Collected):
    """The vectors that answer. Safe from threads; one owner process for a folder."""

    def __init__(self, path: Path | None, url: str | None, dimensions: int, name: str) -> None:
        """Open or make the index, in the folder `path` or at the server `url` (exactly one of them).

        `name` is the encoder's: it and `dimensions` name the collection, so that another encoder's vectors are never
        compared with these. Raises `IndexLocked`, `IndexBroken`, `IndexUnreachable`.
        """
        if (path is None) == (url is None):
            raise ValueError("exactly one of path and url")
        self._place = str(path or url)
        self._remote = url is not None
        self.dimensions = dimensions
        self.collection_name = collection_name(name, dimensions)
        self._lock = _owned(path) if path is not None else None
        self._client: ClientAPI | None = None
        self._changing = threading.RLock()
        self._failed: tuple[IndexFailure, float] | None = None
        try:
            with self._translated(Exception):
                self._client = _server_client(url) if url is not None else _folder_client(self._place)
                self._collection = self._opened()
            self._probe()
        except BaseException:
            self.close()
            raise

    def query(self, vector: Vector, k: int) -> list[Scored]:
        """The `k` nearest passages, best first; score = cosine similarity, -1 to 1."""
        return self.query_many(np.asarray(vector)[None, :], k)[0]

    def query_many(self, vectors: Vectors, k: int) -> list[list[Scored]]:
        """`query` for every row, in one call."""
        if not len(vectors) or k < 1:
            return [[] for _ in vectors]
        rows, is_whole = self._found(vectors, k)
        if not is_whole:
            # Too few, or ids without what belongs to them: the collection may have been taken away in the middle.
            with self._changing, self._reached():
                self._collection = self._opened()
            rows, _ = self._found(vectors, k)
        return rows

    def _found(self, vectors: Vectors, k: int) -> tuple[list[list[Scored]], bool]:
        """What each row finds, and whether that is as much as was asked for."""
        # Filtering by a `where` makes a query 10 times slower: fetch more, and filter outside.
        found = self._run(
            lambda collection: collection.query(
                query_embeddings=vectors, n_results=k, include=["metadatas", "distances"]
            )
        )
        answers = zip(found["ids"], found["metadatas"] or [], found["distances"] or [], strict=True)
        rows = [_scored(*answer) for answer in answers]
        return rows, all(len(row) == k for row in rows)

    def clear(self) -> None:
        """Drop this encoder's vectors and make an empty collection."""
        with self._changing, self._translated():
            for name in self._generations().values():
                self._drop(name)
            self._collection = self._opened()

    @property
    def generation(self) -> int:
        """The number of the collection that answers; `succeed` raises it, in whichever process."""
        with self._reached():
            return min(self._generations(), default=0)

    def successor(self) -> "Successor":
        """The collection that is to take this one's place, with what an interrupted filling has left in it."""
        with self._changing, self._translated():
            there = sorted(self._generations())
            number = there[1] if len(there) > 1 else there[0] + 1 if there else 1
            return Successor(self, self._made(self._named(number)))

    def coming(self) -> int | None:
        """How many passages the successor holds; None where there is none."""
        from chromadb.errors import NotFoundError

        with self._reached():
            there = sorted(self._generations())
            with suppress(NotFoundError):  # it answers by now
                return self._got(self._named(there[1])).count() if len(there) > 1 else None
        return None

    def succeed(self) -> None:
        """Let the successor answer from now on, in every process, and drop what answered."""
        with self._changing, self._translated():
            there = sorted(self._generations())
            if len(there) < 2:
                return
            before = self._collection
            # First: threads that ask meanwhile already ask the new one.
            self._collection = self._got(self._named(there[1]))
            try:
                self._drop(self._named(there[0]))
            except BaseException:
                self._collection = before
                raise

    def close(self) -> None:
        """Let go of files, connections and the lock. Idempotent; anything after it raises `IndexFailure`."""
        with self._changing:
            client, self._client = self._client, None
            if client is not None:
                _release(client)
            if self._lock is not None:
                self._lock.release()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _probe(self) -> None:
        """Ask for any few passages: a lost vector file may leave `count` right and queries all but empty."""
        some = min(self.count(), 10)
        anywhere = np.full(self.dimensions, self.dimensions**-0.5, dtype=np.float32)
        found = len(self.query(anywhere, some))
        # Half: after many deletions the graph may rightly reach a few less.
        if found * 2 < some:
            raise self._failure(LookupError(f"{found} of {some} found"))

    def _run(self, action: Callable[["Collection"], Answer]) -> Answer:
        """`action` on the collection; again where somebody has just put another in its place. What Chroma says of a
        collection that goes away in the middle of a request depends on where it was, so no kind of error is told apart.
        """
        from chromadb.errors import ChromaError

        with self._reached():
            while True:
                collection = self._collection
                try:
                    return action(collection)
                except ChromaError:
                    with self._changing:
                        self._collection = self._opened()
                    if self._collection.id == collection.id:
                        raise

    @contextmanager
    def _reached(self) -> Iterator[None]:
        """For what is asked of the client: it is open and not at rest, and no foreign exception comes out."""
        self._live()
        self._rested()
        with self._translated():
            yield

    def _rested(self) -> None:
        """Raises the last failure again while the server is left alone."""
        failed = self._failed
        if failed is not None and time.monotonic() - failed[1] < REST_SECONDS:
            raise IndexUnreachable(str(failed[0]))

    def _live(self) -> "ClientAPI":
        client = self._client
        if client is None:
            raise IndexFailure("向量索引已经关闭")
        return client

    def _opened(self) -> "Collection":
        """The one that answers; an empty one where there is none."""
        from chromadb.errors import NotFoundError

        while there := self._generations():
            # Never made where it is gone by now: an empty collection with the lowest number would be the one to answer.
            with suppress(NotFoundError):
                return self._got(there[min(there)])
        return self._made(self.collection_name)

    def _got(self, name: str) -> "Collection":
        # embedding_function=None: the default one downloads a model.
        return self._live().get_collection(name, embedding_function=None)

    def _made(self, name: str) -> "Collection":
        return self._live().get_or_create_collection(
            name, embedding_function=None, configuration={"hnsw": {"space": "cosine"}}
        )

    def _generations(self) -> dict[int, str]:
        """This encoder's collections by their numbers; the first has none in its name."""
        form = re.compile(re.escape(self.collection_name) + r"(?:-again-(\d+))?")
        found = (form.fullmatch(collection.name) for collection in self._live().list_collections())
        return {int(match[1] or 0): match[0] for match in found if match is not None}

    def _named(self, generation: int) -> str:
        return f"{self.collection_name}-again-{generation}" if generation else self.collection_name

    def _drop(self, name: str) -> None:
        from chromadb.errors import NotFoundError

        with suppress(NotFoundError):
            self._live().delete_collection(name)

    @contextmanager
    def _translated(self, *also: type[Exception]) -> Iterator[None]:
        """No foreign exception crosses the room: Chroma's, the network's, the disk's, and `also`, become ours."""
        import httpx
        from chromadb.errors import ChromaError

        foreign: tuple[type[Exception], ...] = (ChromaError, httpx.HTTPError, OSError, *also)
        try:
            yield
        except IndexFailure:
            raise
        except foreign as error:
            raise self._failure(error) from error
        except BaseException as error:
            # A panic in Chroma's Rust part derives from BaseException directly.
            if type(error).__name__ == "PanicException":
                raise self._failure(error) from error
            raise

    def _failure(self, error: BaseException) -> IndexFailure:
        from chromadb.errors import ChromaError

        cause = f"{self._place}，{type(error).__name__}: {error}"
        if self._remote:
            failure = IndexUnreachable(f"Chroma 服务没有正常应答（{cause}）。请确认它在运行，然后再试")
            if not isinstance(error, ChromaError):  # it did answer
                self._failed = failure, time.monotonic()
            return failure
        return IndexBroken(
            f"向量索引损坏或打不开（{cause}）。知识库本身没有受影响：请先看磁盘空间和目录权限，"
            "再停止服务并运行 qunzhu reindex 重建索引"
        )


class Successor(Collected):
    """A collection that is filled to take the place of the one that answers."""

    def __init__(self, index: VectorIndex, collection: "Collection") -> None:
        self.dimensions = index.dimensions
        self._index = index
        self._collection = collection

    def _run(self, action: Callable[["Collection"], Answer]) -> Answer:
        with self._index._reached():
            return action(self._collection)


def collection_name(encoder: str, dimensions: int) -> str:
    """The collection of an encoder: letters, digits, `-` and `_` only, at least 3 characters.

    Six hex digits of the raw name keep two encoders apart whose names differ only in other characters.
    """
    plain = re.sub(r"[^a-z0-9]+", "-", encoder.lower()).strip("-")[:60]
    return f"passages-{plain}-{sha256(encoder.encode()).hexdigest()[:6]}-{dimensions}"


def discard(path: Path) -> None:
    """Empty the index folder, damaged or not, so that it can be built anew. Raises `IndexLocked`."""
    lock = _owned(path)
    try:
        for item in path.iterdir():
            if item.name == LOCK_NAME:
                continue
            if item.is_dir() and not item.is_symlink():
                shutil.rmtree(item)
            else:
                item.unlink()
    finally:
        lock.release()


def _owned(path: Path) -> "BaseFileLock":
    """The folder's lock, held. Several processes in one folder corrupt it silently, hence no waiting and no sharing."""
    from filelock import FileLock, Timeout

    path.mkdir(parents=True, exist_ok=True)
    # Not thread-local: close() may come from another thread. The file stays, since a lock file that is removed on
    # release can be locked by two: one holding the removed file, one the new.
    lock = FileLock(path / LOCK_NAME, thread_local=False, preserve_lock_file=True)
    try:
        lock.acquire(blocking=False)
    except Timeout as error:
        raise IndexLocked(
            f"向量索引目录 {path} 正被另一个进程使用。请先停止正在运行的 qunzhu serve 或 worker；"
            "要让多个进程共用索引，请运行 chroma run 并设置 QUNZHU_CHROMA_URL"
        ) from error
    return lock


def _settings() -> "Settings":
    from chromadb.config import Settings

    # Said here and not left to the environment: Chroma also reads a `.env` of the working folder.
    return Settings(anonymized_telemetry=False, chroma_otel_collection_endpoint="")


def _folder_client(path: str) -> "ClientAPI":
    import chromadb
    from chromadb.api.shared_system_client import SharedSystemClient

    try:
        return chromadb.PersistentClient(path=path, settings=_settings())
    except BaseException:
        # Chroma remembers a folder's system even when it failed to start, and would hand that one out ever after.
        SharedSystemClient._identifier_to_system.pop(path, None)
        raise


def _server_client(url: str) -> "ClientAPI":
    import chromadb
    import httpx

    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(f"not a URL of a Chroma server: {url}")
    ssl = parts.scheme == "https"
    port = parts.port or (443 if ssl else 8000)
    limits = httpx.Timeout(HTTP_SECONDS, connect=CONNECT_SECONDS)
    # Chroma's client waits for ever, from its first request in the constructor on: knock first.
    knock = httpx.get(f"{parts.scheme}://{parts.hostname}:{port}/api/v2/heartbeat", timeout=limits)
    knock.raise_for_status()
    client = chromadb.HttpClient(host=parts.hostname, port=port, ssl=ssl, settings=_settings())
    for session in _sessions(client):
        session.timeout = limits
    return client


def _sessions(client: "ClientAPI") -> list[Any]:
    """The HTTP sessions of a client, its own and its inner admin client's; none for a folder."""
    servers: list[Any] = [getattr(one, "_server", None) for one in (client, getattr(client, "_admin_client", None))]
    return [server._session for server in servers if hasattr(server, "_session")]


def _release(client: "ClientAPI") -> None:
    sessions = _sessions(client)
    client.close()  # type: ignore[attr-defined]
    # Chroma's close() forgets them.
    for session in sessions:
        session.close()


def _put(collection: "Collection", passages: Sequence[Passage], vectors: Vectors) -> None:
    collection.upsert(
        ids=[passage.id for passage in passages],
        embeddings=vectors,
        metadatas=[{"entry_id": passage.entry_id, "content_hash": passage.content_hash} for passage in passages],
    )


def _remove(collection: "Collection", ids: list[str]) -> None:
    collection.delete(ids=ids)


def _page(collection: "Collection", offset: int) -> dict[str, str]:
    return _hashes(collection.get(limit=BATCH, offset=offset, include=["metadatas"]))


def _some(collection: "Collection", ids: list[str]) -> dict[str, str]:
    return _hashes(collection.get(ids=ids, include=["metadatas"]))


def _hashes(got: Any) -> dict[str, str]:
    return {id_: str(meta["content_hash"]) for id_, meta in zip(got["ids"], got["metadatas"] or [], strict=True)}


def _scored(ids: Sequence[str], metadatas: Sequence[Any], distances: Sequence[float]) -> list[Scored]:
    # Rounding takes a distance slightly below 0 or above 2.
    return [
        Scored(id_, str(meta["entry_id"]), min(1.0, max(-1.0, 1.0 - distance)))
        for id_, meta, distance in zip(ids, metadatas, distances, strict=True)
        if meta is not None
    ]
