"""Entry point: parse the command, run it, and turn errors into one line."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from st_relbert import __version__
from st_relbert.cli import complete, data, encode, evaluate, index, leakage, mine, see, train
from st_relbert.cli.output import Interrupted, print_any_character, say
from st_relbert.environment import MissingExtraError

INTERRUPTED = 130  # what shells report for a command that Ctrl-C ended

# Options that take all arguments up to the next option.
_LISTS = ("--analogies", "--drop", "--exclude", "--relations", "--tasks", "--test", "--train", "--train-data", "--type",
          "--weight", "--without")  # fmt: skip

app = typer.Typer(name="st-relbert", add_completion=False, no_args_is_help=True, rich_markup_mode="markdown")
# The commands by topic, in the order of --help.
_TOPICS: dict[str, dict[str, Callable[..., None] | typer.Typer]] = {
    "Train": {"train": train.run},
    "Evaluate": {"evaluate": evaluate.evaluate, "compare": evaluate.compare, "leakage": leakage.run},
    "Encode": {"encode": encode.run},
    "Search": {
        "index": index.app,
        "complete": complete.complete,
        "classify": complete.classify,
        "distill": mine.distill,
        "mine": mine.mine,
    },
    "See": {"app": see.open_page, "map": see.make_map},
    "Data": {"data": data.app},
}
for topic, commands in _TOPICS.items():
    for name, command in commands.items():
        if isinstance(command, typer.Typer):
            app.add_typer(command, name=name, rich_help_panel=topic)
        else:
            app.command(name, rich_help_panel=topic)(command)


def _version(wanted: bool) -> None:
    if wanted:
        say(f"st-relbert {__version__}")
        raise typer.Exit


@app.callback()
def _global_options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="print the version")
    ] = False,
    traceback: Annotated[bool, typer.Option("--traceback", help="print the full traceback of an error")] = False,
) -> None:
    """Relation embeddings of word pairs."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line on the arguments, by default those of the process, and return the exit status.

    The status is 0 on success, 2 for bad input (with one line that says what is wrong), and 130 after Ctrl-C.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    with_traceback = "--traceback" in given
    given = [argument for argument in given if argument != "--traceback"]  # at any place: people add it at the end
    print_any_character()
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s: %(message)s")
    # The libraries read both variables when they are imported.
    if given[:1] != ["train"]:  # its trainer shows its progress with tqdm
        os.environ.setdefault("TQDM_DISABLE", "1")  # hides bars that no command asks for, such as "Loading weights"
    if "--quiet" in given:
        os.environ["HF_HUB_DISABLE_PROGRESS_BARS"] = "1"
    try:
        # None unless typer ended the command itself, for --help, or after Ctrl-C.
        status: int | None = app(repeat_options(given), prog_name="st-relbert", standalone_mode=False)
    except typer.TyperException as error:
        return _fail(given, f"{error.format_message()} (see --help)", 2)
    except Interrupted as interrupt:
        return _fail(given, str(interrupt), INTERRUPTED)
    except (ValueError, OSError, MissingExtraError) as error:
        if with_traceback:
            raise
        return _fail(given, str(error), 2)
    return _fail(given, "Interrupted.", INTERRUPTED) if status == INTERRUPTED else status or 0


def repeat_options(arguments: Sequence[str]) -> list[str]:
    """Repeat an option before each of its values, as the parser expects.

    >>> repeat_options(["leakage", "--train", "a", "b", "--test", "c"])
    ['leakage', '--train', 'a', '--train', 'b', '--test', 'c']
    """
    if arguments[:1] == ["train"]:  # its --train-data takes one set, unlike that of distill
        return list(arguments)
    spelled: list[str] = []
    option, fresh = "", False
    for argument in arguments:
        if argument.startswith("-"):
            option, fresh = (argument, True) if argument in _LISTS else ("", False)
        elif option and not fresh:
            spelled.append(option)
        else:
            fresh = False
        spelled.append(argument)
    return spelled


def _fail(arguments: Sequence[str], message: str, status: int) -> int:
    command = next((argument for argument in arguments if not argument.startswith("-")), "")
    sys.stderr.write(f"{f'st-relbert {command}'.rstrip()}: {' '.join(message.split())}\n")
    return status
