"""`st-relbert distill`: make the small model that proposes pairs for a RelBERT."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say


def run(
    model: options.Model,
    output: Annotated[Path, typer.Option(help="the folder to write")],
    vocabulary: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="words to encode now, so that no later command has to: a word a line"),
    ] = None,
    train_data: Annotated[
        list[str],
        typer.Option("--train-data", metavar="SET...", help=f"default: relations, those shipped. {options.SETS_HELP}"),
    ] = [],  # noqa: B006  # typer copies it
    steps: Annotated[int, typer.Option(help="batches to train on")] = 1000,
    hidden: Annotated[int, typer.Option(help="size of its hidden layer")] = 512,
    seed: Annotated[int, typer.Option(help="decides the first weights and the batches")] = 0,
    fast: options.Fast = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a scorer: the small model that proposes pairs, of which a RelBERT decides.

    It scores all pairs of a vocabulary from the vectors of single words, and is trained on relation sets in minutes. It
    belongs to one model; `complete` and `mine` take it with --scorer.
    """
    from st_relbert import RelBERT
    from st_relbert.data import RelationSet
    from st_relbert.files.outputs import atomic_output, check_output
    from st_relbert.search import PairScorer, Vocabulary, read_words, train_scorer

    check_output(output, overwrite, folder_of="scorer.json")
    words = read_words(vocabulary) if vocabulary else []
    relations = RelationSet.merge([RelationSet.load(name) for name in train_data or ["relations"]])
    loaded = RelBERT(model, fast=fast)
    own = [
        word
        for pairs in (*relations.positives.values(), *relations.negatives.values())
        for pair in pairs
        for word in pair
    ]
    encoded = Vocabulary.encode(loaded, [*words, *own], show_progress_bar=not quiet)
    scorer: PairScorer = train_scorer(
        encoded, relations, hidden=hidden, steps=steps, seed=seed, show_progress_bar=not quiet
    )
    with atomic_output(output) as temporary:
        scorer.save(temporary)
        encoded.subset(words or encoded.words).save(temporary)
    say(f"Saved the scorer and {len(words) or len(encoded):,} words to {output}")
