"""`st-relbert classify`: tell the relation of each pair of a file, from a few examples."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say


@options.with_table_options
def run(
    table: Any,
    train: Annotated[str, typer.Argument(help="examples: a table of pairs with a column relation, or a relation set")],
    pairs: Annotated[str, typer.Argument(help="the pairs to tell: a table with a head and a tail")],
    model: Annotated[str, typer.Option(help=options.MODEL_HELP)],
    output: Annotated[
        str, typer.Option(help="NAME.csv or NAME.parquet: the pairs, with the columns predicted and probability")
    ],
    none: Annotated[str, typer.Option(help="the label of pairs that stand in none of the relations")] = "none",
    threshold: Annotated[
        float, typer.Option(help="say none to a pair that is less likely to stand in one of them, from 0 to 1")
    ] = 0.5,
    batch_size: options.BatchSize = 64,
    overwrite: options.Overwrite = False,
) -> None:
    """Tell the relation of each pair of a file, from a few examples of each relation.

    Pairs that stand in none of the relations are called none. Options of tables are those of the pairs.
    """
    from st_relbert.files.outputs import TABLES, check_output
    from st_relbert.files.tables import read_table
    from st_relbert.search.sources import open_pair_source

    check_output(output, overwrite, suffixes=TABLES)
    examples = [(row["head"], row["tail"], row.get("relation")) for row in open_pair_source(train)]
    if missing := next((example for example in examples if not example[2]), None):
        raise ValueError(
            f"The example {missing[0]!r}, {missing[1]!r} of {train!r} has no relation. Add a column relation: head, "
            "tail, relation."
        )
    asked = read_table(pairs, table)
    from st_relbert.sklearn import RelationClassifier, write_predictions

    classifier = RelationClassifier(model, none=none, threshold=threshold, batch_size=batch_size)
    classifier.fit([example[:2] for example in examples], [example[2] for example in examples])
    counts = write_predictions(classifier, asked, output)
    say(
        f"Saved {sum(counts.values()):,} pairs to {output}: " + ", ".join(f"{n:,} {name}" for name, n in counts.items())
    )
