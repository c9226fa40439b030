"""Layers that prepare data: numbers, categories, texts and images."""

from deepbasics.layers.preprocessing.augmentation import (
    RandomBrightness,
    RandomContrast,
    RandomCrop,
    RandomFlip,
    RandomRotation,
    RandomTranslation,
    RandomZoom,
)
from deepbasics.layers.preprocessing.encoding import CategoryEncoding
from deepbasics.layers.preprocessing.hashing import Hashing
from deepbasics.layers.preprocessing.images import CenterCrop, Resizing
from deepbasics.layers.preprocessing.numerical import Discretization, Normalization, Rescaling
from deepbasics.layers.preprocessing.text import TextVectorization
from deepbasics.layers.preprocessing.vocabulary import IntegerLookup, StringLookup

__all__ = [
    "CategoryEncoding",
    "CenterCrop",
    "Discretization",
    "Hashing",
    "IntegerLookup",
    "Normalization",
    "RandomBrightness",
    "RandomContrast",
    "RandomCrop",
    "RandomFlip",
    "RandomRotation",
    "RandomTranslation",
    "RandomZoom",
    "Rescaling",
    "Resizing",
    "StringLookup",
    "TextVectorization",
]
