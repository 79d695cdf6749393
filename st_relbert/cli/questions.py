"""`st-relbert data questions`: make a quiz of pairs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from st_relbert.cli import options
from st_relbert.cli.output import say


def run(
    pairs: Annotated[list[str], typer.Argument(metavar="SET...", help=options.SETS_HELP)],
    output: Annotated[
        Path, typer.Option(metavar="FILE", help="quiz.jsonl or quiz.csv, which evaluate reads; or quiz.html, to print")
    ],
    choices: Annotated[int, typer.Option(help="pairs to choose from in each question")] = 5,
    difficulty: Annotated[
        Literal["easy", "hard"],
        typer.Option(help="easy: wrong choices of unlike relations; hard: those that the model puts near the stem"),
    ] = "easy",
    model: Annotated[str | None, typer.Option(help=f"for hard questions: {options.MODEL_HELP}")] = None,
    count: Annotated[int, typer.Option(metavar="N", help="questions; fewer if the pairs do not suffice")] = 20,
    seed: Annotated[int, typer.Option(help="decides which pairs are asked about, and the wrong choices")] = 0,
    template: options.Template = None,
    pooling: options.Pooling = None,
    overwrite: options.Overwrite = False,
) -> None:
    """Make analogy questions of pairs and their relations.

    Stem and answer are pairs of one relation. Wrong choices are pairs of others, or reversed ones. No pair is
    asked about twice. CSV and HTML hold an answer key.
    """
    from st_relbert.data import RelationSet, make_questions
    from st_relbert.data.make_questions import check_wanted
    from st_relbert.files.outputs import check_output
    from st_relbert.files.question_sheets import check_sheet_name, write_questions

    check_sheet_name(output)
    check_output(output, overwrite)
    check_wanted(choices, difficulty, bool(model), count)
    relations = RelationSet.merge(map(RelationSet.load, pairs))
    loaded = None
    if model:
        from st_relbert import RelBERT

        loaded = RelBERT(model, template=template, pooling=pooling)  # type: ignore[arg-type]  # it checks them
    questions = make_questions(relations, choices=choices, difficulty=difficulty, model=loaded, count=count, seed=seed)
    write_questions(questions, output)
    if len(questions) < count:
        say(f"The pairs suffice for {len(questions):,} of {count:,} questions, as each is asked about once.")
    of_relations = len({question["prefix"] for question in questions})
    say(f"Saved {len(questions):,} questions on {of_relations:,} relations to {output}")
