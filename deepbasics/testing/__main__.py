"""`python -m deepbasics.testing [BACKEND]`: the worst difference at each level; 1 if one failed."""

import sys

from deepbasics.testing.report import measure, table


def main(arguments: list[str]) -> int:
    """Print the table; the exit status."""
    found = measure(arguments[0] if arguments else "torch")
    print(table(found))
    return int(any(line.failures for line in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
