"""`st-relbert train`: train a relation-embedding model."""

from __future__ import annotations

import inspect
import logging
import shlex
from dataclasses import MISSING, Field, fields
from typing import Annotated, Any, Literal, get_args, get_origin, get_type_hints

import typer

from st_relbert.cli import options
from st_relbert.cli.output import Interrupted, say
from st_relbert.settings import TrainingSettings, preset_names, read_preset


def run(
    *,
    output: Annotated[str, typer.Option(help="folder for the trained model")],
    preset: Annotated[
        str | None, typer.Option(help=f"settings to start from: {', '.join(preset_names())}, or a JSON file")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="resume an interrupted run")] = False,
    overwrite: options.Overwrite = False,
    quiet: options.Quiet = False,
    **given: Any,
) -> None:
    """Train a relation-embedding model, and save it for sentence-transformers.

    Settings that you do not pass are taken from the preset, and otherwise from the defaults shown.
    """
    import torch
    from sentence_transformers.util.distributed import get_rank

    from st_relbert.training import TrainingInterrupted, TrainingRun

    settings = read_preset(preset) if preset else {}
    settings |= {name: value for name, value in given.items() if value is not None} | {"output": output}
    if "base_model" not in settings:
        raise ValueError("There is no base model. Pass --base-model, or a preset that has one.")
    if not quiet:
        logging.getLogger("st_relbert.training").setLevel(logging.INFO)
    try:
        TrainingRun(**settings).train(resume=resume, overwrite=overwrite, show_progress_bar=not quiet)
    except TrainingInterrupted as interrupt:
        raise Interrupted(str(interrupt)) from interrupt
    if get_rank() == 0:
        say(f"Saved {output}")
        say(f"Next: st-relbert evaluate {shlex.quote(output)} --analogies starter/held_out_pairs")
    if torch.distributed.is_initialized():  # the trainer leaves process-group threads running, which abort at exit
        torch.distributed.destroy_process_group()


def _option(field: Field[Any], kind: Any) -> inspect.Parameter:
    """Return the option of a setting. It is None if not given, so that the preset or the default applies."""
    text = field.metadata["help"].replace("<", "\\<")  # the help is Markdown, where <subj> would be a tag
    if any(get_origin(part) is Literal for part in (kind, *get_args(kind))):
        kind = str  # TrainingSettings checks the value and lists the choices
    if field.default not in (MISSING, None, -1):
        default = {True: "yes", False: "no"}.get(field.default) if isinstance(field.default, bool) else field.default
        text = f"{text} ({default:g})" if isinstance(default, float) else f"{text} ({default})"
    annotation = Annotated[kind | None, typer.Option(help=text, rich_help_panel=field.metadata["topic"])]
    return inspect.Parameter(field.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)


def _signature() -> inspect.Signature:
    """Return the command's own options, plus one for each other field of the settings."""
    own = inspect.signature(run, eval_str=True).parameters
    kinds = get_type_hints(TrainingSettings)
    settings = [_option(field, kinds[field.name]) for field in fields(TrainingSettings) if field.name not in own]
    return inspect.Signature([*(own[name] for name in own if name != "given"), *settings])


run.__signature__ = _signature()  # type: ignore[attr-defined]  # typer reads the options from it
