"""What a saved relation-embedding model says about itself."""

from __future__ import annotations

import os
from dataclasses import dataclass, field, fields
from typing import Any

from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.model_card import SentenceTransformerModelCardData
from torch import nn

CITATION = """
@inproceedings{ushio-etal-2021-distilling,
    title = "Distilling Relation Embeddings from Pretrained Language Models",
    author = "Ushio, Asahi and Camacho-Collados, Jose and Schockaert, Steven",
    booktitle = "Proceedings of the 2021 Conference on Empirical Methods in Natural Language Processing",
    year = "2021",
    publisher = "Association for Computational Linguistics",
    url = "https://aclanthology.org/2021.emnlp-main.712",
}
"""


@dataclass
class RelBERTModelCardData(SentenceTransformerModelCardData):
    """Model card data whose examples are pairs of words and whose citations name RelBERT.

    Sentence-transformers encodes the examples at every save; its own are sentences, which no pair model reads.
    """

    task_name: str = "relational similarity, analogy questions, lexical relation classification and relation search"
    tags: list[str] = field(
        default_factory=lambda: [
            "sentence-transformers",
            "sentence-similarity",
            "feature-extraction",
            "relation-embeddings",
            "relbert",
            "st-relbert",
        ]
    )

    def __post_init__(self) -> None:
        """Set the example pairs: two capitals, and one of another relation."""
        super().__post_init__()
        self.usage_examples: list[Any] = [["Tokyo", "Japan"], ["Paris", "France"], ["finger", "hand"]]
        self.citations = {"RelBERT": CITATION}

    def set_widget_examples(self, dataset: Any) -> None:
        """Keep the example pairs; sentence-transformers looks for texts in the training data, and fails on pairs.

        Args:
            dataset: The training data.
        """
        self.widget = []

    def set_base_model(self, model_id: str, revision: str | None = None) -> bool:
        """Look the base model up on the hub; not for a folder, whose name is nobody else's business."""
        is_local = os.path.exists(model_id) or os.path.isabs(model_id)
        return False if is_local else super().set_base_model(model_id, revision)

    def try_to_set_base_model(self) -> None:
        """Do not guess: sentence-transformers would ask the hub for parts of a folder's path."""

    def set_losses(self, losses: list[nn.Module]) -> None:
        """Cite the losses of a training run, and RelBERT."""
        super().set_losses(losses)
        self.citations = {"RelBERT": CITATION, **self.citations}


def use_pair_card(model: SentenceTransformer) -> None:
    """Give a model that is trained on pairs a card with pairs for examples.

    A portable model in plain sentence-transformers has that library's card, which looks for sentences in the training
    data and fails on pairs. A card of any other class is left alone.

    Args:
        model: The model; its card is replaced.
    """
    plain = getattr(model, "model_card_data", None)
    if type(plain) is not SentenceTransformerModelCardData:
        return
    card = RelBERTModelCardData()
    for given in fields(plain):
        if given.name not in ("tags", "task_name", "usage_examples", "citations", "model"):
            setattr(card, given.name, getattr(plain, given.name))
    card.add_tags(plain.tags)
    card.register_model(model)
    model.model_card_data = card
