"""Names to backends: entry points, the environment's choice, and `use_backend`."""

import os
import warnings
from contextvars import ContextVar, Token
from functools import cache
from importlib import import_module

from deepbasics.backends.protocol import Backend
from deepbasics.errors import BackendUnavailable, unknown

GROUP = "deepbasics.backends"
_BUILTIN = {
    "numpy": "deepbasics.backends.numpy:NumpyBackend",
    "torch": "deepbasics.backends.torch:TorchBackend",
}
_active: ContextVar[Backend | None] = ContextVar("backend", default=None)
_default: list[Backend] = []


@cache
def _paths() -> dict[str, str]:
    """Where each backend's class is: the two that ship, then those of other packages."""
    from importlib.metadata import entry_points  # takes 30 ms

    return {e.name: e.value for e in entry_points(group=GROUP)} | _BUILTIN


def names() -> list[str]:
    """The names of all registered backends, installed or not."""
    return list(_BUILTIN) + sorted(set(_paths()) - set(_BUILTIN))


@cache
def backend_class(name: str) -> type[Backend]:
    """The class of a backend.

    Raises ValueError for an unknown name, BackendUnavailable if its library is missing.
    """
    if name not in _BUILTIN and name not in _paths():
        raise unknown("backend", name, names())
    module, _, attribute = (_BUILTIN.get(name) or _paths()[name]).partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name is None or error.name.startswith("deepbasics"):
            raise
        raise BackendUnavailable(
            f'Backend "{name}" needs {error.name}, which is not installed: '
            f'pip install "deepbasics[{name}]". Available here: {", ".join(available())}.'
        ) from None


@cache
def available() -> list[str]:
    """The names of the backends whose library is installed here."""
    found = []
    for name in names():
        if name == "numpy" or _importable(name):
            found.append(name)
    return found


def _importable(name: str) -> bool:
    try:
        module = (_BUILTIN.get(name) or _paths()[name]).partition(":")[0]
        import_module(module)
    except ImportError:
        return False
    return True


@cache
def _instance(name: str, device: str | None) -> Backend:
    return backend_class(name)(device)


def get(name: str | Backend | None = None, device: str | None = None) -> Backend:
    """The backend of a name (None: the active one) on a device (None: the default one).

    `name` may be "numpy", "torch", "torch:cuda:0", a device alone ("cpu", "cuda", "cuda:1"), or a
    backend.
    """
    if name is None and device is None:
        return active()
    if hasattr(name, "allocate"):
        return name
    if name is not None and not isinstance(name, str):
        raise TypeError(f'A backend is a name, such as "torch" or "cuda:1"; got {name!r}.')
    name = name or active().name
    if name.split(":")[0] in ("cpu", "cuda", "mps"):
        device, name = name, "numpy" if name == "cpu" and active().name == "numpy" else "torch"
    name, _, rest = name.partition(":")
    device = rest or device
    if device is None and name == _environment()[0]:
        device = _environment()[1]
    return _instance(name, device or None)


def _environment() -> tuple[str, str | None]:
    device = os.environ.get("DEEPBASICS_DEVICE") or None
    name = os.environ.get("DEEPBASICS_BACKEND")
    if not name:
        name = "numpy" if device in (None, "cpu") else "torch"
    elif (head := name.partition(":")[0]) not in _BUILTIN and head not in names():
        raise unknown("value of DEEPBASICS_BACKEND", name, names())
    return name, device


def active() -> Backend:
    """The backend in force: that of the innermost `use_backend`, else the default."""
    backend = _active.get()
    if backend is not None:
        return backend
    if not _default:
        _default.append(get(*_environment()))
    return _default[0]


def set_backend(name: str | Backend, device: str | None = None) -> None:
    """Make a backend the default for what follows."""
    _default[:] = [get(name, device)]


def device(name: str) -> "use_backend":
    """Use a device for the block, as Keras names it: `with device("gpu:0"): ...`, "cpu", "cuda:1".

    The active backend stays if it runs there; "gpu" is that of torch.
    """
    kind, _, number = name.lower().partition(":")
    kind = "cuda" if kind == "gpu" else kind
    return use_backend(kind if kind in ("cpu", "mps") or not number else f"{kind}:{number}")


class use_backend:
    """Use a backend for the block: `with use_backend("torch", "cuda:0") as backend: ...`.

    Without `with` it does nothing but warn; `set_backend` is for all that follows.
    """

    def __init__(self, name: str | Backend, device: str | None = None) -> None:
        self._token: Token | None = None
        self._backend = get(name, device)

    def __enter__(self) -> Backend:
        self._token = _active.set(self._backend)
        return self._backend

    def __exit__(self, *error: object) -> None:
        _active.reset(self._token)

    def __del__(self) -> None:
        if self._token is None and hasattr(self, "_backend"):  # named one that there is
            name = self._backend.name
            warnings.warn(
                f'use_backend("{name}") had no effect: write `with use_backend("{name}"):`, or '
                f'set_backend("{name}") for all that follows.',
                RuntimeWarning,
                stacklevel=2,
            )
