"""The op table of the torch backend: the value of each primitive; torch.autograd differentiates."""

from deepbasics.backends.torch.rules import (
    attention,
    conv,
    custom,
    elementwise,
    factor,
    fourier,
    maths,
    nn,
    order,
    random,
    recurrent,
    reduction,
    shape,
)

FAMILIES = (
    attention,
    conv,
    custom,
    elementwise,
    factor,
    fourier,
    maths,
    nn,
    order,
    random,
    recurrent,
    reduction,
    shape,
)

RULES = {name: rule for family in FAMILIES for name, rule in family.RULES.items()}
