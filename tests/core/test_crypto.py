"""What is sealed opens with the same key and context only; what is hashed is found again and tells nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.crypto import Keyring, new_token, seal, unseal
from core.errors import Bug

KEY = b"k" * 32


@given(st.text())
def test_sealed_text_opens_again(text: str) -> None:
    assert unseal(KEY, seal(KEY, text, "name"), "name") == text


def test_same_text_is_never_sealed_alike() -> None:
    assert len({seal(KEY, "小满妈妈", "name") for _ in range(50)}) == 50


def test_sealed_bytes_hold_no_text() -> None:
    assert "小满妈妈".encode() not in seal(KEY, "小满妈妈", "name")


@pytest.mark.parametrize("position", [0, 11, 12, 20, -1])
def test_changed_byte_is_noticed(position: int) -> None:
    sealed = bytearray(seal(KEY, "小满妈妈", "name"))
    sealed[position] ^= 1
    with pytest.raises(Bug, match="cannot_decrypt"):
        unseal(KEY, bytes(sealed), "name")


def test_other_key_or_context_opens_nothing() -> None:
    sealed = seal(KEY, "小满妈妈", "name")
    for key, context in ((b"x" * 32, "name"), (KEY, "phone")):
        with pytest.raises(Bug, match="cannot_decrypt"):
            unseal(key, sealed, context)


def test_member_key_is_wrapped_for_that_member_and_secret() -> None:
    ring = Keyring(b"s" * 32)
    key = ring.new_member_key()
    wrapped = ring.wrap(key, "mem_1")
    assert key not in wrapped
    assert ring.unwrap(wrapped, "mem_1") == key
    for other, member in ((ring, "mem_2"), (Keyring(b"t" * 32), "mem_1")):
        with pytest.raises(Bug, match="cannot_decrypt"):
            other.unwrap(wrapped, member)


def test_hashes_depend_on_secret_kind_and_value() -> None:
    one, two = Keyring(b"s" * 32), Keyring(b"t" * 32)
    hashes = [
        one.lookup_hash("a", "x"),
        one.lookup_hash("b", "x"),
        one.lookup_hash("a", "y"),
        two.lookup_hash("a", "x"),
        one.token_hash("x"),
    ]
    assert len(set(hashes)) == 5
    assert all(len(one) == 64 for one in hashes)
    assert Keyring(b"s" * 32).lookup_hash("a", "x") == hashes[0]


def test_purposes_have_keys_of_their_own() -> None:
    ring = Keyring(b"s" * 32)
    assert ring.deployment_key != ring.audit_key
    assert len(ring.deployment_key) == 32


def test_tokens_are_long_and_never_repeat() -> None:
    tokens = {new_token() for _ in range(100)}
    assert len(tokens) == 100
    assert min(map(len, tokens)) >= 43
