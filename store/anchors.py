"""Heads of the audit noted in a file outside the database, `audit.anchor` in the data folder: one line after every
transaction that audits, so that a database that was set back to an older state no longer fits.

A line is `kind number hash signature`. `head`: the chain stood so. `restored`: it was set to this number on purpose,
by a restore; what was noted beyond it no longer counts. The file is only ever appended to (an operator may let the
file system hold that, `chattr +a`). Several processes append whole lines at once.
"""

import hashlib
import hmac
import os
import re
from pathlib import Path
from typing import Final

from core import log
from core.errors import Unavailable
from store.audit import Head

FILE: Final = "audit.anchor"
_SYNC_EVERY: Final = 100
"""Rows after which the file is synced to the disk; before that a power cut may lose the newest lines."""
_NUMBER: Final = re.compile(r"[0-9]{1,10}")
_KINDS: Final = ("head", "restored")
_log = log.get(__name__)


class Anchors:
    """The file of one data folder, and the key that its lines are signed with."""

    def __init__(self, path: Path, key: bytes) -> None:
        self.path = path
        self._key = key
        self._synced = 0

    def note(self, head: Head) -> None:
        """After a commit. What was committed stands: a folder that can't be written is logged, not raised."""
        try:
            self._append("head", head, sync=head.number - self._synced >= _SYNC_EVERY)
        except OSError as error:
            _log.error("audit_anchor_not_written", why=type(error).__name__)

    def note_safely(self, head: Head) -> None:
        """At a start, a stop or a backup: on the disk when this returns. Raises `Unavailable`
        `audit_anchor_not_written`."""
        self._sure("head", head)

    def restored(self, head: Head) -> None:
        """The database was filled from a backup that ends here. Raises `Unavailable` `audit_anchor_not_written`."""
        self._sure("restored", head)

    def _sure(self, kind: str, head: Head) -> None:
        try:
            self._append(kind, head, sync=True)
        except OSError as error:
            raise Unavailable("audit_anchor_not_written", path=self.path, why=type(error).__name__) from error

    def _append(self, kind: str, head: Head, *, sync: bool) -> None:
        line = f"{kind} {head.number} {head.hash} {self._signature(kind, head)}\n"
        handle = os.open(self.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(handle, (b"" if _ends_well(handle) else b"\n") + line.encode("ascii"))
            if sync:
                os.fsync(handle)
                self._synced = head.number
        finally:
            os.close(handle)

    def read(self) -> list[Head]:
        """The heads that the chain must still hold. A line torn by a power cut is left out. Raises `Unavailable`
        `audit_anchor_changed` where somebody wrote a line that we didn't."""
        try:
            lines = self.path.read_text("ascii", "replace").splitlines()
        except FileNotFoundError:
            return []
        found: dict[tuple[int, str], None] = {}
        for parts in map(str.split, lines):
            if len(parts) != 4 or parts[0] not in _KINDS or _NUMBER.fullmatch(parts[1]) is None or len(parts[3]) != 64:
                continue
            kind, head = parts[0], Head(int(parts[1]), parts[2])
            if not hmac.compare_digest(parts[3].encode(), self._signature(kind, head).encode()):
                raise Unavailable("audit_anchor_changed", path=self.path)
            if kind == "restored":
                found = {one: None for one in found if one[0] <= head.number}
            found[head.number, head.hash] = None
        return [Head(*one) for one in found]

    def _signature(self, kind: str, head: Head) -> str:
        return hmac.new(self._key, f"anchor {kind} {head.number} {head.hash}".encode(), hashlib.sha256).hexdigest()


def _ends_well(handle: int) -> bool:
    """Whether the last line is whole (or there is none)."""
    size = os.fstat(handle).st_size
    return size == 0 or os.pread(handle, 1, size - 1) == b"\n"
