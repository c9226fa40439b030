"""scikit-learn's MLPClassifier, for the networks that it can express."""

import warnings
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from benchmarks.work import Missing, Work


class Classifier:
    """`fit` for so many epochs; no accuracy is measured while training."""

    def __init__(self, work: Work) -> None:
        self.x = work.x
        self.y = work.y.argmax(axis=1) if work.net.loss == "cce" else work.y.ravel().astype(int)
        name, settings = work.net.optimizer
        self.model = MLPClassifier(
            hidden_layer_sizes=[layer[1] for layer in work.net.layers[:-1]],
            solver=name,
            alpha=0.0,
            batch_size=work.net.batch,
            learning_rate_init=settings["learning_rate"],
            warm_start=True,
            tol=0.0,
            n_iter_no_change=10**9,
        )

    def train(self, epochs: int, shuffle: bool = True) -> tuple[float, float]:
        """`fit`, going on from the weights it has."""
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it ran for max_iter epochs
            self.model.set_params(max_iter=epochs, shuffle=shuffle).fit(self.x, self.y)
        return self.model.loss_, 0.0

    def predict(self, x: np.ndarray) -> np.ndarray:
        """Probabilities."""
        return self.model.predict_proba(x)


def build(work: Work, **_: Any) -> Classifier:
    """Raises Missing for a network that is no MLPClassifier."""
    net = work.net
    hidden = {layer[::2] for layer in net.layers[:-1]}
    if net.loss == "mse" or hidden != {("dense", "relu")}:
        raise Missing("scikit-learn's MLPClassifier has no such layers")
    if net.optimizer[0] not in ("adam", "sgd"):
        raise Missing(f"scikit-learn's MLPClassifier has no {net.optimizer[0]}")
    return Classifier(work)
