"""`st-relbert data`: make training relations."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say, show
from st_relbert.pairs import counted

if TYPE_CHECKING:
    from st_relbert.data import RelationBuild
    from st_relbert.data.triples import Triple, TripleBuild

app = typer.Typer(help="Make relation sets for training, without the pairs of test sets; and make analogy questions.")

_COLUMNS = ("head", "relation", "tail")

Least = Annotated[int, typer.Option(help="leave out relations with fewer pairs")]
Most = Annotated[int, typer.Option(help="sample this many pairs of a larger relation; 0: take all")]
Words = Annotated[int, typer.Option(help="leave out pairs whose head or tail has more words; 0: take all")]
Only = Annotated[list[str], typer.Option("--relations", metavar="NAME...", help="take these relations only")]
Without = Annotated[list[str], typer.Option(metavar="NAME...", help="leave out these relations")]
Seed = Annotated[int, typer.Option(help="random seed of the sample")]
Tests = Annotated[
    list[str] | None,
    typer.Option(
        "--exclude",
        metavar="SET...",
        help="test sets whose pairs are left out, as for combine; default: the shipped questions and, if set, "
        "$ST_RELBERT_DATA",
    ),
]
NoExclude = Annotated[bool, typer.Option("--no-exclude", help="do not leave out any pairs")]


@app.command()
def combine(
    sets: Annotated[list[str], typer.Argument(metavar="SET...", help=options.SETS_HELP)],
    output: options.RelationFile,
    exclude: options.Exclude = [],  # noqa: B006  # typer copies it
    weight: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=W...",
            help="train W times as often on the relations of a set, given by its name or its file's stem: own=2",
        ),
    ] = [],  # noqa: B006
    mismatches: Annotated[
        bool,
        typer.Option(
            "--mismatches",
            help="add negatives made from each relation's own words: two heads, two tails, a head with another's tail",
        ),
    ] = False,
    least: Least = 1,
    most: Annotated[int, typer.Option(help="sample this many pairs of each relation; 0: take all")] = 0,
    seed: Seed = 0,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Combine several relation sets.

    Relations with the same name become one, with the largest of their weights. Pairs that occur in test sets are left
    out, in either direction, ignoring case, underscores and how accents are encoded.
    """
    from st_relbert.data import PairExclusion, RelationSet, combine_relations
    from st_relbert.data.combine import weigh_sets
    from st_relbert.data.leakage import benchmark_pairs
    from st_relbert.data.sources import sources_of

    _check_output(output, overwrite)
    weights = _weights(weight)
    loaded = weigh_sets({name: RelationSet.load(name) for name in sets}, weights)
    tests = PairExclusion(benchmark_pairs(exclude))
    build = combine_relations(loaded, tests, mismatches=mismatches, least=least, most=most or None, seed=seed)
    settings = {"mismatches": mismatches, "least": least, "most": most, "seed": seed}
    sources = {source: licence for name in sets for source, licence in sources_of(name).items()}
    _write(build, output, {"sets": sets, "weights": weights, **settings, "sources": sources})


def _weights(given: list[str]) -> dict[str, float]:
    weights: dict[str, float] = {}
    for text in given:
        name, _, number = text.rpartition("=")
        try:
            weight = float(number)
        except ValueError:
            weight = float("nan")
        if not name or math.isnan(weight):
            raise ValueError(f"The weight is {text!r}, expected NAME=W, such as own=2.")
        if name in weights:
            raise ValueError(f"The set {name!r} has two weights, {weights[name]:g} and {number}. Remove one.")
        weights[name] = weight
    return weights


@app.command()
def wordnet(
    output: options.RelationFile,
    wordnet: Annotated[
        str, typer.Option(metavar="FILE", help="a file in the format WN-LMF, or an id that the library wn downloads")
    ] = "oewn:2024",
    min_count: Annotated[
        int, typer.Option(help="minimum number of the wordnet's definitions and examples that contain a word")
    ] = 1,
    least: Least = 5,
    most: Most = 200,
    words: Words = 3,
    relations: Only = [],  # noqa: B006
    without: Without = [],  # noqa: B006
    seed: Seed = 0,
    exclude: Tests = None,
    no_exclude: NoExclude = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    r"""Make a relation set from a wordnet.

    Hypernymy, instances, holonymy, attributes, entailment, cause, synonyms, opposites, derivations by meaning,
    pertainyms, irregular inflection, and what definitions state ("a young ...", "lacking ...", "the study of ...").
    Pairs that occur in test sets are left out. Needs pip install st-relbert\[wordnet].
    """
    from st_relbert.data.wordnet import WordNet, wordnet_triples

    _check_output(output, overwrite)
    tests = _tests(exclude, no_exclude)
    settings = {"least": least, "most": most, "words": words, "seed": seed}
    network = WordNet.read(wordnet, show_progress_bar=not quiet)
    triples = wordnet_triples(network, min_count=min_count)
    build = _of_triples(triples, tests, relations, without, **settings)
    _write(build, output, {"wordnet": wordnet, "min_count": min_count, **settings, "sources": network.source})


@app.command()
def triples(
    files: Annotated[list[str], typer.Argument(metavar="FILE...", help="files, plain or compressed, or folders")],
    output: options.RelationFile,
    columns: Annotated[
        tuple[str, str, str],
        options.of_tables(help="the three columns of a table: names, or numbers from 1", metavar="HEAD RELATION TAIL"),
    ] = _COLUMNS,
    format: Annotated[
        str,
        typer.Option(
            help="table (CSV, TSV, JSON Lines, Parquet), conceptnet (dump, or lines of relation, head, tail), facts "
            "(LAMA, ParaRel, T-REX), lre, docred; auto detects it from the beginning of each file"
        ),
    ] = "auto",
    no_header: options.NoHeader = False,
    separator: options.Separator = None,
    encoding: options.Encoding = None,
    least: Least = 5,
    most: Most = 1000,
    words: Words = 3,
    relations: Only = [],  # noqa: B006
    without: Without = [],  # noqa: B006
    seed: Seed = 0,
    exclude: Tests = None,
    no_exclude: NoExclude = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Make a relation set from a knowledge graph, or from facts.

    Files of heads, relations and tails of any size become a relation set. Pairs that occur in test sets are left out.
    Reversed pairs become negatives, except in symmetric relations.
    """
    from st_relbert.data.graphs import check_apart, read_triples, sources_of_triples
    from st_relbert.files.options import TableOptions

    check_apart(output, files)
    _check_output(output, overwrite)
    tests = _tests(exclude, no_exclude)
    named = no_header or columns != _COLUMNS
    head, relation, tail = ("1", "2", "3") if no_header and columns == _COLUMNS else columns
    table = TableOptions(
        columns=(head, tail), relation=relation, header=not no_header, separator=separator, encoding=encoding
    )
    kind = "table" if named and format == "auto" else format
    read = read_triples(files, format=kind, options=table, show_progress_bar=not quiet)
    settings = {"least": least, "most": most, "words": words, "seed": seed}
    build = _of_triples(read, tests, relations, without, **settings)
    sources = sources_of_triples(files, kind, table)
    _write(build, output, {"files": files, "format": format, "columns": columns, **settings, "sources": sources})


@app.command()
def questions(
    pairs: Annotated[list[str], typer.Argument(metavar="SET...", help=options.SETS_HELP)],
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="quiz.jsonl or quiz.csv, for evaluate; or quiz.html, to print")
    ],
    choices: Annotated[int, typer.Option(help="number of choices per question")] = 5,
    difficulty: Annotated[
        Literal["easy", "hard"],
        typer.Option(help="easy: wrong choices from unrelated relations; hard: those the model finds like the stem"),
    ] = "easy",
    model: Annotated[str | None, typer.Option(help=f"for hard questions: {options.MODEL_HELP}")] = None,
    count: Annotated[int, typer.Option(metavar="N", help="number of questions; fewer if there are too few pairs")] = 20,
    seed: Annotated[int, typer.Option(help="random seed of the questions and their wrong choices")] = 0,
    template: options.Template = None,
    pooling: options.Pooling = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Make analogy questions from pairs and their relations.

    Stem and answer are pairs of one relation. Wrong choices are pairs of other relations, or reversed pairs. No pair is
    asked about twice. CSV and HTML include an answer key.
    """
    from st_relbert.data import RelationSet, make_questions
    from st_relbert.data.make_questions import check_wanted
    from st_relbert.files.outputs import check_output
    from st_relbert.files.question_sheets import WRITERS, write_questions

    check_output(output, overwrite, suffixes=tuple(WRITERS))
    check_wanted(choices, difficulty, bool(model), count)
    relations = RelationSet.merge(map(RelationSet.load, pairs))
    loaded = None
    if model:
        from st_relbert import RelBERT

        loaded = RelBERT(model, template=template, pooling=pooling)  # type: ignore[arg-type]  # it checks them
    made = make_questions(relations, choices=choices, difficulty=difficulty, model=loaded, count=count, seed=seed)
    write_questions(made, output)
    if len(made) < count:
        say(f"There are enough pairs for {len(made):,} of {count:,} questions, because no pair is asked about twice.")
    of_relations = len({question["prefix"] for question in made})
    say(f"Saved {counted(len(made), 'question')} on {counted(of_relations, 'relation')} to {output}")


def _of_triples(
    triples: Iterable[Triple], tests: list[str], relations: list[str], without: list[str], **numbers: int
) -> TripleBuild:
    from st_relbert.data import PairExclusion
    from st_relbert.data.leakage import benchmark_pairs
    from st_relbert.data.triples import relations_of_triples

    return relations_of_triples(
        triples,
        PairExclusion(benchmark_pairs(tests)),
        relations=relations,
        without=without,
        least=numbers["least"],
        most=numbers["most"] or None,
        words=numbers["words"] or None,
        seed=numbers["seed"],
    )


def _tests(exclude: list[str] | None, no_exclude: bool) -> list[str]:
    """Return the names of the test sets whose pairs are left out."""
    from st_relbert.data.shipped import QUESTION_SETS, SHIPPED
    from st_relbert.data.sources import DATA_DIR_VARIABLE, STARTER

    if exclude or no_exclude:
        if exclude and no_exclude:
            raise ValueError("--exclude names test sets, but --no-exclude leaves out no pairs. Pass one of the two.")
        return exclude or []
    shipped = [f"{SHIPPED}/{name}" for name in QUESTION_SETS]
    shipped += [f"{STARTER}/held_out_pairs", f"{STARTER}/held_out_relations"]
    folder = os.environ.get(DATA_DIR_VARIABLE)
    return [*shipped, *([folder] if folder else [])]


def _check_output(path: Path, overwrite: bool) -> None:
    from st_relbert.data.sources import report_of
    from st_relbert.files.outputs import check_output

    check_output(path, overwrite, suffixes=(".jsonl",))
    check_output(report_of(path), overwrite)


def _write(build: RelationBuild, output: Path, settings: Mapping[str, Any]) -> None:
    """Write a relation set and its report, and print a summary."""
    from st_relbert.data.sources import report_of
    from st_relbert.files.outputs import atomic_output

    figures = build.report()
    with atomic_output(report_of(output)) as temporary:
        temporary.write_text(json.dumps({**settings, **figures}, indent=1) + "\n", encoding="utf-8")
    with atomic_output(output) as temporary:
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in build.relations.records())
        temporary.write_text("".join(lines), encoding="utf-8")
    if len(figures["parents"]) < len(build.relations.names):
        show([{"parent": name, **of_parent} for name, of_parent in figures["parents"].items()])
    if symmetric := figures.get("symmetric"):
        say(f"Symmetric, so without negatives: {', '.join(symmetric)}")
    if inverse := figures.get("inverse"):
        say(f"Inverse of each other: {', '.join(map(' and '.join, inverse))}")
    if left_out := figures.get("left_out"):
        say(f"Triples left out: {', '.join(f'{count:,} ({reason})' for reason, count in left_out.items())}")
    if build.dropped:  # a pair may occur in several test sets
        rows = [{"test set": name, "pairs left out": f"{count:,}"} for name, count in build.dropped.items()]
        show([*rows, {"test set": "all", "pairs left out": f"{build.dropped_in_all:,} of {build.pairs:,}"}])
    say(f"{build.relations}")
    say(f"Saved {output} and {report_of(output)}")
