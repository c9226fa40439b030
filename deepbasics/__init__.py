"""deepbasics: Keras' comfort on swappable backends that agree.

Everything here is imported when it is first used, so `import deepbasics` costs next to nothing.
"""

from importlib import import_module
from typing import Any

from deepbasics import legacy_modules

__version__ = "0.1.0"

_MODULES = (
    *("activations", "backend", "callbacks", "config", "constraints", "datasets"),
    *("dtype_policies", "initializers", "mixed_precision"),
    *("layers", "losses", "metrics", "models", "ops", "optimizers", "parity", "plots", "random"),
    *("regularizers", "saving", "testing", "tree", "utils"),
)
_HOMES = {
    "Constraint": "constraints",
    "DTypePolicy": "dtype_policies",
    "FloatDTypePolicy": "dtype_policies",
    "Initializer": "initializers",
    "Input": "layers",
    "InputSpec": "layers",
    "KerasTensor": "symbolic",
    "Layer": "layers",
    "Loss": "losses",
    "Metric": "metrics",
    "Model": "models",
    "Optimizer": "optimizers",
    "Regularizer": "regularizers",
    "Sequential": "models",
    "Variable": "variables",
    "device": "backends.registry",
    "dtype_policy": "dtype_policies",
    "grad": "ops",
    "gradients": "variables",
    "name_scope": "layers.scope",
    "set_backend": "backends.registry",
    "set_dtype_policy": "dtype_policies",
    "use_backend": "backends.registry",
    "value_and_grad": "ops",
}

__all__ = ["__version__", "version", *_MODULES, *_HOMES]  # noqa: PLE0604 - they are strings


def version() -> str:
    """The version of deepbasics."""
    return __version__


def __getattr__(name: str) -> Any:
    if name in _MODULES or name in legacy_modules.MODULES:
        return import_module(f"deepbasics.{name}")
    if name in _HOMES:
        found = getattr(import_module(f"deepbasics.{_HOMES[name]}"), name)
        globals()[name] = found
        return found
    raise import_module("deepbasics.absent").error(__name__, name, __all__)


def __dir__() -> list[str]:
    return __all__


legacy_modules.install()
