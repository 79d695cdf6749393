"""`python -m st_relbert` and the command `st-relbert`: the command line, from its first import on."""

import sys


def main() -> int:
    """Run the command line; Ctrl-C ends it in one line, while it is still being imported too."""
    try:
        from st_relbert.cli import main as run

        return run()
    except KeyboardInterrupt:
        sys.stderr.write("st-relbert: Interrupted.\n")
        return 130


if __name__ == "__main__":
    sys.exit(main())
