"""Model cards of relation-embedding models."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from huggingface_hub import ModelCard
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.model_card import SentenceTransformerModelCardData
from torch import nn
from yaml import YAMLError, safe_dump

from st_relbert.data.sources import NOT_KNOWN, as_lines, sources_of
from st_relbert.data.training_columns import check_training_columns

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


# Settings about where a run took place, not about what it did.
_NOT_SHOWN = {"restore_callback_states_from_checkpoint", "use_cpu", "dataloader_pin_memory"}


@dataclass
class RelBERTModelCardData(SentenceTransformerModelCardData):
    """Model card data with word pairs as examples and RelBERT among the citations.

    Sentence-transformers encodes the examples whenever it saves. Its own are sentences, which a pair model cannot read.
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

    template_path: Path = field(default=Path(__file__).parent / "model_card_template.md", init=False, repr=False)
    sampler: dict[str, Any] = field(default_factory=dict, init=False)
    """The settings of the batch sampler, if the trainer has its own."""
    training_data: list[str] = field(default_factory=list, init=False)
    """A line for each data source of earlier trainings, with its licence."""
    teacher: str = field(default="", init=False)
    """The teacher of a distilled model, and its licence."""
    _sources_of_teacher: list[str] = field(default_factory=list, init=False, repr=False)
    _snippet_default_model_id = "path/to/this/model"

    def __post_init__(self) -> None:
        """Set the example pairs: two capitals, and one of another relation."""
        super().__post_init__()
        self.usage_examples: list[Any] = [["Tokyo", "Japan"], ["Paris", "France"], ["finger", "hand"]]
        self.citations = {"RelBERT": CITATION}

    def get_model_specific_metadata(self) -> dict[str, Any]:
        """Return the card's facts about the model, and the training settings that are not defaults."""
        facts = super().get_model_specific_metadata()
        model: Any = self.model
        if hasattr(model, "to_sentence_transformer") and model.reduction == "mean":
            facts["model_string"] = str(model.to_sentence_transformer())  # the modules that are saved
        facts |= {name: getattr(model, name, None) for name in ("template", "pooling", "reduction")}
        facts |= {"sources": self.sources, "teacher": self.teacher}
        shown = {**self.non_default_hyperparameters, "learning_rate": self.all_hyperparameters.get("learning_rate")}
        # A sampler of relations decides what a batch is, whatever the trainer's batch size.
        hidden = _NOT_SHOWN | ({"per_device_train_batch_size", "per_device_eval_batch_size"} if self.sampler else set())
        facts["hyperparameters"] = {
            name: value for name, value in shown.items() if value is not None and name not in hidden
        }
        return facts

    def extract_dataset_metadata(  # type: ignore[override]  # passed on
        self, dataset: Any, dataset_metadata: Any, loss: Any, dataset_type: str, **kwargs: Any
    ) -> list[dict[str, Any]]:
        """Check the columns (see `check_training_columns`), because the trainer calls this before the first batch."""
        check_training_columns(dataset, loss, dataset_type)
        return super().extract_dataset_metadata(dataset, dataset_metadata, loss, dataset_type, **kwargs)  # type: ignore[arg-type]

    @property
    def sources(self) -> list[str]:
        """A line for each data source of the model and of its teacher, with its licence."""
        lines = [line for dataset in self.train_datasets for line in dataset.get("sources", [])]
        return list(dict.fromkeys([*self.training_data, *lines, *self._sources_of_teacher]))

    def name_teacher(self, name: str, card: SentenceTransformerModelCardData) -> None:
        """Name the model that this one learns from, with the licence and data from its own card.

        The name is a hub id, or a folder, of which only the last part is shown.
        """
        called = _called(name)
        self.teacher = f"{called} (licence: {card.license or NOT_KNOWN})"
        known = card.sources if isinstance(card, RelBERTModelCardData) else []
        self._sources_of_teacher = known or as_lines({f"what {called} was trained on": NOT_KNOWN})

    def name_merged(self, models: Iterable[Any]) -> None:
        """List the training data of the merged models, given as folders, hub ids or models."""
        cards = (getattr(model, "model_card_data", None) or _card_of(os.fspath(model)) for model in models)
        self.training_data = list(dict.fromkeys(line for card in cards for line in getattr(card, "sources", [])))
        self.add_tags("merge")

    def infer_datasets(self, dataset: Any, dataset_name: str | None = None) -> list[dict[str, Any]]:
        """Describe the training sets, with their sources, of which `load_relations` stores one per line."""
        described: Any = super().infer_datasets(dataset, dataset_name)
        if not isinstance(dataset, dict):  # for a dict, this is called for each set
            [facts] = described
            # The name that a script gives a set says nothing about its source, even if a source has that name.
            found = sources_of(facts["id"]) if "id" in facts else {facts["name"] or "a set without a name": NOT_KNOWN}
            facts["sources"] = (dataset.info.license or "").splitlines() or as_lines(found)
        return list(described)

    def to_yaml(self, *args: Any, **kwargs: Any) -> str:
        """Return the card's metadata, including the data sources, which later training reads."""
        sources = safe_dump({"training_data": self.sources}, allow_unicode=True) if self.sources else ""
        return f"{super().to_yaml(*args, **kwargs)}\n{sources}".strip()

    def set_widget_examples(self, dataset: Any) -> None:
        """Show no examples: sentence-transformers takes texts from the training data, and fails on pairs."""
        self.widget = []

    def take_over(self, card: str) -> None:
        """Copy licence, language, base model and data sources from the card of the loaded model, for further training.

        An unreadable card is ignored.
        """
        try:
            metadata = ModelCard(card, ignore_metadata_errors=True).data
        except (ValueError, YAMLError):
            return
        for name in ("license", "language", "base_model"):
            setattr(self, name, getattr(self, name) or metadata.get(name))
        earlier = metadata.get("training_data")
        self.training_data = [str(line) for line in earlier] if isinstance(earlier, list) else []

    def set_base_model(self, model_id: str, revision: str | None = None) -> bool:
        """Look up the base model on the hub, unless it is a local folder, whose name must not be sent."""
        is_local = os.path.exists(model_id) or os.path.isabs(model_id)
        return False if is_local else super().set_base_model(model_id, revision)

    def try_to_set_base_model(self) -> None:
        """Do nothing: sentence-transformers would guess, and ask the hub for parts of a folder's path."""

    def set_losses(self, losses: list[nn.Module]) -> None:
        """Cite the losses of a training run, and RelBERT."""
        super().set_losses(losses)
        self.citations = {"RelBERT": CITATION, **self.citations}


def _card_of(name: str) -> RelBERTModelCardData:
    """Return card data with the data sources from a saved model's card."""
    card = RelBERTModelCardData()
    with suppress(OSError, ValueError):  # no card, or the hub cannot be reached
        card.take_over(ModelCard.load(os.path.join(name, "README.md") if os.path.isdir(name) else name).content)
    if not card.training_data:
        card.training_data = as_lines({f"what {_called(name)} was trained on": NOT_KNOWN})
    return card


def _called(name: str) -> str:
    """Return a model's hub id, or the last part of its folder."""
    return Path(name).name if os.path.exists(name) else name


def use_pair_card(model: SentenceTransformer) -> None:
    """Give a model that is trained on pairs a card with pairs as examples.

    A portable model in plain sentence-transformers has that library's card, which looks for sentences in the training
    data and fails on pairs. Cards of other classes are left alone.
    """
    plain = getattr(model, "model_card_data", None)
    if type(plain) is not SentenceTransformerModelCardData:
        return
    card = RelBERTModelCardData()
    for given in fields(plain):
        if given.name not in ("tags", "task_name", "usage_examples", "citations", "model", "template_path"):
            setattr(card, given.name, getattr(plain, given.name))
    card.add_tags(plain.tags)
    if text := getattr(model, "_model_card_text", None):
        card.take_over(text)
    card.register_model(model)
    model.model_card_data = card
