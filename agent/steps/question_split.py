"""Takes the separate questions out of one message, without the greeting and the story around them."""

import re
from collections.abc import Iterator

from agent.steps.cues import shipped
from core.text import normalize, sentences
from core.vocabulary import MessageKind

MOST = 3
ASKS = 0.5
"""Evidence from which a piece of text asks something of its own."""

_LONGEST = 2000
"""Code points looked at; what stands further behind in a message of up to 8,000 is no question to a group."""

_NUMBERED = re.compile(r"(?:^|(?<=[\s。;；,，:：?？]))[1-9１-９][.、)）．:：]\s*(?![0-9])")
_COMMA = re.compile(r"[,，]\s*|(?<=[^\x00-\x7f?!])\s+(?=[^\x00-\x7f])")
_ENOUGH = 5
"""Characters from which a clause says by itself what it asks: 能放多久 needs what stands before it."""
_EDGES = " \t\r\n,，。.!！~～、:：;；"


def questions(text: str) -> list[str]:
    """The questions of a message in their order, as typed, at most three; none where nothing is asked.

    Sentences that ask nothing are left out, and so are greetings in front. Clauses of one sentence are kept together
    unless two of them ask on their own.
    """
    parts = _NUMBERED.split(text[:_LONGEST])
    pieces = [piece for part in parts for sentence in sentences(part) for piece in _pieces(sentence)]
    asking = [piece for piece in pieces if _asks(piece)]
    own = [piece for piece in asking if not _is_filler(piece)] or asking
    bare = [_without_story(piece) for piece in own] if len(own) > 1 else own
    return list(dict.fromkeys(bare))[:MOST]


def _pieces(sentence: str) -> Iterator[str]:
    for part in _at_joints(sentence):
        clauses = _joined([clause for clause in _COMMA.split(part) if clause.strip(_EDGES)])
        starts = [n for n, clause in enumerate(clauses) if _asks(clause) and not _is_filler(clause)]
        if len(starts) < 2:
            yield _without_greeting(part, clauses)
            continue
        yield from (_in_context(clauses, n).strip(_EDGES) for n in starts)


def _at_joints(sentence: str) -> list[str]:
    joints = "|".join(sorted(map(re.escape, shipped().joints), key=len, reverse=True))
    parts = [part for part in re.split(rf"(?:{joints})[,，:：]?\s*", sentence) if part.strip(_EDGES)]
    begins = re.match(joints, sentence) is not None
    return parts if sum(map(_asks, parts)) > 1 or (begins and len(parts) == 1) else [sentence]


def _joined(clauses: list[str]) -> list[str]:
    """A clause that only goes on (还是去门店呢) belongs to the one before."""
    joined: list[str] = []
    for clause in clauses:
        if joined and normalize(clause).text.startswith(shipped().continuations):
            joined[-1] += "，" + clause
        else:
            joined.append(clause)
    return joined


def _in_context(clauses: list[str], n: int) -> str:
    """A clause too short to be searched alone (在哪里) with the one before it."""
    return clauses[n] if n == 0 or not _says_little(clauses[n]) else f"{clauses[n - 1]}，{clauses[n]}"


def _says_little(clause: str) -> bool:
    return sum(map(str.isalnum, clause)) < _ENOUGH


def _without_greeting(part: str, clauses: list[str]) -> str:
    """The part from its first clause that is more than a greeting, as typed."""
    first = next((clause for clause in clauses if not _is_filler(clause)), None)
    return part[part.index(first.partition("，")[0]) :].strip(_EDGES) if first else part.strip(_EDGES)


def _without_story(piece: str) -> str:
    """One of several questions from its first clause that asks, where that says enough by itself."""
    clauses = [clause for clause in _COMMA.split(piece) if clause.strip(_EDGES)]
    first = next((clause for clause in clauses if _asks(clause)), piece)
    bare = piece[piece.index(first) :].strip(_EDGES)
    return piece if _says_little(bare) else bare


def _asks(piece: str) -> bool:
    return shipped().read(normalize(piece)).evidence.get(MessageKind.QUESTION, 0.0) >= ASKS


def _is_filler(piece: str) -> bool:
    plain = "".join(char for char in normalize(piece).text if char.isalnum())
    return plain in shipped().fillers
