"""Update rules: `g` is the gradient, `w` the weights, `t` the number of the update from 1 on.

Each class is its formula. All take the arguments of `Optimizer` by keyword too, and Keras-1 and -2
spellings (`lr`, `decay`). The formulas keep the order of Keras' float32 operations, so that
training agrees to the last digits.
"""

from collections.abc import Callable
from typing import Any

from deepbasics import legacy, ops
from deepbasics.optimizers.base import OPTIONS, Optimizer, Tensors

Update = tuple[Any, Tensors]


def _spellings(name: str, *also: str) -> Callable[[Callable], Callable]:
    """Old keywords of the optimizer called `name`, and an error for unknown ones."""
    return legacy.keywords(name, also=(*OPTIONS, *also))


def _count(step: Any, w: Any) -> Any:
    return ops.cast(step + 1, ops.dtype(w))


def _check_unit(**values: float) -> None:
    for name, value in values.items():
        if not 0 <= value <= 1:
            raise ValueError(f"{name} must lie in [0, 1], not {value}.")


def _check_below_one(**values: float) -> None:
    """Of averages that are divided by `1 - betaᵗ`."""
    for name, value in values.items():
        if not 0 <= value < 1:
            raise ValueError(f"{name} must be at least 0 and below 1, not {value}.")


class SGD(Optimizer):
    """Gradient descent: `w -= lr * g`; with momentum `v = momentum * v - lr * g; w += v`.

    With `nesterov`: `w += momentum * v - lr * g`, with the new `v`. The learning rate is inside the
    velocity, as in Keras and unlike PyTorch. Reference: Sutskever et al., "On the importance of
    initialization and momentum in deep learning", 2013.

    >>> SGD(0.1, momentum=0.9).get_config()["momentum"]
    0.9
    """

    @_spellings("SGD")
    def __init__(
        self,
        learning_rate: Any = 0.01,
        momentum: float = 0.0,
        nesterov: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        _check_unit(momentum=momentum)
        self._set(momentum=momentum, nesterov=nesterov)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"momentum": 0.0}] if self.momentum else []

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        move = g * learning_rate
        if not self.momentum:
            return w - move, {}
        v = slots["momentum"] * self.momentum - move
        return w + (v * self.momentum - move if self.nesterov else v), {"momentum": v}


class RMSprop(Optimizer):
    """`v = rho * v + (1 - rho) * g²; w -= lr * g / sqrt(v + epsilon)`.

    With `centered` the root is of `v - a² + epsilon`, where `a` is the same average of `g`. With
    `momentum` the quotient `d` is gathered first: `b = momentum * b + d; w -= b`. Epsilon is inside
    the root, as in Keras 3 and unlike PyTorch and Keras 1, 2.
    Reference: Tieleman and Hinton, "Lecture 6.5", COURSERA, 2012.
    """

    @_spellings("RMSprop")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        rho: float = 0.9,
        momentum: float = 0.0,
        epsilon: float = 1e-7,
        centered: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self._set(rho=rho, momentum=momentum, epsilon=epsilon, centered=centered)

    def slot_groups(self) -> list[dict[str, float]]:
        optional = {"momentum": self.momentum > 0, "average_gradient": self.centered}
        return [{"velocity": 0.0}, *({name: 0.0} for name, used in optional.items() if used)]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        rho = self.rho
        new = {"velocity": rho * slots["velocity"] + (1 - rho) * ops.square(g)}
        spread = new["velocity"]
        if self.centered:
            average = rho * slots["average_gradient"] + (1 - rho) * g
            new["average_gradient"] = average
            spread = spread - ops.square(average)
        move = learning_rate * g / ops.sqrt(spread + self.epsilon)
        if self.momentum > 0:
            move = new["momentum"] = self.momentum * slots["momentum"] + move
        return w - move, new


class Adagrad(Optimizer):
    """`a += g²; w -= lr * g / sqrt(a + epsilon)`, where `a` starts at `initial_accumulator_value`.

    Reference: Duchi et al., "Adaptive Subgradient Methods for Online Learning and Stochastic
    Optimization", 2011.
    """

    @_spellings("Adagrad")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        initial_accumulator_value: float = 0.1,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self._set(initial_accumulator_value=initial_accumulator_value, epsilon=epsilon)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"accumulator": self.initial_accumulator_value}]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        a = slots["accumulator"] + ops.square(g)
        return w - learning_rate * g / ops.sqrt(a + self.epsilon), {"accumulator": a}


class Adadelta(Optimizer):
    """`a = rho * a + (1 - rho) * g²; u = g * sqrt(d + epsilon) / sqrt(a + epsilon); w -= lr * u`.

    After that `d = rho * d + (1 - rho) * u²`. Reference: Zeiler, "ADADELTA", 2012 (where lr is 1).
    """

    @_spellings("Adadelta")
    def __init__(
        self, learning_rate: Any = 0.001, rho: float = 0.95, epsilon: float = 1e-7, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        self._set(rho=rho, epsilon=epsilon)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"accumulated_grad": 0.0, "accumulated_delta_var": 0.0}]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        rho, d = self.rho, slots["accumulated_delta_var"]
        a = rho * slots["accumulated_grad"] + (1 - rho) * ops.square(g)
        u = ops.sqrt(d + self.epsilon) * g / ops.sqrt(a + self.epsilon)
        d = rho * d + (1 - rho) * ops.square(u)
        return w - learning_rate * u, {"accumulated_grad": a, "accumulated_delta_var": d}


class Adam(Optimizer):
    """`w -= α * m / (sqrt(v) + epsilon)`, with running means `m` of `g` and `v` of `g²`.

    `m += (1 - beta_1) * (g - m)`, `v += (1 - beta_2) * (g² - v)` and
    `α = lr * sqrt(1 - beta_2ᵗ) / (1 - beta_1ᵗ)`, so that epsilon is added to the uncorrected root
    (the paper's "epsilon hat"; PyTorch corrects first). With `amsgrad`, `v` in the last formula is
    the largest so far.
    References: Kingma and Ba, "Adam", 2014, end of section 2; Reddi et al., "On the Convergence of
    Adam and Beyond", 2018.
    """

    @_spellings("Adam")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        _check_below_one(beta_1=beta_1, beta_2=beta_2)
        self._set(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon, amsgrad=amsgrad)

    def slot_groups(self) -> list[dict[str, float]]:
        groups = [{"momentum": 0.0, "velocity": 0.0}, {"velocity_hat": 0.0}]
        return groups if self.amsgrad else groups[:1]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        t = _count(step, w)
        correction = ops.sqrt(1 - ops.power(self.beta_2, t)) / (1 - ops.power(self.beta_1, t))
        m, v = _moments(g, slots, self.beta_1, self.beta_2)
        new = {"momentum": m, "velocity": v}
        if self.amsgrad:
            v = new["velocity_hat"] = ops.maximum(slots["velocity_hat"], v)
        return w - m * (learning_rate * correction) / (ops.sqrt(v) + self.epsilon), new


def _moments(g: Any, slots: Tensors, beta_1: float, beta_2: float) -> tuple[Any, Any]:
    m, v = slots["momentum"], slots["velocity"]
    return m + (g - m) * (1 - beta_1), v + (ops.square(g) - v) * (1 - beta_2)


class AdamW(Adam):
    """Adam with decoupled weight decay: before each update `w -= lr * weight_decay * w`.

    Reference: Loshchilov and Hutter, "Decoupled Weight Decay Regularization", 2019.
    """

    @_spellings("AdamW")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        weight_decay: float = 0.004,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        amsgrad: bool = False,
        **options: Any,
    ) -> None:
        if weight_decay is None:
            raise ValueError("AdamW needs a weight_decay (a number); for none use Adam.")
        options["weight_decay"] = weight_decay
        super().__init__(learning_rate, beta_1, beta_2, epsilon, amsgrad, **options)


class Adamax(Optimizer):
    """`w -= lr * m / ((1 - beta_1ᵗ) * (u + epsilon))`, with `u` the fading maximum of `|g|`.

    `m += (1 - beta_1) * (g - m)` and `u = max(beta_2 * u, |g|)`.
    Reference: Kingma and Ba, "Adam", 2014, section 7.
    """

    @_spellings("Adamax")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        _check_below_one(beta_1=beta_1, beta_2=beta_2)
        self._set(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"momentum": 0.0, "norm": 0.0}]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        m = slots["momentum"]
        m = m + (g - m) * (1 - self.beta_1)
        u = ops.maximum(self.beta_2 * slots["norm"], ops.abs(g))
        corrected = 1 - ops.power(self.beta_1, _count(step, w))
        move = learning_rate * m / (corrected * (u + self.epsilon))
        return w - move, {"momentum": m, "norm": u}


class Nadam(Optimizer):
    """Adam with Nesterov momentum.

    With `m` and `v` of Adam, `μₜ = beta_1 * (1 - 0.96ᵗ / 2)` and `P` the product of `μ₁` to `μₜ`:
    `n = μₜ₊₁ * m / (1 - P * μₜ₊₁) + (1 - μₜ) * g / (1 - P); w -= lr * n / (sqrt(v / (1 - beta_2ᵗ))
    + epsilon)`.
    `schedule_decay` (Keras 1 and 2, where it was 0.004) makes it `0.96 ** (schedule_decay * t)`.
    Reference: Dozat, "Incorporating Nesterov Momentum into Adam", 2015.
    """

    @_spellings("Nadam")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        schedule_decay: float = 1.0,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        _check_below_one(beta_1=beta_1, beta_2=beta_2)
        self._set(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)
        self.schedule_decay = schedule_decay

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"momentum": 0.0, "velocity": 0.0}]

    def scalars(self) -> dict[str, float]:
        return {"u_product": 1.0}

    def get_config(self) -> dict[str, Any]:
        own = {"schedule_decay": self.schedule_decay} if self.schedule_decay != 1.0 else {}
        return super().get_config() | own

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        product = slots["u_product"]
        t = _count(step, product)  # in its dtype, so that weights of other dtypes agree on it
        base = 0.96**self.schedule_decay
        mu = self.beta_1 * (1 - 0.5 * ops.power(base, t))
        next_mu = self.beta_1 * (1 - 0.5 * ops.power(base, t + 1))
        product = product * mu
        dtype = ops.dtype(w)
        m_share = ops.cast(next_mu / (1 - product * next_mu), dtype)
        g_share = ops.cast((1 - mu) / (1 - product), dtype)
        m, v = _moments(g, slots, self.beta_1, self.beta_2)
        m_hat = m * m_share + g * g_share
        v_hat = v / (1 - ops.power(self.beta_2, ops.cast(t, dtype)))
        move = m_hat * learning_rate / (ops.sqrt(v_hat) + self.epsilon)
        return w - move, {"momentum": m, "velocity": v, "u_product": product}


class Lion(Optimizer):
    """`w -= lr * sign(beta_1 * m + (1 - beta_1) * g); m = beta_2 * m + (1 - beta_2) * g`.

    Reference: Chen et al., "Symbolic Discovery of Optimization Algorithms", 2023.
    """

    @_spellings("Lion")
    def __init__(
        self, learning_rate: Any = 0.001, beta_1: float = 0.9, beta_2: float = 0.99, **options: Any
    ) -> None:
        super().__init__(learning_rate, **options)
        _check_unit(beta_1=beta_1, beta_2=beta_2)
        self._set(beta_1=beta_1, beta_2=beta_2)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"momentum": 0.0}]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        m = slots["momentum"]
        direction = ops.sign(m * self.beta_1 + g * (1 - self.beta_1))
        m = m * self.beta_2 + g * (1 - self.beta_2)
        return w - learning_rate * direction, {"momentum": m}


class Ftrl(Optimizer):
    """Follow the regularised leader.

    `n = a + g²; z += s - (n⁻ᵖ - a⁻ᵖ) / lr * w; w = (clip(z, -l1, l1) - z) / q; a = n`, where
    `p` is `learning_rate_power`, `s = g + 2 * l2_shrinkage * w` and `q = n⁻ᵖ / lr + 2 * (l2 + beta
    / (2 * lr))`.
    Reference: McMahan et al., "Ad Click Prediction: a View from the Trenches", 2013.
    """

    @_spellings("Ftrl")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        learning_rate_power: float = -0.5,
        initial_accumulator_value: float = 0.1,
        l1_regularization_strength: float = 0.0,
        l2_regularization_strength: float = 0.0,
        l2_shrinkage_regularization_strength: float = 0.0,
        beta: float = 0.0,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        if learning_rate_power > 0:
            raise ValueError(f"learning_rate_power must be <= 0, not {learning_rate_power}.")
        strengths = {
            "initial_accumulator_value": initial_accumulator_value,
            "l1_regularization_strength": l1_regularization_strength,
            "l2_regularization_strength": l2_regularization_strength,
            "l2_shrinkage_regularization_strength": l2_shrinkage_regularization_strength,
        }
        for name, value in strengths.items():
            if value < 0:
                raise ValueError(f"{name} must be >= 0, not {value}.")
        self._set(learning_rate_power=learning_rate_power, **strengths, beta=beta)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"accumulator": self.initial_accumulator_value, "linear": 0.0}]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        power, l1 = -self.learning_rate_power, self.l1_regularization_strength
        l2 = self.l2_regularization_strength + self.beta / (2 * learning_rate)
        a = slots["accumulator"]
        n = a + ops.square(g)
        root = ops.power(n, power)
        shrunk = g + 2 * self.l2_shrinkage_regularization_strength * w
        z = slots["linear"] + shrunk - (root - ops.power(a, power)) / learning_rate * w
        w = (ops.clip(z, -l1, l1) - z) / (root / learning_rate + 2 * l2)
        return w, {"accumulator": n, "linear": z}


class Lamb(Optimizer):
    """Adam's direction, scaled for each variable: `w -= lr * |w| / |u| * u`.

    `u = m̂ / (sqrt(v̂) + epsilon)`, with `m̂ = m / (1 - beta_1ᵗ)` and `v̂ = v / (1 - beta_2ᵗ)`. The
    ratio of the norms is 1 where one of them is 0. Reference: You et al., "Large Batch Optimization
    for Deep Learning: Training BERT in 76 minutes", 2020.
    """

    elementwise = False

    @_spellings("Lamb")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        _check_below_one(beta_1=beta_1, beta_2=beta_2)
        self._set(beta_1=beta_1, beta_2=beta_2, epsilon=epsilon)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"momentum": 0.0, "velocity": 0.0}]

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        t = _count(step, w)
        m, v = _moments(g, slots, self.beta_1, self.beta_2)
        corrected = ops.sqrt(v / (1 - ops.power(self.beta_2, t))) + self.epsilon
        u = m / (1 - ops.power(self.beta_1, t)) / corrected
        w_norm, u_norm = _norm(w), _norm(u)
        both = ops.logical_and(ops.greater(w_norm, 0), ops.greater(u_norm, 0))
        ratio = ops.where(both, w_norm / ops.where(both, u_norm, 1), 1)
        return w - ratio * learning_rate * u, {"momentum": m, "velocity": v}


def _norm(x: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(x)))


def _rms(x: Any) -> Any:
    return ops.sqrt(ops.mean(ops.square(x)))


class Adafactor(Optimizer):
    """Adam with row and column means for `v`, and steps relative to the size of the weights.

    For matrices (and stacks of them) `r` and `c` average `g² + epsilon_1` over the last axis and
    the one before, with the factor `b = 1 - t ** beta_2_decay`, and `v = r * c / mean(r)`; for
    vectors `v` is averaged itself. Then `u = g / sqrt(v)`, `u /= max(1, rms(u) / clip_threshold)`
    and `w -= max(epsilon_2, rms(w)) * min(lr, 1 / sqrt(t)) * u`.
    Reference: Shazeer and Stern, "Adafactor", 2018.
    """

    elementwise = False

    @_spellings("Adafactor")
    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_2_decay: float = -0.8,
        epsilon_1: float = 1e-30,
        epsilon_2: float = 1e-3,
        clip_threshold: float = 1.0,
        relative_step: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(learning_rate, **options)
        self._set(beta_2_decay=beta_2_decay, epsilon_1=epsilon_1, epsilon_2=epsilon_2)
        self._set(clip_threshold=clip_threshold, relative_step=relative_step)

    def slot_groups(self) -> list[dict[str, float]]:
        return [{"row": 0.0, "column": 0.0, "velocity": 0.0}]

    def slot_shape(self, slot: str, shape: tuple[int, ...]) -> tuple[int, ...]:
        if slot not in ("row", "column"):
            return shape
        if len(shape) < 2:
            return ()
        return shape[:-1] if slot == "row" else (*shape[:-2], shape[-1])

    def update(self, g: Any, w: Any, slots: Tensors, learning_rate: Any, step: Any) -> Update:
        t = _count(step, w)
        b = 1 - ops.power(t, self.beta_2_decay)
        squares = ops.square(g) + self.epsilon_1
        if len(w.shape) < 2:
            new = {"velocity": b * slots["velocity"] + (1 - b) * squares}
        else:
            r = b * slots["row"] + (1 - b) * ops.mean(squares, axis=-1)
            c = b * slots["column"] + (1 - b) * ops.mean(squares, axis=-2)
            share = ops.expand_dims(r / ops.mean(r, axis=-1, keepdims=True), -1)
            new = {"row": r, "column": c, "velocity": share * ops.expand_dims(c, -2)}
        u = g / ops.sqrt(new["velocity"])
        u = u / ops.maximum(1, _rms(u) / self.clip_threshold)
        rho = ops.minimum(learning_rate, 1 / ops.sqrt(t))
        return w - ops.maximum(self.epsilon_2, _rms(w)) * rho * u, new
