"""The real encoder, loaded once: it takes a second and 150 MB."""

import pytest

from knowledge.embeddings import EmbeddedEncoder


@pytest.fixture(scope="session")
def encoder() -> EmbeddedEncoder:
    encoder = EmbeddedEncoder()
    encoder.warm()
    return encoder
