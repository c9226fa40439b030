"""What a person hangs into training."""

from deepbasics import absent
from deepbasics.callbacks.base import Callback
from deepbasics.callbacks.callback_list import CallbackList
from deepbasics.callbacks.checkpoint import ModelCheckpoint
from deepbasics.callbacks.early_stopping import EarlyStopping
from deepbasics.callbacks.history import History
from deepbasics.callbacks.learning_rate import LearningRateScheduler, ReduceLROnPlateau
from deepbasics.callbacks.progbar_logger import ProgbarLogger
from deepbasics.callbacks.simple import CSVLogger, LambdaCallback, SwapEMAWeights, TerminateOnNaN

__all__ = [
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "LearningRateScheduler",
    "ModelCheckpoint",
    "ProgbarLogger",
    "ReduceLROnPlateau",
    "SwapEMAWeights",
    "TerminateOnNaN",
]

__getattr__ = absent.attributes(__name__)
