"""Several callbacks called as one."""

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from deepbasics import tree
from deepbasics.callbacks.base import HOOKS, due_of, overrides
from deepbasics.callbacks.history import History
from deepbasics.callbacks.logs import plain
from deepbasics.callbacks.progbar_logger import ProgbarLogger
from deepbasics.data.sources import ArraySource


def _hook(name: str) -> Callable[..., None]:
    def call(self: "CallbackList", logs: Mapping | None = None) -> None:
        self._call(name, (), logs)

    return call


def _epoch_hook(name: str) -> Callable[..., None]:
    def call(self: "CallbackList", epoch: int, logs: Mapping | None = None) -> None:
        self._call(name, (epoch,), logs)

    return call


def _batch_hook(name: str) -> Callable[..., None]:
    def call(self: "CallbackList", batch: int, logs: Mapping | Callable | None = None) -> None:
        hooks = self._hooks[name]
        if not hooks:
            return
        ready = [method for method, due in hooks if due is None or due(batch)]
        if ready:
            logs = plain(logs() if callable(logs) else logs)
            for method in ready:
                method(batch, logs)

    return call


class CallbackList:
    """Several callbacks called as one, in their order; each hook only where it is overridden.

    Args:
        callbacks: a callback, (nested) lists of them, or another such list.
        add_history, add_progbar: whether to add a `History` and a `ProgbarLogger`, if there is none
            yet; they come last, and so see what other callbacks put into the logs.
        model: given to every callback.
        **params: given to every callback as `params`.

    Hooks take logs as a dict. Those of a batch also take a function that reads them, which is
    called only if a callback is due. `wants(hook)` says whether there is any that always is.

    Raises:
        TypeError: something in `callbacks` is no callback, or a class instead of an instance.
    """

    def __init__(
        self,
        callbacks: object = None,
        add_history: bool = False,
        add_progbar: bool = False,
        model: object = None,
        **params: object,
    ) -> None:
        self.callbacks = [_checked(callback) for callback in _flat(callbacks)]
        for wanted, kind in ((add_history, History), (add_progbar, ProgbarLogger)):
            if wanted and not any(isinstance(callback, kind) for callback in self.callbacks):
                self.callbacks.append(kind())
        self.params = params
        self.model = model
        for callback in self.callbacks:
            if params:
                callback.set_params(params)
            if model is not None:
                callback.set_model(model)
        self._hooks = {
            hook: [
                (getattr(callback, hook), due_of(callback, hook))
                for callback in self.callbacks
                if overrides(callback, hook)
            ]
            for hook in HOOKS
        }

    def set_validation_data(self, source: object) -> None:
        """Give the arrays of a source to every callback; None where it has no arrays."""
        data = None
        if isinstance(source, ArraySource):
            x, y, w = (tree.flatten(part) for part in source.structure)
            weights = [np.ones(len(x[0])) if a is None else a for a in w or [None] * len(y)]
            data = [*x, *(a for a in y if a is not None), *weights]
        for callback in self.callbacks:
            callback.validation_data = data

    def wants(self, hook: str) -> bool:
        """Whether some callback needs every call of a hook."""
        return any(due is None for _, due in self._hooks[hook])

    def idle(self, kind: str) -> bool:
        """Whether no callback follows the batches of a kind: "train", "test" or "predict"."""
        return not (self._hooks[f"on_{kind}_batch_begin"] or self._hooks[f"on_{kind}_batch_end"])

    def _call(self, hook: str, position: tuple[int, ...], logs: Mapping | None) -> None:
        logs = plain(logs)
        for method, _ in self._hooks[hook]:
            method(*position, logs)

    on_train_begin = _hook("on_train_begin")
    on_train_end = _hook("on_train_end")
    on_test_begin = _hook("on_test_begin")
    on_test_end = _hook("on_test_end")
    on_predict_begin = _hook("on_predict_begin")
    on_predict_end = _hook("on_predict_end")
    on_epoch_begin = _epoch_hook("on_epoch_begin")
    on_epoch_end = _epoch_hook("on_epoch_end")
    on_train_batch_begin = _batch_hook("on_train_batch_begin")
    on_train_batch_end = _batch_hook("on_train_batch_end")
    on_test_batch_begin = _batch_hook("on_test_batch_begin")
    on_test_batch_end = _batch_hook("on_test_batch_end")
    on_predict_batch_begin = _batch_hook("on_predict_batch_begin")
    on_predict_batch_end = _batch_hook("on_predict_batch_end")


def _flat(callbacks: object) -> Iterable[object]:
    if callbacks is None:
        return []
    if isinstance(callbacks, CallbackList):
        callbacks = callbacks.callbacks
    if not isinstance(callbacks, list | tuple):
        return [callbacks]
    return [callback for item in callbacks for callback in _flat(item)]


def _checked(callback: object) -> object:
    if isinstance(callback, type):
        raise TypeError(
            f"callbacks got the class {callback.__name__}; pass an instance: "
            f"{callback.__name__}(...)."
        )
    if not hasattr(callback, "set_params") or not hasattr(callback, "set_model"):
        raise TypeError(f"callbacks got {callback!r}, which is no Callback.")
    return callback
