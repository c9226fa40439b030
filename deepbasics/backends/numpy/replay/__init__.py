"""A step is recorded once (`graph`), given memory (`plan`), written as source (`code`,
`program`), and run again as that source (`step`).
"""

from deepbasics.backends.numpy.replay.step import Step

__all__ = ["Step"]
