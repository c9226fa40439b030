"""What `fit`, `evaluate` and `predict` print."""

from deepbasics import config
from deepbasics.callbacks.base import Callback
from deepbasics.utils.progress import Progbar

INTERVAL = 0.1  # seconds between two redraws


class ProgbarLogger(Callback):
    """Shows a progress bar for each epoch, evaluation and prediction.

    `params["verbose"]`: 0 prints nothing, 1 a bar (`"auto"` means 1), 2 one line per epoch. Metrics
    are shown as they are in the logs; those of the validation data appear with the epoch's end.
    """

    def __init__(self) -> None:
        self.verbose: int = 1
        self.epochs: int = 1
        self.target: int | None = None
        self.seen = 0
        self.progbar: Progbar | None = None
        self._training = False
        self._validating = False

    def set_params(self, params: dict) -> None:
        super().set_params(params)
        verbose = params["verbose"]
        if verbose != "auto" and not isinstance(verbose, int):
            raise ValueError(f'verbose must be "auto", 0, 1 or 2; got {verbose!r}.')
        usual = 1 if config.is_interactive_logging_enabled() else 2
        self.verbose = usual if verbose == "auto" else verbose
        self.epochs = params.get("epochs", 1)
        self.target = params["steps"]

    def due(self, batch: int) -> bool:
        """Whether it is time to redraw. Batches of the validation data are never shown."""
        if self._validating:
            return False
        self.seen = batch + 1
        return self.progbar.due()

    def on_train_begin(self, logs: dict | None = None) -> None:
        self._training = True

    def on_train_end(self, logs: dict | None = None) -> None:
        self._training = False

    def on_epoch_begin(self, epoch: int, logs: dict | None = None) -> None:
        if self.verbose and self.epochs > 1:
            print(f"Epoch {epoch + 1}/{self.epochs}", flush=True)
        self._start()

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self._finish(logs)

    def on_test_begin(self, logs: dict | None = None) -> None:
        self._validating = self._training
        if not self._validating:
            self._start()

    def on_test_end(self, logs: dict | None = None) -> None:
        if not self._validating:
            self._finish(logs)
        self._validating = False

    def on_predict_begin(self, logs: dict | None = None) -> None:
        self._start()

    def on_predict_end(self, logs: dict | None = None) -> None:
        self._finish(None)

    def on_train_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._show(batch, logs)

    def on_test_batch_end(self, batch: int, logs: dict | None = None) -> None:
        if not self._validating:
            self._show(batch, logs)

    def on_predict_batch_end(self, batch: int, logs: dict | None = None) -> None:
        self._show(batch, None)

    def _start(self) -> None:
        self.seen = 0
        self.progbar = Progbar(
            self.target, verbose=self.verbose, interval=INTERVAL, stateless_metrics=()
        )

    def _show(self, batch: int, logs: dict | None) -> None:
        self.seen = batch + 1
        self.progbar.update(self.seen, (logs or {}).items(), finalize=False)

    def _finish(self, logs: dict | None) -> None:
        if self.target is None:  # how long an epoch is, the first one tells
            self.target = self.progbar.target = self.seen
        self.progbar.update(self.seen or self.target, (logs or {}).items(), finalize=True)
