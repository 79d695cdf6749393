"""Entry point of `python -m st_relbert` and of the command `st-relbert`."""

import sys


def main() -> int:
    """Run the command line; Ctrl-C ends it with a one-line message, even during imports."""
    try:
        from st_relbert.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("st-relbert: Interrupted.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
