"""Who was erased, outside the database: one line each, the moment and a keyed hash of the member's id. A backup that
is restored later is made to forget them again."""

import os
from datetime import datetime
from pathlib import Path
from typing import Final

from core.crypto import Keyring

FILE: Final = "erasures.log"


def hashed(keyring: Keyring, member_id: str) -> str:
    """64 hex digits that tell nobody who it was."""
    return keyring.lookup_hash("erasure", member_id)


def append(path: Path, keyring: Keyring, member_id: str, at: datetime) -> None:
    """Add a line, on the disk when this returns."""
    line = f"{at.isoformat(timespec='seconds')} {hashed(keyring, member_id)}\n"
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        os.write(file, line.encode())
        os.fsync(file)
    finally:
        os.close(file)


def read(path: Path) -> frozenset[str]:
    """The hashes in a log; none where there is no file."""
    if not path.exists():
        return frozenset()
    return frozenset(parts[-1] for line in path.read_text("ascii", "replace").splitlines() if (parts := line.split()))
