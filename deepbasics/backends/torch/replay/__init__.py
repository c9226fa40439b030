"""A step is recorded once (`record`), planned (`plan`, `spellings`), written as source (`program`),
and run again as that source (`step`).
"""

from deepbasics.backends.torch.replay.record import active, on_host
from deepbasics.backends.torch.replay.step import Step

__all__ = ["Step", "active", "on_host"]
