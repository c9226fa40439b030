"""The op table of the torch backend: the value of each primitive; torch.autograd differentiates."""

from deepbasics.backends.torch.rules import (
    conv,
    custom,
    elementwise,
    maths,
    nn,
    order,
    random,
    recurrent,
    reduction,
    shape,
)

FAMILIES = (
    conv,
    custom,
    elementwise,
    maths,
    nn,
    order,
    random,
    recurrent,
    reduction,
    shape,
)

RULES = {name: rule for family in FAMILIES for name, rule in family.RULES.items()}
