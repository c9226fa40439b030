"""Write layers.md: a table for each family of layers, with the first line of each docstring.

usage: python docs/make_layers.py
"""

import inspect
from pathlib import Path

from deepbasics import layers

HERE = Path(__file__).parent
FAMILIES = {  # by module of `deepbasics.layers`
    "Basics": (
        *("core", "einsum_dense", "inputs", "input_spec", "base", "function_layer", "reshaping"),
    ),
    "Activations": ("activation",),
    "Convolutions": ("convolution", "convolution_transpose"),
    "Pooling": ("pooling",),
    "Padding, cropping, upsampling": ("resampling",),
    "Normalisation": ("normalization",),
    "Recurrence": ("recurrent",),
    "Embedding and masks": ("embedding",),
    "Attention": ("attention",),
    "Merging": ("merging",),
    "Noise and penalties": ("noise",),
    "Around other layers": ("wrappers", "torch_module"),
    "Preparing data": ("preprocessing",),
}
HEAD = """# The layers

Keras' names, arguments and defaults; `help(layers.Dense)` says more of each. All run on every
backend, with the same numbers. Written by `python docs/make_layers.py` from the docstrings.
"""


def line_of(layer: type) -> str:
    """The first line of a docstring, fit for a cell of a table."""
    return inspect.getdoc(layer).splitlines()[0].replace("|", "\\|")


def tables() -> str:
    """The text of layers.md."""
    found = [(name, getattr(layers, name)) for name in layers.__all__]
    classes = {name: layer for name, layer in sorted(found) if inspect.isclass(layer)}
    parts = [HEAD]
    for title, modules in FAMILIES.items():
        rows = [
            f"| `{name}` | {line_of(layer)} |"
            for name, layer in classes.items()
            if layer.__module__.split(".")[2] in modules
        ]
        parts.append("\n".join([f"## {title}\n", "| layer | what it does |", "|---|---|", *rows]))
    functions = ", ".join(f"`{n}`" for n, f in found if n.islower() and n in vars_of("merging"))
    parts.append(f"As functions: {functions}, called with a list of tensors.")
    return "\n\n".join(part.strip() for part in parts) + "\n"


def vars_of(module: str) -> list[str]:
    """The public names that a module of layers defines."""
    return [n for n in vars(getattr(layers, module)) if not n.startswith("_")]


if __name__ == "__main__":
    (HERE / "layers.md").write_text(tables(), encoding="utf8")
