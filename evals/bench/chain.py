"""The baseline of draft work: a retrieval chain as a tutorial builds it (Chroma retriever, prompt, chat model), over
the same passages and with the same encoder. Its model answers at once, so only the machinery around it is measured."""

from collections.abc import Callable, Sequence

import chromadb
from chromadb.config import Settings
from langchain_chroma import Chroma
from langchain_core.documents import Document
from langchain_core.embeddings import Embeddings
from langchain_core.language_models.fake_chat_models import FakeListChatModel
from langchain_core.output_parsers import StrOutputParser
from langchain_core.prompts import ChatPromptTemplate
from langchain_core.runnables import RunnablePassthrough

from agent.services import Services
from core.vocabulary import EntryKind, EntryStatus
from knowledge.embeddings import Embedder
from knowledge.entries import entry_of, passages_of
from store import knowledge

_FOUND = 5
_BATCH = 2_000
_PROMPT = "你是社群客服，只根据资料回答。\n资料：\n{context}\n\n问题：{question}"


class _SameEncoder(Embeddings):
    def __init__(self, encoder: Embedder) -> None:
        self._encoder = encoder

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        rows: list[list[float]] = self._encoder.embed(texts).tolist()
        return rows

    def embed_query(self, text: str) -> list[float]:
        return self.embed_documents([text])[0]


def plain_chain(services: Services) -> Callable[[str], str]:
    """The chain over everything that is approved; call it with a question."""
    store = Chroma(
        client=chromadb.EphemeralClient(Settings(anonymized_telemetry=False)),
        collection_name="plain-chain",
        embedding_function=_SameEncoder(services.knowledge.embedder),
        collection_metadata={"hnsw:space": "cosine"},
    )
    documents = _documents(services)
    for first in range(0, len(documents), _BATCH):
        store.add_documents(documents[first : first + _BATCH])
    retriever = store.as_retriever(search_kwargs={"k": _FOUND})
    prompt = ChatPromptTemplate.from_template(_PROMPT)
    model = FakeListChatModel(responses=["好的。"])
    asked = {"context": retriever | _joined, "question": RunnablePassthrough()}
    chain = asked | prompt | model | StrOutputParser()
    return chain.invoke


def _documents(services: Services) -> list[Document]:
    with services.database.read() as db:
        rows = knowledge.page(db, communities=None, kind=EntryKind.FAQ, status=EntryStatus.APPROVED, limit=100_000)
        entries = [entry_of(row) for row in rows]
    return [
        Document(page_content=passage.text, metadata={"answer": entry.answer})
        for entry in entries
        for passage in passages_of(entry)
    ]


def _joined(found: Sequence[Document]) -> str:
    return "\n".join(document.metadata["answer"] for document in found)
