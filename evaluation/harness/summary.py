"""Runs in, table out: mean and spread over seeds, beside what was published."""

from __future__ import annotations

import csv
import statistics
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

PUBLISHED = Path(__file__).parent.parent / "published.csv"

Published = dict[tuple[str, str, str], tuple[float, str]]


class Cell(NamedTuple):
    """The figures of a model on a set by a metric; shares and correlations as they are, not in percent."""

    row: str
    task: str
    set: str
    metric: str
    mean: float
    sd: float | None
    low: float | None
    high: float | None
    count: int
    seeds: str
    values: str
    published: float | None
    source: str


def read_published(models: Mapping[str, str], path: Path = PUBLISHED) -> Published:
    """The published figures of some models, as shares, and where each was published.

    The file has the columns model, set, metric, value (in %) and source.

    Args:
        models: The name of each row, and the published model it stands for.
        path: The file.
    """
    with path.open(encoding="utf-8", newline="") as file:
        lines = list(csv.DictReader(file))
    return {
        (row, line["set"], line["metric"]): (round(float(line["value"]) / 100, 6), line["source"])
        for row, model in models.items()
        for line in lines
        if line["model"] == model
    }


def summarise(runs: Iterable[dict[str, Any]], published: Published) -> list[Cell]:
    """One cell for each row, set and metric.

    ``sd`` is the standard deviation over the seeds, of which there have to be two. ``low`` and ``high`` bound the 95 %
    bootstrap interval over the questions, averaged over the seeds: the one says what another training run may give, the
    other what other questions may.
    """
    found: dict[tuple[str, str, str, str], list[tuple[int, dict[str, Any]]]] = {}
    for run in runs:
        for result in run["results"]:
            key = run["row"], result["task"], result["dataset"], result["metric"]
            found.setdefault(key, []).append((run["seed"], result))
    return [_cell(*key, seeded, published) for key, seeded in found.items()]


def _cell(
    row: str,
    task: str,
    name: str,
    metric: str,
    seeded: list[tuple[int, dict[str, Any]]],
    published: Published,
) -> Cell:
    seeds, results = zip(*sorted(seeded, key=lambda item: item[0]), strict=True)
    values = [result["value"] for result in results]
    low = high = None
    if all(result["interval"] for result in results):
        low, high = (
            round(statistics.mean(bounds), 4) for bounds in zip(*(r["interval"] for r in results), strict=True)
        )
    figure, source = published.get((row, name, metric), (None, ""))
    return Cell(
        row=row,
        task=task,
        set=name,
        metric=metric,
        mean=round(statistics.mean(values), 4),
        sd=round(statistics.stdev(values), 4) if len(values) > 1 else None,
        low=low,
        high=high,
        count=results[0]["count"],
        seeds=" ".join(map(str, seeds)),
        values=" ".join(f"{value:.4f}" for value in values),
        published=figure,
        source=source,
    )


def write_csv(path: Path, cells: Sequence[Cell]) -> None:
    """Write the cells, one a line."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(Cell._fields)
        writer.writerows(cells)


def as_markdown(title: str, cells: Sequence[Cell]) -> str:
    """A table with a line a model, and its published figures in a line of their own."""
    columns = list(dict.fromkeys((cell.set, cell.metric) for cell in cells))
    by_key = {(cell.row, cell.set, cell.metric): cell for cell in cells}
    heads = [f"{name} ({metric.replace('_', ' ')})" for name, metric in columns]
    lines = [title, "", f"| | {' | '.join(heads)} |", f"|---|{'---:|' * len(heads)}"]
    for row in dict.fromkeys(cell.row for cell in cells):
        of_row = [by_key.get((row, *column)) for column in columns]
        lines.append(f"| {row} | {' | '.join(_figure(cell) for cell in of_row)} |")
        if any(cell and cell.published is not None for cell in of_row):
            lines.append(f"| *published* | {' | '.join(_published(cell) for cell in of_row)} |")
    return "\n".join(lines) + "\n"


def _figure(cell: Cell | None) -> str:
    if cell is None:
        return ""
    spread = f" ± {_shown(cell.sd, cell)}" if cell.sd is not None else ""
    interval = f" [{_shown(cell.low, cell)}, {_shown(cell.high, cell)}]" if cell.low is not None else ""
    return f"{_shown(cell.mean, cell)}{spread}{interval}"


def _published(cell: Cell | None) -> str:
    return "" if cell is None or cell.published is None else f"*{_shown(cell.published, cell)}*"


def _shown(value: float | None, cell: Cell) -> str:
    if value is None:
        return ""
    return f"{value:.3f}" if cell.metric == "spearman" else f"{100 * value:.1f}"  # a correlation is no share
