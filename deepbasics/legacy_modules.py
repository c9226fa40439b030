"""Modules of Keras 1 and 2 that have moved: each is found, and holds what its successor holds."""

import sys
from collections.abc import Sequence
from importlib import import_module
from importlib.machinery import ModuleSpec
from types import ModuleType

# Those of layers that still are there hold the same classes as ever: noise, pooling and others.
_LAYERS = (
    *("advanced_activations", "convolutional", "convolutional_recurrent", "embeddings"),
    *("experimental", "experimental.preprocessing", "local", "merge"),
)
_UTILS = ("data_utils", "generic_utils", "layer_utils", "np_utils", "vis_utils", "visualize_util")

# The old path to the new one, both without "deepbasics."; "" is the package itself.
MODULES = {
    **{f"layers.{name}": "layers" for name in _LAYERS},
    **{f"utils.{name}": "utils" for name in _UTILS},
    "callbacks.callbacks": "callbacks",
    "engine": "",
    "engine.topology": "",
    "engine.training": "",
    "initializations": "initializers",
    "objectives": "losses",
    "optimizers.legacy": "optimizers",
    "preprocessing": "utils",
    "preprocessing.image": "utils",
    "preprocessing.sequence": "utils",
    "preprocessing.text": "utils.text",
}


class _Finder:
    """Finds the old modules; comes last in `sys.meta_path`, so that a real module goes first."""

    @staticmethod
    def find_spec(
        fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package == __package__ and name not in MODULES:
            absent = import_module(f"{__package__}.absent")
            if absent.is_to_come(fullname):  # Python hides what an AttributeError says
                raise ModuleNotFoundError(absent.sentence(fullname))
        if package != __package__ or name not in MODULES:
            return None
        return ModuleSpec(fullname, _Finder, is_package=True)

    @staticmethod
    def create_module(spec: ModuleSpec) -> None:
        return None

    @staticmethod
    def exec_module(module: ModuleType) -> None:
        """Hand every name on to the successor, which is imported with the first one."""
        successor = MODULES[module.__name__.partition(".")[2]]
        target = f"{__package__}.{successor}".rstrip(".")

        def get(name: str) -> object:
            if name.startswith("__") and name != "__all__":
                raise AttributeError(name)
            return getattr(import_module(target), name)

        module.__doc__ = f"An old name of `{target}`."
        module.__getattr__ = get


def install() -> None:
    """Let `import` find the old modules."""
    if _Finder not in sys.meta_path:
        sys.meta_path.append(_Finder)
