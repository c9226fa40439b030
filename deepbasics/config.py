"""Settings with their environment variables: floatx, epsilon, image data format.

`DEEPBASICS_FLOATX` (float32 | float64), read once at import. The backend and device live in
`backends.registry`, the seed in `random`.
"""

import os
import sys

from deepbasics.errors import unknown

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_FORMATS = ("channels_last", "channels_first")


def _one_of(kind: str, value: str, valid: tuple[str, ...]) -> str:
    if value not in valid:
        raise unknown(kind, value, valid)
    return value


_settings = {
    "floatx": _one_of(
        "value of DEEPBASICS_FLOATX", os.environ.get("DEEPBASICS_FLOATX") or "float32", _FLOATS
    ),
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "tf32": False,
}


def floatx() -> str:
    """The default float dtype of weights and inputs: "float32" unless set.

    >>> floatx()
    'float32'
    """
    return _settings["floatx"]


def set_floatx(value: str) -> None:
    """Set the default float dtype: "float16", "bfloat16", "float32" or "float64"."""
    _settings["floatx"] = _one_of("floatx", value, _FLOATS)


def epsilon() -> float:
    """The fuzz factor of losses, constraints and normalisation: 1e-7 unless set."""
    return _settings["epsilon"]


def set_epsilon(value: float) -> None:
    """Set the fuzz factor."""
    _settings["epsilon"] = float(value)


def image_data_format() -> str:
    """Where image layers expect the channels: "channels_last" unless set."""
    return _settings["image_data_format"]


def set_image_data_format(value: str) -> None:
    """Set where image layers expect the channels: "channels_last" or "channels_first"."""
    _settings["image_data_format"] = _one_of("image data format", value, _FORMATS)


def tf32() -> bool:
    """Whether CUDA may round the factors of float32 products to 10 bits: False unless set."""
    return _settings["tf32"]


def set_tf32(value: bool) -> None:
    """Let CUDA round the factors of float32 products and convolutions to 10 bits of mantissa.

    Several times as fast on GPUs that have it (Ampere and later), and about three digits instead of
    seven. Nothing changes on a CPU.
    """
    _settings["tf32"] = bool(value)
    if torch_backend := sys.modules.get("deepbasics.backends.torch"):
        torch_backend.use_tf32(bool(value))


def backend() -> str:
    """The name of the active backend: "numpy", "torch"."""
    from deepbasics.backends import registry  # which reads its own environment variables

    return registry.active().name


def set_backend(name: str, device: str | None = None) -> None:
    """Make a backend the default for what follows."""
    from deepbasics.backends import registry

    registry.set_backend(name, device)
