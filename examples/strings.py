r"""Relation vectors for frameworks that embed strings: LangChain, LlamaIndex, Haystack.

    from strings import PairEmbeddings

    store = InMemoryVectorStore(PairEmbeddings("relbert-nce"))  # LangChain
    store.add_texts(["Tokyo\tJapan", "finger\thand"])
    store.similarity_search("Paris\tFrance", k=1)

A pair is one string with a tab between its words. The methods are those of LangChain's `Embeddings`; LangChain accepts
any object that has them. LlamaIndex's `LangchainEmbedding` wraps it. A Haystack component can call `embed_documents`.
"""

from __future__ import annotations

from st_relbert import RelBERT


def as_pair(text: str) -> tuple[str, str]:
    """Split a string into its two words."""
    words = tuple(word.strip() for word in text.split("\t"))
    if len(words) != 2 or not all(words):
        raise ValueError(f"Got {text!r}, expected two words that a tab separates, such as 'Tokyo\\tJapan'.")
    return words


class PairEmbeddings:
    """Embeds pairs written as strings.

    Args:
        model: A saved model: folder or hub id.
    """

    def __init__(self, model: str) -> None:
        self.model = RelBERT(model, fast=True)

    def embed_documents(self, texts: list[str]) -> list[list[float]]:
        """Return one vector per string."""
        pairs = [as_pair(text) for text in texts]
        return self.model.encode(pairs, normalize_embeddings=True, show_progress_bar=False).tolist()

    def embed_query(self, text: str) -> list[float]:
        """Return the vector of one string."""
        return self.embed_documents([text])[0]
