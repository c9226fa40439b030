"""Settings with their environment variables: floatx, epsilon, image data format, limits of `fit`.

`DEEPBASICS_FLOATX` (float32 | float64), `DEEPBASICS_MAX_EPOCHS` and
`DEEPBASICS_MAX_STEPS_PER_EPOCH` (counts), read once at import. The backend and device live in
`backends.registry`, the seed in `random`.
"""

import os
import sys

from deepbasics import absent
from deepbasics.errors import as_count, unknown

_FLOATS = ("float16", "bfloat16", "float32", "float64")
_FORMATS = ("channels_last", "channels_first")


def _one_of(kind: str, value: str, valid: tuple[str, ...]) -> str:
    if value not in valid:
        raise unknown(kind, value, valid)
    return value


def _limit(name: str) -> int | None:
    value = os.environ.get(name) or None
    return as_count(name, float(value) if value and value.isdigit() else value, None)


_settings = {
    "floatx": _one_of(
        "value of DEEPBASICS_FLOATX", os.environ.get("DEEPBASICS_FLOATX") or "float32", _FLOATS
    ),
    "epsilon": 1e-7,
    "image_data_format": "channels_last",
    "tf32": False,
    "interactive_logging": True,
    "unsafe_deserialization": False,
    "max_epochs": _limit("DEEPBASICS_MAX_EPOCHS"),
    "max_steps_per_epoch": _limit("DEEPBASICS_MAX_STEPS_PER_EPOCH"),
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


def max_epochs() -> int | None:
    """How many epochs a `fit` runs at most, whatever it is told; None unless set."""
    return _settings["max_epochs"]


def set_max_epochs(max_epochs: int | None) -> None:
    """Let each `fit` run so many epochs at most: to try a script out. None: as it says."""
    _settings["max_epochs"] = as_count("max_epochs", max_epochs, None)


def max_steps_per_epoch() -> int | None:
    """How many batches an epoch, an evaluation or a prediction has at most; None unless set."""
    return _settings["max_steps_per_epoch"]


def set_max_steps_per_epoch(max_steps_per_epoch: int | None) -> None:
    """Let `fit`, `evaluate` and `predict` take so many batches at most. None: as they say."""
    _settings["max_steps_per_epoch"] = as_count("max_steps_per_epoch", max_steps_per_epoch, None)


def is_interactive_logging_enabled() -> bool:
    """Whether `verbose="auto"` shows a progress bar: True unless disabled."""
    return _settings["interactive_logging"]


def enable_interactive_logging() -> None:
    """Let `verbose="auto"` mean 1, a progress bar."""
    _settings["interactive_logging"] = True


def disable_interactive_logging() -> None:
    """Let `verbose="auto"` mean 2, one plain line per epoch: for logs in files."""
    _settings["interactive_logging"] = False


def is_traceback_filtering_enabled() -> bool:
    """False: tracebacks are whole here."""
    return False


def disable_traceback_filtering() -> None:
    """Nothing: tracebacks are whole here."""


def is_unsafe_deserialization_enabled() -> bool:
    """Whether `safe_mode=True` still refuses `Lambda` layers in files: unless it was enabled."""
    return _settings["unsafe_deserialization"]


def enable_unsafe_deserialization() -> None:
    """Read `Lambda` layers of registered functions from files as if all said `safe_mode=False`.

    Bytecode in files is never run, and nothing that they name is imported.
    """
    _settings["unsafe_deserialization"] = True


def backend() -> str:
    """The name of the active backend: "numpy", "torch"."""
    from deepbasics.backends import registry  # which reads its own environment variables

    return registry.active().name


def set_backend(name: str, device: str | None = None) -> None:
    """Make a backend the default for what follows."""
    from deepbasics.backends import registry

    registry.set_backend(name, device)


__getattr__ = absent.attributes(
    __name__, dict.fromkeys(("dtype_policy", "set_dtype_policy"), "dtype_policies")
)
