"""The op table of the torch backend: the value of each primitive; torch.autograd differentiates."""

from deepbasics.backends.torch.rules import elementwise, nn, random, reduction, shape

RULES = {
    **elementwise.RULES,
    **reduction.RULES,
    **shape.RULES,
    **nn.RULES,
    **random.RULES,
}
