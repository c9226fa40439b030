"""The op table of the torch backend: the value of each primitive; torch.autograd differentiates."""

from deepbasics.backends.torch.rules import (
    elementwise,
    maths,
    nn,
    random,
    reduction,
    shape,
)

FAMILIES = (
    elementwise,
    maths,
    nn,
    random,
    reduction,
    shape,
)

RULES = {name: rule for family in FAMILIES for name, rule in family.RULES.items()}
