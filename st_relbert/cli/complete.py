"""`st-relbert complete` and `classify`: complete analogies, and classify the relations of pairs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say, show, words_given
from st_relbert.pairs import check_relation_name, counted

if TYPE_CHECKING:
    from st_relbert.search import AnalogyCompleter, RelationIndex


Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[INDEX] HEAD TAIL WORD",
        help="an index, unless --model is given, and three words, for example Tokyo Japan Paris",
    ),
]
Queries = Annotated[
    str | None,
    typer.Option(
        metavar="FILE",
        help="instead of words: a file with HEAD, TAIL and WORD on each line, separated by tabs; - reads the standard "
        "input",
    ),
]
Candidates = Annotated[
    str | None,
    typer.Option(
        metavar="FILE", help="candidates: a text file with one word per line; default: those of the index or scorer"
    ),
]
Shortlist = Annotated[
    int | None,
    typer.Option(metavar="N", min=1, help="how many candidates the model re-ranks; default: as many as help"),
]


def complete(
    words: Words = None,
    queries: Queries = None,
    k: options.HowMany = 10,
    vocabulary: Candidates = None,
    scorer: options.Scorer = None,
    shortlist: Shortlist = None,
    model: Annotated[str | None, typer.Option(help=f"{options.MODEL_HELP}; default: the index's")] = None,
    batch_size: options.BatchSize = 64,
    fast: options.Fast = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Complete an analogy: Tokyo is to Japan as Paris is to which word?

    Finds words w such that (WORD, w) has the same relation as (HEAD, TAIL). Candidates are proposed by word vectors and
    re-ranked by the model. With an index, its pairs that are similar to HEAD and TAIL are used as further examples, and
    the known tails of WORD are always candidates.
    """
    from st_relbert.search import RelationIndex, read_queries

    index, asked = _index_and_question(words or [], bool(queries))
    if index is None and not (model and (vocabulary or scorer)):
        raise ValueError(
            f"{words_given(asked)}, so there is no index, expected one before three words, such as idx Tokyo Japan "
            "Paris. Or pass --model and --vocabulary (or --scorer) instead of an index."
        )
    opened = RelationIndex.open(index, model) if index else None
    completer: AnalogyCompleter | None = None
    for query in read_queries(queries, "three words", lambda count: count == 3) if queries else [asked]:
        if completer is None:  # load the model only after the arguments are checked
            completer = _completer(opened, model, vocabulary, scorer, shortlist, batch_size, fast, quiet)
        head, tail, word = query
        found = completer((head, tail), word, k)
        if as_json:
            repeated = {"query": query} if queries else {}
            show([{**repeated, **each._asdict()} for each in found], as_json)
            continue
        if queries:
            say(f"{head} is to {tail} as {word} is to")
        followers = opened.tails(word) if opened else []
        show(
            [
                {"score": f"{score:.3f}", "word": each, "pair": "in the index" if each in followers else ""}
                for each, score in found
            ]
        )


def _index_and_question(words: Sequence[str], queries: bool) -> tuple[str | None, Sequence[str]]:
    index, asked = (words[0], words[1:]) if len(words) % 3 == 1 else (None, words)
    if bool(asked) == queries or len(asked) not in (0, 3):
        raise ValueError(
            f"{words_given(words)}, expected an index and three words, such as idx Tokyo Japan Paris (or --queries "
            "instead of the words). Without an index, pass --model and three words."
        )
    return index, asked


def _completer(
    index: RelationIndex | None,
    model: str | None,
    vocabulary: str | None,
    scorer: str | None,
    shortlist: int | None,
    batch_size: int,
    fast: bool,
    quiet: bool,
) -> AnalogyCompleter:
    from st_relbert import RelBERT
    from st_relbert.search import AnalogyCompleter, PairScorer, Vocabulary, read_words

    settings: dict[str, Any] = {"batch_size": batch_size, "show_progress_bar": not quiet}
    if shortlist is not None:
        settings["shortlist"] = shortlist
    if index is not None and not (vocabulary or scorer):
        return AnalogyCompleter.of_index(index, **settings)
    # Files are read before the model is loaded, which is slower.
    known = Vocabulary.load(scorer) if scorer else None
    proposes = PairScorer.load(scorer) if scorer else None
    if vocabulary:
        words = read_words(vocabulary)
    else:
        words = index.words() if index is not None else known.words if known is not None else []
    loaded = index.model if index is not None else RelBERT(model, fast=fast)
    encoded = Vocabulary.encode(loaded, words, known=known, show_progress_bar=not quiet)
    return AnalogyCompleter(loaded, encoded, index=index, scorer=proposes, **settings)


@options.with_table_options
def classify(
    table: Any,
    train: Annotated[str, typer.Argument(help="examples: a table of pairs with a column relation, or a relation set")],
    pairs: Annotated[str, typer.Argument(help="the pairs to classify: a table with a head and a tail")],
    model: Annotated[str, typer.Option(help=options.MODEL_HELP)],
    output: Annotated[
        str, typer.Option(help="NAME.csv or NAME.parquet: the pairs, with the columns predicted and probability")
    ],
    none: Annotated[str, typer.Option(help="label of pairs that have none of the relations")] = "none",
    threshold: Annotated[
        float, typer.Option(help="label a pair none if its probability of having a relation is below this, from 0 to 1")
    ] = 0.5,
    batch_size: options.BatchSize = 64,
    overwrite: options.Overwrite = False,
) -> None:
    """Classify the relation of each pair in a file, from a few examples of each relation.

    Pairs that have none of the relations are labelled none. The table options apply to the pairs.
    """
    from st_relbert.files.outputs import TABLES, check_output
    from st_relbert.files.tables import read_table
    from st_relbert.search import open_pair_source
    from st_relbert.sklearn import RelationClassifier, schema_of_predictions, write_predictions

    check_output(output, overwrite, suffixes=TABLES)
    rows = list(open_pair_source(train))
    labels = [_label(row, train) for row in rows]
    asked = read_table(pairs, table)
    schema_of_predictions(asked, output)  # before the model is loaded
    classifier = RelationClassifier(model, none=none, threshold=threshold, batch_size=batch_size)
    classifier.fit([(row["head"], row["tail"]) for row in rows], labels)
    counts = write_predictions(classifier, asked, output)
    say(
        f"Saved {counted(sum(counts.values()), 'pair')} to {output}: "
        + ", ".join(f"{n:,} {name}" for name, n in counts.most_common())
    )


def _label(row: Mapping[str, Any], path: str) -> str:
    relation, example = row.get("relation"), f"The example {row['head']!r}, {row['tail']!r} of {path!r}"
    if relation is None:
        raise ValueError(f"{example} has no relation. Examples need the columns head, tail and relation.")
    return check_relation_name(relation, example)
