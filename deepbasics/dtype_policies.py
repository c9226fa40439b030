"""Dtype policies: in which dtype layers compute, and in which they keep their weights.

"mixed_bfloat16" and "mixed_float16" keep float32 weights and compute in 16 bits: half the memory
traffic, and the fast units of a GPU. The loss is taken in float32; float16, whose range is small,
also needs the loss scaling that `compile` then adds (`optimizers.LossScaleOptimizer`).
"""

from collections.abc import Mapping
from typing import Any

from deepbasics import absent, config, dtypes
from deepbasics.backends import registry
from deepbasics.errors import unknown

_MIXED = {"mixed_float16": "float16", "mixed_bfloat16": "bfloat16"}
_global: list["DTypePolicy"] = []


class DTypePolicy:
    """A policy by its name: a float dtype, "mixed_float16" or "mixed_bfloat16".

    >>> policy = DTypePolicy("mixed_bfloat16")
    >>> policy.compute_dtype, policy.variable_dtype
    ('bfloat16', 'float32')
    """

    def __init__(self, name: str) -> None:
        name = dtypes.name(name)
        if name not in (*_MIXED, *dtypes.FLOATS, *dtypes.INTS, "bool"):
            raise unknown("dtype policy", name, (*_MIXED, *dtypes.FLOATS))
        self.name = name
        self.compute_dtype = _MIXED.get(name, name)
        self.variable_dtype = "float32" if name in _MIXED else name

    def get_config(self) -> dict[str, Any]:
        """The arguments of the constructor."""
        return {"name": self.name}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "DTypePolicy":
        """The inverse of `get_config`."""
        return cls(**config)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DTypePolicy) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f'<DTypePolicy "{self.name}">'


Policy = FloatDTypePolicy = DTypePolicy


def get(identifier: Any = None) -> DTypePolicy:
    """A policy from a name, a dtype, a saved config or itself; None: the one in force.

    Raises ValueError where the active backend cannot compute in it: NumPy has no bfloat16.
    """
    if identifier is None:
        policy = dtype_policy()
    elif isinstance(identifier, DTypePolicy):
        policy = identifier
    elif isinstance(identifier, Mapping):
        policy = DTypePolicy(**identifier.get("config", identifier))
    else:
        policy = DTypePolicy(identifier)
    if policy.compute_dtype == "bfloat16" and registry.active().name == "numpy":
        raise ValueError(
            f'"{policy.name}" needs bfloat16, which NumPy does not have: use the torch backend, '
            '"mixed_float16" or "float32".'
        )
    return policy


def dtype_policy() -> DTypePolicy:
    """The policy of layers that are given no dtype: floatx, unless `set_dtype_policy` was called.

    >>> dtype_policy()
    <DTypePolicy "float32">
    """
    return _global[0] if _global else DTypePolicy(config.floatx())


def set_dtype_policy(policy: Any) -> None:
    """Set the policy of the layers made from now on; None: floatx again."""
    _global[:] = [] if policy is None else [get(policy)]


def serialize(dtype_policy: DTypePolicy) -> dict[str, Any]:
    """A policy as plain data."""
    return {
        "module": "keras",
        "class_name": "DTypePolicy",
        "config": dtype_policy.get_config(),
        "registered_name": None,
    }


def deserialize(config: Any, custom_objects: Mapping[str, Any] | None = None) -> DTypePolicy:
    """The inverse of `serialize`; `custom_objects` changes nothing."""
    return get(config)


global_policy = dtype_policy
set_global_policy = set_dtype_policy

__getattr__ = absent.attributes(__name__)
