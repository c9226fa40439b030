"""The torch backend: forward rules, differentiated by torch.autograd; CPU and CUDA."""

from deepbasics.backends.torch.backend import TorchBackend

__all__ = ["TorchBackend"]
