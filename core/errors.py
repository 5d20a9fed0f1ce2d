"""Every error that crosses a room.

    QunzhuError                     code, params
    ├── ForPeople                   someone can mend it: an RFC 9457 problem, an exit code
    │   ├── BadInput        422     the request is wrong, nothing was stored
    │   │   ├── Malformed   400     it could not even be read
    │   │   └── TooLarge    413
    │   ├── Unauthenticated 401
    │   ├── Forbidden       403
    │   ├── NotFound        404
    │   ├── Conflict        409     somebody was faster, or the state forbids it
    │   ├── TooMany         429
    │   └── Unavailable     503     something that it needs isn't there
    │       └── Unusable            and the error itself says what to do
    ├── ForModel                    a tool's refusal that the model reads and may act on
    └── Bug                 500     an invariant of ours broke

The `code` is stable; its title and advice stand in the message catalogues under `error.<code>`.
"""

from collections.abc import Mapping


class QunzhuError(Exception):
    """Root of the tree.

    `code` is a stable `snake_case` word, `params` fill the catalogue's text, `extra` are members of the problem
    document (ids and states, never text of members).
    """

    status = 500
    exit_code = 1

    def __init__(self, code: str, /, *, extra: Mapping[str, object] | None = None, **params: object) -> None:
        self.code = code
        self.params = params
        self.extra = dict(extra or {})
        super().__init__(code + (f" {params}" if params else ""))


class ForPeople(QunzhuError):
    """Someone can mend it: shown as a problem document or as a line with an exit code."""


class BadInput(ForPeople):
    status = 422
    exit_code = 2


class Malformed(BadInput):
    status = 400


class TooLarge(BadInput):
    status = 413


class Unauthenticated(ForPeople):
    status = 401


class Forbidden(ForPeople):
    status = 403


class NotFound(ForPeople):
    status = 404


class Conflict(ForPeople):
    status = 409


class TooMany(ForPeople):
    status = 429


class Unavailable(ForPeople):
    status = 503
    exit_code = 3


class Unusable(Unavailable):
    """A part that the service stands on can't be used; the text says which and what to do about it."""

    word = "internal"

    def __init__(self, advice: str) -> None:
        super().__init__(self.word, why=advice)

    def __str__(self) -> str:
        return str(self.params["why"])


class ForModel(QunzhuError):
    """A tool's refusal: goes back to the model as the tool's answer, never to a person as a failure."""

    status = 422


class Bug(QunzhuError):
    """An invariant of ours broke; logged with its trace, shown without detail."""

    exit_code = 1
