"""The command line: deepbasics run | parity | backends."""

import argparse
import inspect
import os
import platform
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib import metadata, util
from pathlib import Path
from types import ModuleType
from typing import Any

from deepbasics import __version__, errors

FAILURE, USAGE, INTERRUPTED, BROKEN_PIPE = 1, 2, 130, 141  # as shells count them
_FLOATS = ("float32", "float64")
_PLAIN = ("verbose", "callbacks")  # of a recipe's main: given by us, not an option of its own


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command; returns the exit code: 0, 1 for a failure, 130 after Ctrl-C.

    Raises SystemExit with code 2 for a command line that cannot be understood.
    """
    argv = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parse(argv)
        code = args.command(args)
        if sys.stdout is not None:  # it is where the shell has closed it
            sys.stdout.flush()
        return code
    except KeyboardInterrupt as interrupt:
        learned = f" {interrupt}" if interrupt.args else ""
        print(f"\ndeepbasics: interrupted.{learned}", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except Exception as error:
        if "--debug" in argv:
            raise
        print(f"deepbasics: {_sentence(error)}", file=sys.stderr)
        return FAILURE


def _sentence(error: Exception) -> str:
    """The message; with the type where that is no message of ours."""
    ours = isinstance(error, (ValueError, ImportError, OSError, RuntimeError))
    return f"{error}" if ours and f"{error}" else f"{type(error).__name__}: {error}"


# recipes ------------------------------------------------------------------------------------------


def recipe_folder() -> Path:
    """Where the recipes are: in the installed package, or beside it in a source tree."""
    here = Path(__file__).parent
    shipped = here / "_recipes"
    return shipped if shipped.is_dir() else here.parent / "recipes"


def recipe_names() -> list[str]:
    """The recipes that there are."""
    return sorted(path.stem for path in recipe_folder().glob("*.py"))


def load_recipe(name: str) -> ModuleType:
    """The recipe as a module. Raises ValueError for an unknown name, MissingExtra for a library."""
    if name not in recipe_names():
        raise errors.unknown("recipe", name, recipe_names())
    spec = util.spec_from_file_location(f"deepbasics._recipes.{name}", _path(name))
    module = util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except ModuleNotFoundError as error:
        if error.name.startswith("deepbasics"):
            raise
        raise errors.MissingExtra(error.name, "recipes", f"The recipe {name!r}") from error
    return module


def _path(name: str) -> Path:
    return recipe_folder() / f"{name}.py"


def _headline(name: str) -> str:
    """The first line of a recipe's docstring, read without running it."""
    return _path(name).read_text(encoding="utf-8").lstrip('"').splitlines()[0]


# the command line ---------------------------------------------------------------------------------


def _parse(argv: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "deepbasics", description="Deep learning on swappable backends that agree."
    )
    parser.add_argument("--version", action="version", version=f"deepbasics {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    makers = {"run": _run_parser, "parity": _parity_parser, "backends": _backends_parser}
    named = next((word for word in argv if not word.startswith("-")), None)
    if named is not None and named not in makers:
        parser.error(str(errors.unknown("command", named, makers)))
    for name, make in makers.items():
        summary = inspect.getdoc(make)
        sub = commands.add_parser(name, help=summary, description=summary)
        sub.add_argument("--debug", action="store_true", help="show the traceback of an error")
        make(sub, argv)
    return parser.parse_args(argv)


def _run_parser(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Train the network of a recipe."""
    parser.add_argument("name", nargs="?", type=_recipe, metavar="NAME", help="see --list")
    parser.add_argument("--list", action="store_true", help="list the recipes, and stop")
    parser.add_argument("--backend", type=_backend, help="numpy, torch, torch:cuda, ...")
    parser.add_argument("--device", help="cpu, cuda, cuda:1, ...")
    parser.add_argument("--floatx", choices=_FLOATS)
    parser.add_argument(
        "--repeat", type=_positive, default=1, metavar="N", help="run with N seeds, show the spread"
    )
    # SUPPRESS: an option that is not given leaves the recipe its own default
    add = _adder(parser, default=argparse.SUPPRESS)
    add("--epochs", type=_positive, help="default: the recipe's own")
    add("--seed", type=int, help="default 0")
    add("--verbose", type=int, choices=(0, 1, 2), help="silent, a bar, or a line an epoch")
    add("--save-plots", metavar="DIR", help="write pictures there (of the last seed)")
    own = parser.add_argument_group("options of the recipe")
    for option in _own_options(argv, taken={action.dest for action in parser._actions}):
        own.add_argument(
            f"--{option.name.replace('_', '-')}",
            type=type(option.default),
            default=argparse.SUPPRESS,
            help=f"default {option.default}",
        )
    parser.set_defaults(command=_run, parser=parser)


def _parity_parser(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Train a recipe on two backends side by side, and show where they part."""
    parser.add_argument("name", type=_recipe, metavar="RECIPE", help="see deepbasics run --list")
    parser.add_argument("--backends", type=_two_backends, default="numpy,torch", metavar="A,B")
    parser.add_argument("--steps", type=_positive, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--floatx", choices=_FLOATS, default="float64")
    parser.set_defaults(command=_parity)


def _backends_parser(parser: argparse.ArgumentParser, argv: list[str]) -> None:
    """Show the backends, what is installed, and the devices."""
    parser.set_defaults(command=_backends)


def _adder(parser: argparse.ArgumentParser, **common: Any) -> Callable[..., Any]:
    return lambda flag, **options: parser.add_argument(flag, **common, **options)


def _own_options(argv: list[str], taken: set[str]) -> Iterator[inspect.Parameter]:
    """The parameters of the named recipe's `main` that are its alone."""
    name = next((word for word in argv[1:] if word in recipe_names()), None)
    if argv[:1] == ["run"] and name:
        parameters = inspect.signature(load_recipe(name).main).parameters.values()
        yield from (p for p in parameters if p.name not in taken and p.name not in _PLAIN)


def _checked(kind: str, name: str, valid: Sequence[str]) -> str:
    if name not in valid:
        raise argparse.ArgumentTypeError(str(errors.unknown(kind, name, valid)))
    return name


def _recipe(text: str) -> str:
    return _checked("recipe", text, recipe_names())


def _backend(text: str) -> str:
    from deepbasics.backends import registry

    _checked("backend", text.partition(":")[0], [*registry.names(), "cpu", "cuda", "mps"])
    return text


def _two_backends(text: str) -> list[str]:
    names = [_backend(name) for name in text.split(",")]
    if len(names) != 2:
        raise argparse.ArgumentTypeError(f"two names and a comma are needed, not {text!r}")
    return names


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a whole number from 1 on is needed, not {text!r}")
    return int(text)


# run ----------------------------------------------------------------------------------------------


def _run(args: argparse.Namespace) -> int:
    if args.list:
        width = max(map(len, recipe_names())) + 2
        for name in recipe_names():
            print(f"{name:{width}}{_headline(name)}")
        return 0
    if args.name is None:
        args.parser.error("a NAME is needed; deepbasics run --list shows them")
    recipe = load_recipe(args.name)
    accepted = inspect.signature(recipe.main).parameters
    options = {name: value for name, value in vars(args).items() if name in accepted}
    if "save_plots" in options:
        _check_pictures(options["save_plots"])
    first = options.pop("seed", 0)
    results: list[dict[str, Any]] = []
    with _settings(args) as where:
        try:
            for seed in range(first, first + args.repeat):
                results.append(_train(recipe, args.name, where, options | {"seed": seed}))
        finally:
            if args.repeat > 1:
                _show_spread(results)
    return 0


def _check_pictures(folder: str) -> None:
    """Fail now rather than after the training."""
    if util.find_spec("matplotlib") is None:
        raise errors.MissingExtra("matplotlib", "recipes", "--save-plots")
    os.makedirs(folder, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"--save-plots: nothing can be written to {folder!r}.")


@contextmanager
def _settings(args: argparse.Namespace) -> Iterator[str]:
    """The backend and floatx asked for; gives their names."""
    from deepbasics import config
    from deepbasics.backends import registry

    before = config.floatx()
    config.set_floatx(args.floatx or before)
    try:
        name, device = args.backend or args.device, args.backend and args.device
        with registry.use_backend(name, device) as backend:
            yield f"{backend.name}, {backend.device}, {config.floatx()}"
    finally:
        config.set_floatx(before)


def _train(recipe: ModuleType, name: str, where: str, options: dict[str, Any]) -> dict[str, Any]:
    """One run; Ctrl-C is passed on with what was learned so far."""
    from deepbasics.callbacks import History

    history, start = History(), time.perf_counter()
    try:
        results = recipe.main(**options, callbacks=[history])
    except KeyboardInterrupt:
        raise KeyboardInterrupt(f"{name} on {where}: {_so_far(history)}") from None
    seconds = time.perf_counter() - start
    print(f"{name} on {where}, seed {options['seed']}: {seconds:.1f} s")
    return results


def _so_far(history: Any) -> str:
    epochs = len(history.epoch)
    if not epochs:
        return "no epoch was done."
    last = ", ".join(f"{name} {values[-1]:.4f}" for name, values in history.history.items())
    return f"{epochs} of {history.params['epochs']} epochs done, the last with {last}."


def _show_spread(results: list[dict[str, Any]]) -> None:
    """Median and range of each number, count of each yes or no."""
    for name, value in (results[0] if results else {}).items():
        values = [result[name] for result in results]
        if isinstance(value, bool):
            print(f"{name}: {sum(values)} of {len(values)}")
        elif isinstance(value, float):
            print(
                f"{name}: median {statistics.median(values):.4f}, "
                f"{min(values):.4f} to {max(values):.4f} over {len(values)} seeds"
            )


# parity and backends ------------------------------------------------------------------------------


def _parity(args: argparse.Namespace) -> int:
    from deepbasics import parity

    recipe = load_recipe(args.name)
    x, y, *_ = recipe.data()
    report = parity.compare(
        recipe.build,
        x,
        y,
        args.backends,
        args.steps,
        batch_size=recipe.BATCH_SIZE,
        seed=args.seed,
        floatx=args.floatx,
    )
    print(f"{args.name}: {report}")
    return 0 if report.ok else FAILURE


def _backends(args: argparse.Namespace) -> int:
    from deepbasics import config
    from deepbasics.backends import registry

    print(f"deepbasics {__version__}, Python {platform.python_version()}, {config.floatx()}\n")
    print(f"{'backend':12}{'version':14}devices")
    for name in registry.names():
        print(f"{name:12}{_status(name)}")
    active = registry.active()
    print(f"\nIn use unless told otherwise: {active.name} on {active.device}.")
    return 0


def _status(name: str) -> str:
    from deepbasics.backends import registry

    try:
        devices = registry.backend_class(name).devices()
    except errors.BackendUnavailable as error:
        return f"{'-':14}{error}"
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:  # its library has another name
        version = ""
    return f"{version:14}{', '.join(devices)}"
