"""`python -m benchmarks`: see README.md here."""

import argparse
import json
import sys
from pathlib import Path

from benchmarks import machine, measure, picture, table
from benchmarks.columns import COLUMNS
from benchmarks.profile import profile
from benchmarks.rows import NETS, ROWS

RESULTS = Path(__file__).parent / "results"
NOT_QUICK = {"churn", "gender", "xor-recipe", "torch-fused", "torch-compile"}


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    add = parser.add_argument
    add("--rows", help="some rows alone, e.g. pima,mnist")
    add("--columns", help="some columns alone, e.g. deepbasics-numpy,by-hand")
    add("--repeats", type=int, help="rounds, 9 unless --quick")
    add("--seconds", type=float, help="seconds for each cell in each round, 0.5 unless --quick")
    add("--quick", action="store_true", help="3 rounds of 0.1 s of some cells: does it work?")
    add("--device", default="cpu", help='"cuda" runs the columns that can, on the GPU')
    add("--threads", type=int, default=machine.cores(), help="for all columns; all cores")
    add("--out", type=Path, help="folder of the report; a whole run writes to benchmarks/results")
    add("--list", action="store_true", help="name the rows and columns")
    add("--profile", metavar="ROW", choices=NETS, help="where a step's time goes, op by op")
    return parser.parse_args(given)


def names(given: str | None, known: list[str], quick: bool = False) -> list[str]:
    """Those asked for, or all. Exits with the known ones where one is unknown."""
    usual = [name for name in known if not (quick and name in NOT_QUICK)]
    asked = given.split(",") if given else usual
    unknown = [name for name in asked if name not in known]
    if unknown:
        sys.exit(f"Unknown: {', '.join(unknown)}. There are: {', '.join(known)}.")
    return [name for name in known if name in asked]


def plan(options: argparse.Namespace) -> measure.Plan:
    """What to measure."""
    columns = [c for c in COLUMNS if options.device == "cpu" or COLUMNS[c].on_gpu]
    repeats, seconds = (3, 0.1) if options.quick else (9, 0.5)
    return measure.Plan(
        names(options.rows, list(ROWS), options.quick),
        names(options.columns, columns, options.quick),
        options.repeats or repeats,
        options.seconds or seconds,
        options.device,
        options.threads,
    )


def main() -> None:
    """Measure, print, and write the report."""
    options = arguments()
    if options.list:
        print("rows")
        print(*(f"  {name:18}{row.what}" for name, row in ROWS.items()), sep="\n")
        print("columns")
        print(*(f"  {name:18}{column.title}" for name, column in COLUMNS.items()), sep="\n")
        return
    if options.profile:
        print(profile(options.profile))
        return
    asked = plan(options)
    result = {
        "machine": machine.facts(asked.threads, asked.device),
        "settings": {"rounds": asked.repeats, "seconds of a cell in a round": asked.seconds},
        "rows": table.summarise(measure.run(asked)),
    }
    text = table.markdown(result)
    print(text)
    is_whole = not (options.quick or options.rows or options.columns)
    folder = options.out or (RESULTS if is_whole else None)
    if folder:
        write(result, text, folder, asked.device.partition(":")[0])


def write(result: dict, text: str, folder: Path, name: str) -> None:
    """The report as Markdown, JSON and a picture."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{name}.md").write_text(f"{text}\n![the same as bars]({name}.png)\n")
    (folder / f"{name}.json").write_text(json.dumps(result, indent=1) + "\n")
    try:
        picture.draw(result, folder / f"{name}.png")
    except ImportError:
        print('No picture: it needs matplotlib, pip install "deepbasics[recipes]".')


if __name__ == "__main__":
    main()
