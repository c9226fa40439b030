"""The columns: who is timed, in which module, with which environment."""

from typing import Any, NamedTuple


class Column(NamedTuple):
    """A peer. `imports` is the code timed in the row "import"; it fails where the peer is not."""

    title: str
    module: str
    imports: str
    options: dict[str, Any]
    env: dict[str, str]
    on_gpu: bool


def _ours(backend: str, on_gpu: bool) -> Column:
    return Column(
        f"deepbasics, {backend}",
        "keras_like",
        "import deepbasics; deepbasics.Sequential; deepbasics.layers; deepbasics.use_backend;"
        "from deepbasics.backends import registry; registry.active()",
        {"library": "deepbasics"},
        {"DEEPBASICS_BACKEND": backend},
        on_gpu,
    )


def _keras(backend: str, title: str, on_gpu: bool) -> Column:
    return Column(
        f"Keras on {title}",
        "keras_like",
        "import keras",
        {"library": "keras"},
        {"KERAS_BACKEND": backend, "TF_CPP_MIN_LOG_LEVEL": "3"},
        on_gpu,
    )


def _torch(title: str, **options: Any) -> Column:
    return Column(title, "plain_torch", "import torch", options, {}, True)


def _plain(title: str, module: str, imports: str, **options: Any) -> Column:
    return Column(title, module, imports, options, {}, False)


COLUMNS = {
    "deepbasics-numpy": _ours("numpy", False),
    "deepbasics-torch": _ours("torch", True),
    "by-hand": _plain("NumPy by hand", "by_hand", "import numpy"),
    "torch": _torch("PyTorch"),
    "torch-fused": _torch("PyTorch, fused optimizer", fused=True),
    "torch-compile": _torch("PyTorch, torch.compile", compiled=True),
    "sklearn": _plain("scikit-learn", "scikit", "from sklearn.neural_network import MLPClassifier"),
    "keras-jax": _keras("jax", "JAX", False),
    "keras-tensorflow": _keras("tensorflow", "TensorFlow", False),
    "keras-torch": _keras("torch", "torch", True),
    "products": _plain("floor: matrix products", "floor", "", what="products"),
    "traffic": _plain("floor: bytes moved", "floor", "", what="traffic"),
}
