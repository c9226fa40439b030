"""Where a step's time goes, op by op: `model.profile_step` of each deepbasics backend."""

from importlib import import_module

from benchmarks import work
from benchmarks.columns import COLUMNS, keras_like
from benchmarks.rows import NETS


def profile(name: str) -> str:
    """The profile of one network's step on each backend."""
    deepbasics = import_module("deepbasics")
    parts = []
    for column in ("deepbasics-numpy", "deepbasics-torch"):
        backend = COLUMNS[column].env["DEEPBASICS_BACKEND"]
        try:
            with deepbasics.use_backend(backend):
                text = _profile(name)
        except (work.Missing, deepbasics.errors.BackendUnavailable) as why:
            text = str(why)
        parts.append(f"{name} on {backend}\n{text}\n")
    return "\n".join(parts)


def _profile(name: str) -> str:
    made = work.make(NETS[name])
    trainer = keras_like.build(made, "deepbasics")
    trainer.train(2)
    method = getattr(trainer.model, "profile_step", None)
    if method is None:
        raise work.Missing("deepbasics has no model.profile_step yet")
    batch = slice(made.net.batch)
    found = method(made.x[batch], made.y[batch])
    return "" if found is None else str(found)
