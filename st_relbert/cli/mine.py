"""`st-relbert distill` and `mine`: train a scorer, and find pairs of a vocabulary with it and the model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.output import resumable, say
from st_relbert.pairs import check_seed, counted

if TYPE_CHECKING:
    from st_relbert.search import Vocabulary

_TWO_LISTS = "two lists of words"


def distill(
    model: options.Model,
    output: Annotated[Path, typer.Option(help="the folder to write")],
    vocabulary: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="words to encode now, so that later commands need not: one word per line"),
    ] = None,
    train_data: Annotated[
        list[str],
        typer.Option("--train-data", metavar="SET...", help=f"default: relations, those shipped. {options.SETS_HELP}"),
    ] = [],  # noqa: B006  # typer copies it
    steps: Annotated[int, typer.Option(min=1, help="batches to train on")] = 1000,
    hidden: Annotated[int, typer.Option(min=1, help="size of its hidden layer")] = 512,
    seed: Annotated[int, typer.Option(help="random seed of the initial weights and the batches")] = 0,
    fast: options.Fast = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Train a scorer: a small model that proposes pairs for a RelBERT to re-rank.

    It scores all pairs of a vocabulary from the vectors of single words. Training on relation sets takes minutes. A
    scorer belongs to one model; pass it to `complete` and `mine` with --scorer.
    """
    from st_relbert import RelBERT
    from st_relbert.data import RelationSet
    from st_relbert.files.outputs import atomic_output, check_output
    from st_relbert.search import PairScorer, Vocabulary, read_words, train_scorer

    check_output(output, overwrite, folder_of="scorer.json")
    check_seed(seed)
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
    say(f"Saved the scorer and {counted(len(words) or len(encoded), 'word')} to {output}")


@options.with_table_options
def mine(
    table: Any,
    examples: Annotated[
        str, typer.Option(metavar="FILE", help="pairs that have the relation: a table with head and tail")
    ],
    model: Annotated[str, typer.Option(help=options.MODEL_HELP)],
    output: Annotated[Path, typer.Option(help="NAME.csv or NAME.parquet, to write: head, tail, score")],
    scorer: options.Scorer = None,
    vocabulary: options.Vocabulary = None,
    heads: Annotated[
        str | None, typer.Option(metavar="FILE", help="words that may be heads", rich_help_panel=_TWO_LISTS)
    ] = None,
    tails: Annotated[
        str | None, typer.Option(metavar="FILE", help="words that may be tails", rich_help_panel=_TWO_LISTS)
    ] = None,
    k: options.HowMany = 100,
    shortlist: Annotated[int, typer.Option(metavar="N", min=1, help="how many pairs the model re-ranks")] = 5000,
    tails_per_head: Annotated[
        int, typer.Option(metavar="N", min=1, help="at most this many of them with the same head")
    ] = 10,
    batch_size: options.BatchSize = 64,
    fast: options.Fast = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Find the pairs of a vocabulary that have the same relation as a few examples.

    A scorer proposes the best of all pairs, and the model re-ranks them. After an interruption, the same command
    resumes.
    """
    from st_relbert import RelBERT
    from st_relbert.files.outputs import TABLES, check_output
    from st_relbert.search import PairScorer, Vocabulary, mine_pairs, open_pair_source, write_pairs

    check_output(output, overwrite, suffixes=TABLES)
    pairs = [(row["head"], row["tail"]) for row in open_pair_source(examples, table)]
    known = Vocabulary.load(scorer) if scorer else None
    of_heads, of_tails = (_words(file or vocabulary, known) for file in (heads, tails))
    loaded = RelBERT(model, fast=fast)
    encoded = Vocabulary.encode(loaded, [*of_heads, *of_tails], known=known, show_progress_bar=not quiet)
    with resumable():
        found = mine_pairs(
            loaded,
            pairs,
            encoded.subset(of_heads),
            encoded.subset(of_tails),
            scorer=PairScorer.load(scorer) if scorer else None,
            k=k,
            shortlist=shortlist,
            tails_per_head=tails_per_head,
            state=f"{output}.partial",
            batch_size=batch_size,
            show_progress_bar=not quiet,
        )
    write_pairs(found, output)
    say(f"Saved {counted(len(found), 'pair')} to {output}")


def _words(file: str | None, known: Vocabulary | None) -> list[str]:
    from st_relbert.search import read_words

    if file is not None:
        return read_words(file)
    if known is None:
        raise ValueError("There are no words to search. Pass a file of words: --vocabulary, or --heads and --tails.")
    return known.words
