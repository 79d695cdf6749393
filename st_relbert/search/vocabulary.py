"""Vocabularies: words, each with the vector that a RelBERT's encoder gives it by itself."""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.numpy import save_file
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling

from st_relbert.environment import inference_context
from st_relbert.files.outputs import atomic_output
from st_relbert.identity import ModelIdentity
from st_relbert.modules import PromptTemplate
from st_relbert.pairs import check_word
from st_relbert.search.folder import WORD_VECTORS, WORDS

_LOG = logging.getLogger(__name__)


class Vocabulary:
    """Words, each with the vector that a RelBERT's encoder gives it by itself: the mean of its token vectors.

    Each word is encoded only once, however many pairs it is in later.

    Args:
        words: The words, without duplicates.
        vectors: Their vectors, `(words, d)`.
        digest: The digest of the model's weights; see `ModelIdentity`.

    Examples:
        >>> vocabulary = Vocabulary.encode(model, ["Tokyo", "Japan", "Tokyo"])
        >>> vocabulary.words, vocabulary.vectors.shape
        (['Tokyo', 'Japan'], (2, 16))
    """

    def __init__(self, words: list[str], vectors: NDArray[np.float32], digest: str) -> None:
        self.words = words
        self.vectors = vectors
        self.digest = digest
        self._rows = {word: row for row, word in enumerate(words)}

    @classmethod
    def encode(
        cls,
        model: SentenceTransformer,
        words: Iterable[str],
        *,
        known: Vocabulary | None = None,
        batch_size: int = 256,
        show_progress_bar: bool = False,
    ) -> Vocabulary:
        """Encode words.

        Args:
            model: A `RelBERT`.
            words: The words. Repeated words count once.
            known: Words that the same model has already checked and encoded.
            batch_size: Words encoded at a time.
            show_progress_bar: Show the progress.

        Raises:
            ValueError: If there are no words; one is blank, is too long for the model's prompts or contains what its
                tokenizer cannot read; `known` belongs to another model; or the model is not a RelBERT.
        """
        distinct = list(dict.fromkeys(words))
        if not distinct:
            raise ValueError("The vocabulary contains no words, expected at least one.")
        digest = ModelIdentity.of(model).digest
        if known is None:
            known = cls([], np.empty((0, encoder_dimension(model)), np.float32), digest)
        elif known.digest != digest:
            raise ValueError("The known words were encoded by another model. Encode them with this one.")
        return cls(distinct, known.look_up(distinct, model, batch_size, show_progress_bar), digest)

    @classmethod
    def kept_in(
        cls,
        folder: str | os.PathLike[str],
        model: SentenceTransformer,
        identity: ModelIdentity,
        words: Iterable[str],
        *,
        show_progress_bar: bool = False,
    ) -> Vocabulary:
        """Encode words and store their vectors in a folder. Vectors that are already there are not computed again.

        Args:
            folder: The folder. Vectors there that are damaged or belong to another model are computed again.
            model: A `RelBERT`.
            identity: The model's identity, so that its weights need not be read again.
            words: The words. Only these are in the folder from now on.
            show_progress_bar: Show the progress.

        Raises:
            ValueError: See `encode`.
        """
        kept, distinct = None, list(dict.fromkeys(words))
        with suppress(ValueError):
            loaded = cls.load(folder)
            loaded.require(identity)
            kept = loaded
        if kept is not None and kept.words == distinct:
            return kept
        vocabulary = cls.encode(model, distinct, known=kept, show_progress_bar=show_progress_bar)
        try:
            vocabulary.save(folder)
        except (ValueError, OSError) as error:  # another process is writing them, or the folder is read-only
            _LOG.warning("Cannot store the words' vectors in %s, so they will be computed again: %s", folder, error)
        return vocabulary

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Vocabulary:
        """Load a vocabulary that `save` wrote.

        Raises:
            ValueError: If there is no vocabulary, or it is damaged.
        """
        try:
            saved = json.loads(Path(path, WORDS).read_text(encoding="utf-8"))
            with safe_open(Path(path, WORD_VECTORS), "numpy") as file:
                vectors, digest_of_words = file.get_tensor("vectors"), (file.metadata() or {}).get("words")
            vocabulary = cls(saved["words"], vectors, saved["digest"])
            if digest_of_words != _digest(vocabulary.words) or len(vocabulary) != len(vectors):
                raise ValueError(f"its {len(vocabulary):,} words do not match its {len(vectors):,} vectors")
        except Exception as error:  # safetensors has its own exceptions
            raise ValueError(
                f"Cannot read the vocabulary in {str(path)!r}: {error}. Make it again with st-relbert distill."
            ) from error
        return vocabulary

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the words and their vectors into a folder, as JSON and safetensors.

        A digest of the words is stored with the vectors, so that `load` need not check each word again.
        """
        folder = Path(path)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_output(folder / WORDS) as words, atomic_output(folder / WORD_VECTORS) as vectors:
            words.write_text(json.dumps({"digest": self.digest, "words": self.words}, ensure_ascii=False), "utf-8")
            save_file({"vectors": self.vectors}, vectors, {"words": _digest(self.words)})

    def subset(self, words: Sequence[str]) -> Vocabulary:
        """Return a vocabulary of some of the words."""
        return Vocabulary(list(words), self.vectors_of(words), self.digest)

    def vectors_of(self, words: Sequence[str]) -> NDArray[np.float32]:
        """Return the vectors of some of the words, `(n, d)`."""
        return self.vectors[self.rows_of(words)]

    def rows_of(self, words: Sequence[str]) -> list[int]:
        """Return the indices of some of the words in `words` and `vectors`."""
        return [self._rows[word] for word in words]

    def look_up(
        self, words: Sequence[str], model: SentenceTransformer, batch_size: int = 256, show_progress_bar: bool = False
    ) -> NDArray[np.float32]:
        """Return the vectors of any words, `(n, d)`. The model, which must be the same, encodes unknown words."""
        new = [word for word in dict.fromkeys(words) if word not in self]
        if not new:
            return self.vectors_of(words)
        check_words(model, new)
        added = dict(zip(new, _encode(model, new, batch_size, show_progress_bar), strict=True))
        return np.stack([added[word] if word in added else self.vectors[self._rows[word]] for word in words])

    def require(self, identity: ModelIdentity) -> None:
        """Refuse a model that did not encode the words.

        Raises:
            ValueError: If the model has other weights.
        """
        if identity.digest != self.digest:
            raise ValueError(
                f"The vocabulary was encoded by another model, with the weights {self.digest[:12]}; {identity.name!r} "
                f"has {identity.digest[:12]}. Encode its words with this model."
            )

    def __contains__(self, word: object) -> bool:
        """Whether the word is in the vocabulary."""
        return word in self._rows

    def __len__(self) -> int:
        """The number of words."""
        return len(self.words)


def read_words(path: str | os.PathLike[str]) -> list[str]:
    """Read a file with one word per line, skipping blank lines. A warning says how many lines repeat a word.

    Raises:
        ValueError: If the file cannot be read, has no words, or has a line that cannot be a word.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"Cannot read the vocabulary {str(path)!r} as UTF-8 text: {error}.") from error
    numbered = [(number, line.strip()) for number, line in enumerate(lines, start=1) if line.strip()]
    for number, word in numbered:
        check_word(word, f"line {number} of the vocabulary {str(path)!r}")
    words = list(dict.fromkeys(word for _, word in numbered))
    if not words:
        raise ValueError(f"The vocabulary {str(path)!r} contains no words, expected one per line.")
    if len(words) < len(numbered):
        _LOG.warning("%d of %d lines of %s repeat a word. Each word counts once.", len(numbered) - len(words),
                     len(numbered), path)  # fmt: skip
    return words


def check_words(model: SentenceTransformer, words: Sequence[str]) -> None:
    """Raise `ValueError` if a word does not fit into the model's prompts as head and as tail."""
    for number, word in enumerate(words):
        check_word(word, f"word {number} of the vocabulary")
    if isinstance(model[0], PromptTemplate):
        # No pair of these words has a longer prompt than the longest word paired with itself.
        model[0].check_prompts([(word, word) for word in words])


def encoder_dimension(model: SentenceTransformer) -> int:
    """Return the dimension of word vectors. Raises `ValueError` if the model has no encoder that reads words."""
    prompt = model[0]
    if not isinstance(prompt, PromptTemplate):
        raise ValueError(
            f"The model begins with a {type(prompt).__name__}, expected the PromptTemplate of a RelBERT, whose encoder "
            "also reads single words. Load the model with st_relbert.RelBERT."
        )
    return int(prompt.get_embedding_dimension())


def _digest(words: Sequence[str]) -> str:
    return hashlib.blake2b("\n".join(words).encode(), digest_size=16).hexdigest()


class _WordInput(PromptTemplate):
    """Reads words instead of pairs, with the encoder and the tokenizer of a prompt template."""

    @classmethod
    def of(cls, prompt: PromptTemplate) -> _WordInput:
        reader = cls.__new__(cls)
        vars(reader).update(vars(prompt))  # nothing is loaded twice
        return reader

    def preprocess(self, inputs: Sequence[Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        self._prompt_tokenizer.check_words(inputs)
        return {**self._pad([encoding.ids for encoding in self._prompt_tokenizer(list(inputs))]), "modality": "text"}


def _encode(
    model: SentenceTransformer, words: list[str], batch_size: int, show_progress_bar: bool
) -> NDArray[np.float32]:
    prompt: Any = model[0]
    plain = SentenceTransformer(
        modules=[_WordInput.of(prompt), Pooling(encoder_dimension(model), "mean")], device=str(model.device)
    )
    with inference_context(model, model.device):
        encoded = plain.encode(words, batch_size=batch_size, show_progress_bar=show_progress_bar)
    vectors = np.asarray(encoded, np.float32)
    broken = np.flatnonzero(~np.isfinite(vectors).all(axis=1))
    if len(broken):
        raise ValueError(f"The model gives the word {words[broken[0]]!r} a vector that is not finite.")
    return vectors
