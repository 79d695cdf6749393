"""``python -m st_relbert``: the command line."""

import sys

from st_relbert.cli import main

if __name__ == "__main__":
    sys.exit(main())
