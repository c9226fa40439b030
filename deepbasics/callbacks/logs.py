"""Logs: metric names to values, found under today's names and under older ones."""

from collections.abc import Mapping

ALIASES = (
    ("accuracy", "acc"),
    ("learning_rate", "lr"),
    ("mean_absolute_error", "mae"),
    ("mean_squared_error", "mse"),
    ("mean_absolute_percentage_error", "mape"),
    ("mean_squared_logarithmic_error", "msle"),
    ("kl_divergence", "kld", "kullback_leibler_divergence"),
    ("log_cosh", "logcosh"),
)


class Logs(dict):
    """A dict whose look-ups fall back to other spellings of a metric's name.

    The keys are those that were put in; only a look-up that would fail tries the others, behind
    any prefix such as `val_` or an output's name.

    >>> logs = Logs(accuracy=0.9, val_mae=0.2)
    >>> logs["acc"], logs.get("val_mean_absolute_error"), "lr" in logs
    (0.9, 0.2, False)
    """

    def __missing__(self, name: str) -> object:
        for other in other_spellings(name):
            if dict.__contains__(self, other):
                return dict.__getitem__(self, other)
        raise KeyError(name)

    def __contains__(self, name: object) -> bool:
        return dict.__contains__(self, name) or any(
            dict.__contains__(self, other) for other in other_spellings(name)
        )

    def get(self, name: str, default: object = None) -> object:
        """The value under `name`, or under another spelling of it, or `default`."""
        try:
            return self[name]
        except KeyError:
            return default


def other_spellings(name: object) -> list[str]:
    """`["val_accuracy"]` for `"val_acc"`."""
    if not isinstance(name, str):
        return []
    return [
        name.removesuffix(spelling) + other
        for group in ALIASES
        for spelling in group
        if name == spelling or name.endswith("_" + spelling)
        for other in group
        if other != spelling
    ]


def plain(logs: Mapping[str, object] | None) -> Logs:
    """The logs in alphabetical order, scalars as Python floats, nested dicts flattened."""
    flat = Logs()
    for name, value in sorted((logs or {}).items()):
        if isinstance(value, Mapping):
            flat.update(plain(value))
        else:
            flat[name] = _number(value)
    return flat


def _number(value: object) -> object:
    if getattr(value, "shape", ()):
        return value
    try:
        return float(value)
    except (TypeError, ValueError):
        return value
