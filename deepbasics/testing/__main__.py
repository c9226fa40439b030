"""`python -m deepbasics.testing [BACKEND]`: the worst difference at each level; 1 if one failed."""

import sys

from deepbasics.backends import registry
from deepbasics.testing.report import measure, table


def main(arguments: list[str]) -> int:
    """Print the table; the exit status, 2 for a backend that there is not."""
    name = arguments[0] if arguments else "torch"
    try:
        registry.get(name)
    except (ValueError, ImportError) as error:
        print(f"deepbasics.testing: {error}", file=sys.stderr)
        return 2
    found = measure(name)
    print(table(found))
    return int(any(line.failures for line in found.values()))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
