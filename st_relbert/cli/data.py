"""``st-relbert data``: make training relations."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say, show

if TYPE_CHECKING:
    from st_relbert.data import RelationSet

_SHIPPED_TESTS = ("starter/held_out_pairs", "starter/held_out_relations")

app = typer.Typer(help="Make training relations, without the pairs of test sets.")


@app.command()
def combine(
    sets: Annotated[list[str], typer.Argument(metavar="SET...", help=options.SETS_HELP)],
    output: options.RelationFile,
    exclude: options.Exclude = [],  # noqa: B006  # typer copies it
    mismatches: Annotated[
        bool,
        typer.Option(
            "--mismatches",
            help="add negatives of each relation's own words: two heads, two tails, a head and another's tail",
        ),
    ] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    """Put several relation sets together.

    Relations of the same name become one. Pairs that stand in test sets are left out, in either direction and whatever
    upper and lower case.
    """
    from st_relbert.data import RelationSet, combine_relations
    from st_relbert.data.combine import PairExclusion
    from st_relbert.data.leakage import benchmark_pairs

    check_relation_file(output, overwrite)
    loaded = [RelationSet.load(name) for name in sets]
    combination = combine_relations(loaded, PairExclusion(benchmark_pairs(exclude)), mismatches)
    written = write_relation_file(
        output, combination.relations, {"sets": sets, "mismatches": mismatches, **combination.report()}
    )
    show_dropped(combination.dropped, combination.dropped_in_all, combination.pairs)
    say(f"{combination.relations}")
    say(f"Saved {written}")


@app.command()
def wordnet(
    output: options.RelationFile,
    wordnet: Annotated[
        Path | None,
        typer.Option(
            metavar="FOLDER", help="the folder with WordNet's files (that of Debian's package, /usr/share/wordnet)"
        ),
    ] = None,
    min_count: Annotated[int, typer.Option(help="how often a word has to occur in SemCor; names need not")] = 1,
    pairs_per_relation: Annotated[int, typer.Option(help="sample this many of a larger relation")] = 200,
    min_pairs: Annotated[int, typer.Option(help="leave smaller relations out")] = 5,
    seed: Annotated[int, typer.Option(help="decides which pairs are sampled")] = 0,
    exclude: options.Exclude | None = None,
    no_exclude: Annotated[bool, typer.Option("--no-exclude", help="leave no pair out")] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
) -> None:
    r"""Make a relation set of WordNet 3.0.

    Hypernymy, instances, holonymy, attributes, entailment, cause, antonymy, derivation, pertainyms and inflection.
    Pairs that stand in test sets are left out: of the shipped questions and, if it is set, of $ST_RELBERT_DATA, unless
    others are named. Needs pip install st-relbert\[wordnet] and WordNet's files (Debian and Ubuntu: apt-get install
    wordnet-base).
    """
    from st_relbert.data.leakage import benchmark_pairs
    from st_relbert.wordnet import DEBIAN_FOLDER, WordNet, build_relations

    check_relation_file(output, overwrite)
    tests = [] if no_exclude else exclude or _default_tests()
    settings = {
        "min_count": min_count,
        "pairs_per_relation": pairs_per_relation,
        "min_pairs": min_pairs,
        "seed": seed,
    }
    build = build_relations(
        WordNet.read(wordnet or DEBIAN_FOLDER, show_progress_bar=not quiet), exclude=benchmark_pairs(tests), **settings
    )
    figures = build.report()
    written = write_relation_file(output, build.relations, {**settings, **figures})
    show([{"parent": name, **of_parent} for name, of_parent in figures["parents"].items()])
    show_dropped(build.dropped, build.dropped_in_all, build.candidates)
    say(f"{build.relations}")
    say(f"Saved {written}")


def check_relation_file(path: Path, overwrite: bool) -> None:
    """Refuse an output that cannot be written.

    Raises:
        ValueError: If it is no JSON Lines file, or it or its report cannot be written.
    """
    from st_relbert.files.outputs import check_output

    if path.suffix != ".jsonl":
        raise ValueError(f"The output is {str(path)!r}, expected a name that ends in .jsonl.")
    for each in (path, _report(path)):
        check_output(each, overwrite)


def write_relation_file(path: Path, relations: RelationSet, report: Mapping[str, Any]) -> str:
    """Write a relation set and its figures; the names of both files, in words."""
    from st_relbert.files.outputs import atomic_output

    with atomic_output(_report(path)) as temporary:
        temporary.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    with atomic_output(path) as temporary:
        lines = (json.dumps(record, ensure_ascii=False) + "\n" for record in relations.records())
        temporary.write_text("".join(lines), encoding="utf-8")
    return f"{path} and {_report(path)}"


def show_dropped(dropped: Mapping[str, int], in_all: int, pairs: int) -> None:
    """Print how many pairs were left out for each test set; a pair may stand in several."""
    if dropped:
        rows = [{"test set": name, "pairs left out": f"{count:,}"} for name, count in dropped.items()]
        show([*rows, {"test set": "all", "pairs left out": f"{in_all:,} of {pairs:,}"}])


def _report(path: Path) -> Path:
    return path.with_suffix(".report.json")


def _default_tests() -> list[str]:
    from st_relbert.data.sources import DATA_DIR_VARIABLE

    folder = os.environ.get(DATA_DIR_VARIABLE)
    return [*_SHIPPED_TESTS, *([folder] if folder else [])]
