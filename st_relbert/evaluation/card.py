"""Results of an evaluation in the card of a saved model."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Sequence
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

from huggingface_hub import ModelCard, ModelCardData, RepoCard

from st_relbert.evaluation.model_index import METRICS, TASKS, as_eval_result, check_results, merge_model_index
from st_relbert.evaluation.results import Result
from st_relbert.files import atomic_output
from st_relbert.model_card import RelBERTModelCardData

CARD = "README.md"
CONFIG = "finetuning_config.json"
_START = "<!-- st-relbert: evaluation results -->"
_END = "<!-- st-relbert: end of the evaluation results -->"
# From a start to the next end, without another start between: a lone start must not swallow what follows it.
_OLD_TABLE = re.compile(f"{re.escape(_START)}(?:(?!{re.escape(_START)})[\\s\\S])*?{re.escape(_END)}")
_TRAINING_DETAILS = re.compile(r"^## Training Details[ \t]*\r?\n", re.MULTILINE)
_TRAINING_HEADING = "### Training hyperparameters"


def write_results(folder: str | os.PathLike[str], results: Sequence[Result], model_name: str | None = None) -> None:
    """Write results into the card of a saved model, its ``README.md``.

    The head gets a ``model-index`` in the form of the published RelBERT cards, the text a table. Both replace those of
    an earlier call; all else stays. Where the record of the training lies beside the model
    (``finetuning_config.json``) and the text does not list its settings yet, a section lists them; of a local folder
    it gives the name only. A model without a card gets one.

    Args:
        folder: The folder of the model.
        results: The figures, for instance of :func:`st_relbert.evaluation.run_suite`.
        model_name: The model's name in the ``model-index``; by default the name there, or else that of the folder.

    Raises:
        ValueError: If the folder is no saved model, a result cannot be shown (see
            :func:`st_relbert.evaluation.model_index.check_results`), or the card or the record cannot be read.

    Source: the card of relbert/relbert-bert-base-nce-semeval2012.
    """
    check_results(results)
    path = check_model_folder(folder)
    card = _load(path / CARD) if (path / CARD).is_file() else _new_card(path.resolve().name)
    index = merge_model_index(card.data.get("model-index"), results, model_name or path.resolve().name)
    if model_name:
        index[0]["name"] = model_name
    card.data["model-index"] = index
    line_break = "\r\n" if "\r\n" in card.text else "\n"
    if (path / CONFIG).is_file():
        card.text = _with_training(card.text, _training_section(_read_config(path / CONFIG)), line_break)
    card.text = _with_table(card.text, _results_section(results), line_break)
    with atomic_output(path / CARD) as temporary:
        card.save(temporary)


def check_model_folder(folder: str | os.PathLike[str]) -> Path:
    """Make sure that a model lies in a folder, so that a card may be written there.

    Raises:
        ValueError: If it is no folder, or has neither ``modules.json`` nor ``config.json``.
    """
    path = Path(folder)
    if not path.is_dir():
        raise ValueError(
            f"{os.fspath(folder)!r} is no folder, expected that of a saved model. Save the model first, with "
            "model.save_pretrained(folder)."
        )
    if not any((path / name).is_file() for name in ("modules.json", "config.json")):
        raise ValueError(
            f"{os.fspath(folder)!r} has neither modules.json nor config.json, expected the folder of a saved model. "
            "Save the model there first, with model.save_pretrained(folder)."
        )
    return path


def _load(path: Path) -> RepoCard:
    """Read a card with its model index as it stands.

    ``ModelCard`` would take the index apart and put it together again: published entries, which have no ``config``,
    would be joined into one and lose their names. It is only asked whether the card is well-formed.
    """
    try:
        ModelCard.load(path)
        card: RepoCard = RepoCard.load(path)
    except Exception as error:  # also YAML's own, which huggingface_hub lets through
        reason = " ".join(str(error).split()).removesuffix(".")
        raise ValueError(f"{str(path)!r} cannot be read: {reason}. Correct its head, or remove the file.") from error
    if not len(card.data):
        card.data = _head()
    return card


def _head() -> ModelCardData:
    defaults = RelBERTModelCardData()
    return ModelCardData(tags=defaults.tags, pipeline_tag="sentence-similarity", library_name="sentence-transformers")


def _new_card(name: str) -> RepoCard:
    text = (
        f"\n# {name}\n\nA [sentence-transformers](https://www.SBERT.net) model that embeds the relation of two words.\n"
    )
    return RepoCard(f"---\n{_head().to_yaml()}\n---\n{text}")


def _results_section(results: Sequence[Result]) -> str:
    rows = ["| Task | Data set | Metric | Value (95 % interval) | Scored over |", "|---|---|---|---|---|"]
    for result in results:
        shown = as_eval_result(result)
        interval = " ({:.3f} to {:.3f})".format(*result.interval) if result.interval else ""
        cells = [
            TASKS[result.task].name,
            _cell(shown.dataset_name),
            METRICS[result.metric][0],
            f"{result.value:.3f}{interval}",
            f"{result.count:,} {TASKS[result.task].counted}",
        ]
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join([_START, "", "## Evaluation results", "", *rows, "", _END])


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def _with_table(text: str, section: str, line_break: str) -> str:
    section = section.replace("\n", line_break)
    if _OLD_TABLE.search(text):
        return _OLD_TABLE.sub(lambda _: section, text, count=1)
    if details := _TRAINING_DETAILS.search(text):
        start = details.start()
        return f"{text[:start]}{section}{line_break * 2}{text[start:]}"
    return _append(text, section, line_break)


def _with_training(text: str, section: str, line_break: str) -> str:
    if re.search(rf"^{_TRAINING_HEADING}[ \t]*\r?$", text, re.MULTILINE):
        return text
    section = section.replace("\n", line_break)
    if details := _TRAINING_DETAILS.search(text):
        end = details.end()
        return f"{text[:end]}{line_break}{section}{line_break}{text[end:]}"
    return _append(text, section, line_break)


def _append(text: str, section: str, line_break: str) -> str:
    separator = line_break if text.endswith("\n") else line_break * 2
    return f"{text}{separator}{section}{line_break}"


def _read_config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{str(path)!r} is not JSON: {error}. Correct it, or remove the file.") from error
    if not isinstance(config, dict):
        raise ValueError(f"{str(path)!r} holds {config!r}, expected a JSON object. Correct it, or remove the file.")
    return config


def _training_section(config: dict[str, Any]) -> str:
    """The reference library's keys, those of the loss in their place; not ``st_relbert``, which the file has."""
    facts: dict[str, Any] = {}
    for key, value in config.items():
        if key == "loss_function_config" and isinstance(value, dict):
            facts.update(value)
        elif key != "st_relbert":
            facts[key] = value
    lines = [f"- {key}: {_shown(key, value)}" for key, value in facts.items()]
    return "\n".join([_TRAINING_HEADING, "", *lines, "", f"All settings are in [{CONFIG}]({CONFIG})."])


def _shown(key: str, value: Any) -> str:
    if value is None or isinstance(value, bool | int | float):
        return str(value)
    text = " ".join(str(value).split())
    if key in ("model", "data") and _is_local(text):
        text = PureWindowsPath(text).name or "a local folder"
    # As code: Markdown would take the <subj> of a template for an HTML tag, and not show it.
    return f"`` {text} ``" if "`" in text else f"`{text}`"


def _is_local(text: str) -> bool:
    is_absolute = PurePosixPath(text).is_absolute() or PureWindowsPath(text).is_absolute()
    return is_absolute or text.startswith(("~", "."))
