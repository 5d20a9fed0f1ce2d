"""Identifiers: a short prefix for the noun and a ULID, so that they sort by the time they were made."""

from ulid import ULID


def new_id(prefix: str) -> str:
    """`new_id("msg")` → `msg_01K…` (26 characters of Crockford base32 after the prefix)."""
    return f"{prefix}_{ULID()}"
