"""The torch backend: forward rules, differentiated by torch.autograd; CPU and CUDA."""

from deepbasics import config
from deepbasics.backends.torch.backend import TorchBackend, use_tf32

__all__ = ["TorchBackend", "use_tf32"]

use_tf32(config.tf32())
