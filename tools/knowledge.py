"""Search of the knowledge base as somebody: what they may not see is not searched."""

from datetime import date
from typing import NamedTuple

from core.caller import Caller
from core.scopes import Scope
from core.vocabulary import ANSWERING_KINDS, Audience, EntryKind
from knowledge.base import KnowledgeBase
from knowledge.gate import Judged
from knowledge.retriever import Candidate
from knowledge.retriever import Scope as SearchScope


class Finding(NamedTuple):
    """Candidates, best first, and the gate's verdict on the best."""

    candidates: list[Candidate]
    judged: Judged


def search_knowledge(
    caller: Caller,
    knowledge: KnowledgeBase,
    text: str,
    *,
    communities: tuple[str, ...],
    today: date,
    kinds: tuple[EntryKind, ...] = ANSWERING_KINDS,
    audience: Audience | None = None,
    threshold: float | None = None,
    k: int = 5,
) -> Finding:
    """The entries that may answer `text` for a community; `communities` is its lineage, nearest first.

    Raises `Forbidden` `scope_missing` without `knowledge:read` there.
    """
    caller.require(Scope.KNOWLEDGE_READ, communities[0])
    candidates = knowledge.retriever.search(text, SearchScope(communities, today, kinds, audience), k)
    return Finding(candidates, knowledge.gate.judge(candidates, threshold))
