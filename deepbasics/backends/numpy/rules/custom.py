"""A value with a gradient of the caller's own."""

from deepbasics.backends.numpy.trace import primitive


def _forward(y, *xs, backward):
    return y


custom_gradient = primitive(  # y, whose cotangent goes to the xs as `backward(g)` says, not to y
    "custom_gradient",
    _forward,
    joint=lambda g, y, value, *xs, backward: (None, *backward(g)),
    kind="view",
    analytic=False,
)
