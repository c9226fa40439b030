"""`python -m deepbasics` is the command `deepbasics`."""

import sys

from deepbasics.cli import main

if __name__ == "__main__":
    sys.exit(main())
