"""Writes the table of docs/models.md (python scripts/models_table.py).

A line of `evaluation/models.csv` is a row: the model, how to get it, its encoder, and the file of results (below
`evaluation/`) with the name that the model has there. Cells of which the file has no figure stay empty.
"""

from __future__ import annotations

import csv
from pathlib import Path
from statistics import mean, stdev

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "models.md"
BEGIN, END = "<!-- made by scripts/models_table.py of evaluation/models.csv -->\n", "<!-- end -->\n"
SETS = {
    "U2": ("u2", "accuracy"),
    "Google": ("google", "accuracy"),
    "BATS": ("bats", "accuracy"),
    "mapping": ("relation_mapping", "accuracy"),
    "BLESS": ("BLESS", "f1_micro"),
    "ROOT09": ("ROOT09", "f1_micro"),
}


def table() -> str:
    """The table in Markdown."""
    lines = [
        f"| model | how to get it | encoder | weights | dimension | {' | '.join(SETS)} |",
        f"|---|---|---|---:|---:|{'---:|' * len(SETS)}",
    ]
    for model in _read("models.csv"):
        known = _figures(model["results"], model["row"])
        name = f"`{model['model']}`"
        facts = [name, model["how"], model["encoder"], model["parameters"], model["dimension"]]
        lines.append(f"| {' | '.join([*facts, *(known.get(column, '') for column in SETS.values())])} |")
    return "\n".join(lines) + "\n"


def page(text: str) -> str:
    """The page with the table as it is now."""
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    return f"{before}{BEGIN}\n{table()}\n{END}{after}"


def _figures(file: str, row: str) -> dict[tuple[str, str], str]:
    """The figures of a model in %, by set and metric: published ones are so already."""
    records = [record for record in _read(file) if row in (record.get("row"), record.get("model"))]
    if not records:
        raise ValueError(f"evaluation/{file} has no row {row!r}, which evaluation/models.csv names.")
    return {(record["set"].removesuffix("/test"), record["metric"]): _in_percent(record) for record in records}


def _in_percent(record: dict[str, str]) -> str:
    if "value" in record:
        return f"{float(record['value']):.1f}"
    values = [100 * float(value) for value in record["values"].split()]  # one a seed
    return f"{mean(values):.1f} ± {stdev(values):.1f}" if len(values) > 1 else f"{values[0]:.1f}"


def _read(file: str) -> list[dict[str, str]]:
    with open(ROOT / "evaluation" / file, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
