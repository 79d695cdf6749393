"""`st-relbert leakage`: find questions that contain training pairs, and score a model without them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any

import typer

from st_relbert.cli import options
from st_relbert.cli.evaluate import load_sets
from st_relbert.cli.output import percent, say, show

if TYPE_CHECKING:
    from st_relbert.data.leakage import LeakageReport

_SCORES = {
    "all": "all questions",
    "without_overlap": "without those whose stem or answer is a training pair",
    "without_shared_analogies": "without shared analogies",
}


def run(
    train: Annotated[
        list[str],
        typer.Option(metavar="SET...", help=f"{options.SETS_HELP}; relations with the same name are merged"),
    ],
    test: Annotated[
        list[str], typer.Option(metavar="SET...", help="question sets, as evaluate --analogies takes them")
    ],
    results: Annotated[
        str | None,
        typer.Option(help="output of evaluate --output: show its scores without the leaked questions"),
    ] = None,
    output: Annotated[
        str | None, typer.Option(metavar="FILE", help="write counts and rows of the questions to this JSON file")
    ] = None,
    overwrite: options.Overwrite = False,
    as_json: options.Json = False,
    quiet: options.Quiet = False,
) -> None:
    """Find training pairs in analogy questions.

    Counts the questions whose stem, right answer or any choice is a training pair: as it is, with head and tail
    swapped, and folded (either of these, ignoring case, underscores, white space and how accents are encoded). In a
    shared analogy, stem and right answer are both positives of the same training relation.
    """
    from st_relbert.data import RelationSet
    from st_relbert.data.leakage import find_leakages
    from st_relbert.files.outputs import atomic_output, check_output

    if output:
        check_output(output, overwrite)
    sets = load_sets(test)
    correct = _correct(results, sets) if results else {}
    trained = RelationSet.merge(map(RelationSet.load, train))
    reports = find_leakages(sets, trained.positives, trained.negatives)
    scores = {name: reports[name].scores(of_set) for name, of_set in correct.items()}
    found = [_as_json(name, report, scores.get(name)) for name, report in reports.items()]
    if as_json:
        show(found, as_json)
    else:
        show([row for name, report in reports.items() for row in _rows(name, report)])
        if scores:
            say("")
            accuracies = [(name, kind, *score) for name, of_set in scores.items() for kind, score in of_set.items()]
            show(
                [
                    {"set": name, "questions": n, "accuracy": "none" if x is None else percent(x), "": _SCORES[kind]}
                    for name, kind, n, x in accuracies
                ]
            )
    if output:
        with atomic_output(output) as temporary:
            temporary.write_text(json.dumps({"train": train, "results": found}) + "\n", encoding="utf-8")


def _correct(path: str, sets: Mapping[str, list[dict[str, Any]]]) -> dict[str, list[bool]]:
    """Return, for each set, which questions a model answered correctly."""
    from st_relbert.data.questions import as_questions
    from st_relbert.evaluation import read_results
    from st_relbert.evaluation.results import digest

    results = read_results(path)
    correct = {}
    for name, questions in sets.items():
        of_set = [result for result in results.values() if result.dataset == name]
        if not of_set:
            raise ValueError(f"{path!r} has no results for the set {name!r} (it has: {', '.join(results)}).")
        asked = digest(as_questions(questions))
        same = [result for result in of_set if result.digest == asked]
        if not same:
            raise ValueError(
                f"The results for {name!r} in {path!r} are for other questions. Evaluate on the same data."
            )
        correct[name] = same[0].correct or []
    return correct


def _rows(name: str, report: LeakageReport) -> Iterator[dict[str, Any]]:
    """Yield a row for each label and part of the question, with a column for each form of the pair."""
    from st_relbert.data.leakage import FORMS, PARTS, SHARED_ANALOGY, kind_name

    def cell(kind: str) -> str:
        return f"{len(report.rows[kind]):,} ({percent(report.share(kind))})"

    for label in ("positive", "negative"):
        for part in PARTS:
            cells = {form: cell(kind_name(label, part, form)) for form in FORMS}
            start = {"set": name, "questions": report.questions, "trained as": label, "part": part.replace("_", " ")}
            yield {**start, **cells}
    # Counted in any form, which is what "folded" means.
    start = {"set": name, "questions": report.questions, "trained as": "positive", "part": "shared analogy"}
    yield {**start, **dict.fromkeys(FORMS, ""), "folded": cell(SHARED_ANALOGY)}


def _as_json(name: str, report: LeakageReport, scores: Mapping[str, tuple[int, float | None]] | None) -> dict[str, Any]:
    kinds = {
        kind: {"count": len(rows), "share": report.share(kind), "rows": rows} for kind, rows in report.rows.items()
    }
    result: dict[str, Any] = {"set": name, "questions": report.questions, "kinds": kinds}
    if scores is not None:
        result["scores"] = {kind: {"questions": count, "accuracy": value} for kind, (count, value) in scores.items()}
    return result
