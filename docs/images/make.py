"""Run the tutorials on every backend here; draw the pictures of docs/, print rows for recipes.md.

usage: python docs/images/make.py [seeds]
"""

import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from deepbasics import cli, plots
from deepbasics.backends import registry
from deepbasics.random import set_random_seed

HERE = Path(__file__).parent
TUTORIALS = ("churn", "gender", "mnist", "pima", "xor")  # the larger recipes take minutes each
KEPT = ("xor-regions.png", "churn-confusion.png", "mnist-digits.png", "mnist-confusion.png")
STYLES = (("-", "C0", 4), ("--", "black", 1.2), (":", "C1", 1.2))


def train(name: str, backend: str, seed: int, folder: str | None) -> dict[str, Any]:
    """The results of a recipe, with the seconds that it took."""
    start = time.perf_counter()
    with registry.use_backend(backend):
        results = cli.load_recipe(name).main(seed=seed, verbose=0, save_plots=folder)
    return results | {"seconds": time.perf_counter() - start}


def row(name: str, backend: str, seed: int, results: dict[str, Any]) -> str:
    """A line of the table: the numbers that are not lists."""
    numbers = {k: v for k, v in results.items() if isinstance(v, bool | int | float)}
    found = ", ".join(f"{k} {v:.4g}" if k != "learned" else f"{k} {v}" for k, v in numbers.items())
    return f"| {name} | {backend} | {seed} | {found} |"


def overlay(histories: dict[str, dict[str, Any]]) -> None:
    """Loss by epoch, a panel for each recipe, the backends on top of each other."""
    figure = Figure(figsize=(3.2 * len(histories), 3.2), dpi=120, layout="constrained")
    panels = figure.subplots(1, len(histories))
    for panel, (name, by_backend) in zip(panels, histories.items(), strict=True):
        for i, (backend, history) in enumerate(by_backend.items()):
            loss = history.history["loss"]
            epochs = range(1, len(loss) + 1)
            style, color, width = STYLES[i]
            panel.plot(epochs, loss, style, color=color, linewidth=width, label=backend)
        panel.set(title=name, xlabel="epoch")
        panel.locator_params("x", integer=True)
        panel.grid(alpha=0.3)
    panels[0].set_ylabel("training loss")
    panels[0].legend()
    figure.savefig(HERE / "curves.png")


def convolutions() -> None:
    """The filters of `mnist_cnn` after an epoch, and what its layers make of some digits."""
    recipe = cli.load_recipe("mnist_cnn")
    x, y, x_test, _ = recipe.data()
    set_random_seed(0)
    with registry.use_backend(registry.available()[-1]):
        model = recipe.build()
        model.fit(x, y, recipe.BATCH_SIZE, epochs=1, verbose=0)
        plots.filters(model.layers[0].get_weights()[0], save=HERE / "mnist_cnn-filters.png")
        plots.activations(model, x_test[:1], layer=1, save=HERE / "mnist_cnn-activations.png")


def main() -> None:
    """Everything, with as many seeds as asked for (default 1)."""
    seeds = range(int(sys.argv[1]) if len(sys.argv) > 1 else 1)
    histories: dict[str, dict[str, Any]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name in TUTORIALS:
            for backend in registry.available():
                for seed in seeds:
                    results = train(name, backend, seed, folder if seed == 0 else None)
                    print(row(name, backend, seed, results), file=sys.stderr, flush=True)
                    histories.setdefault(name, {}).setdefault(backend, results["history"])
        for picture in KEPT:
            shutil.copy(f"{folder}/{picture}", HERE / picture)
    overlay(histories)
    convolutions()


if __name__ == "__main__":
    main()
