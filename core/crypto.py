"""Encryption of personal data at rest.

Each member has a random 256-bit key; all keys stand in one table, wrapped by a key derived from the deployment's
secret. Dropping a member's key makes every copy of their data unreadable, backups included. Look-up of an encrypted
identifier goes by keyed hash. AES-256-GCM (NIST SP 800-38D, 96-bit random nonces), HKDF-SHA-256 (RFC 5869).
"""

import hashlib
import hmac
import secrets

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from core.errors import Bug

_NONCE = 12


def _derive(secret: bytes, purpose: str) -> bytes:
    return HKDF(SHA256(), 32, salt=None, info=f"qunzhu:{purpose}".encode()).derive(secret)


def seal(key: bytes, text: str, context: str) -> bytes:
    """`nonce || ciphertext || tag` of `text`; `context` (what it belongs to) must be the same to open it."""
    nonce = secrets.token_bytes(_NONCE)
    return nonce + AESGCM(key).encrypt(nonce, text.encode("utf-8", "surrogatepass"), context.encode())


def unseal(key: bytes, sealed: bytes, context: str) -> str:
    """The text. Raises `Bug` `cannot_decrypt` where the key, the context or the bytes are not the ones sealed."""
    try:
        plain = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], context.encode())
    except InvalidTag:
        raise Bug("cannot_decrypt", context=context) from None
    return plain.decode("utf-8", "surrogatepass")


class Keyring:
    """The keys that follow from the deployment's secret."""

    def __init__(self, secret: bytes) -> None:
        self._wrapping = AESGCM(_derive(secret, "wrap"))
        self._lookup = _derive(secret, "lookup")
        self._token = _derive(secret, "token")
        self.deployment_key = _derive(secret, "deployment")
        self.audit_key = _derive(secret, "audit")

    def new_member_key(self) -> bytes:
        return AESGCM.generate_key(256)

    def wrap(self, key: bytes, member_id: str) -> bytes:
        nonce = secrets.token_bytes(_NONCE)
        return nonce + self._wrapping.encrypt(nonce, key, member_id.encode())

    def unwrap(self, wrapped: bytes, member_id: str) -> bytes:
        """The member's key. Raises `Bug` `cannot_decrypt`, most likely since the deployment's secret changed."""
        try:
            return self._wrapping.decrypt(wrapped[:_NONCE], wrapped[_NONCE:], member_id.encode())
        except InvalidTag:
            raise Bug("cannot_decrypt", context="member_key") from None

    def lookup_hash(self, kind: str, value: str) -> str:
        """64 hex digits by which an encrypted identifier is found again (HMAC-SHA-256)."""
        return hmac.new(self._lookup, f"{kind}\0{value}".encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()

    def token_hash(self, token: str) -> str:
        """64 hex digits kept instead of a key, session or link. Tokens are 256 random bits, so one keyed hash is
        enough and a slow password hash would only cost every request."""
        return hmac.new(self._token, token.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def new_token() -> str:
    """256 random bits, URL-safe."""
    return secrets.token_urlsafe(32)
