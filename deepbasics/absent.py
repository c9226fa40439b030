"""What a room answers for a name that it does not define: where it is, that it is to come, or no.

NAMES is the table of what Keras 3 has and this library has not, by room ("" is the package). A name
that is built is taken out of it.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

PACKAGE = "deepbasics"
NAMES: dict[str, frozenset[str]] = {
    room: frozenset(names.split())
    for room, names in {
        "": (
            "Function Operation Quantizer RematScope StatelessScope "
            "SymbolicScope applications distillation distribution export quantizers remat "
            "visualization wrappers"
        ),
        "callbacks": "BackupAndRestore OrbaxCheckpoint RemoteMonitor TensorBoard",
        "config": (
            "disable_flash_attention enable_flash_attention enable_traceback_filtering "
            "is_flash_attention_enabled is_nnx_enabled"
        ),
        "datasets": "boston_housing california_housing cifar10 cifar100 fashion_mnist imdb reuters",
        "dtype_policies": (
            "AWQDTypePolicy DTypePolicyMap GPTQDTypePolicy "
            "Int4DTypePolicy QuantizedDTypePolicy QuantizedFloat8DTypePolicy"
        ),
        "initializers": "STFT STFTInitializer stft",
        "layers": (
            "AugMix AutoContrast ContrastLimitedAdaptiveHistogramEqualization CutMix "
            "Equalization FlaxLayer HashedCrossing JaxLayer MaxNumBoundingBoxes MelSpectrogram "
            "MixUp Pipeline RandAugment RandomColorDegeneration RandomColorJitter "
            "RandomElasticTransform RandomErasing RandomGaussianBlur RandomGrayscale RandomHue "
            "RandomInvert RandomPerspective RandomPosterization RandomSaturation RandomSharpness "
            "RandomShear ReversibleEmbedding STFTSpectrogram Solarization TFSMLayer"
        ),
        "losses": (
            "CategoricalGeneralizedCrossEntropy Circle categorical_generalized_cross_entropy circle"
        ),
        "ops": "eig polar view_as_complex view_as_real",
        "ops.linalg": "eig",
        "ops.nn": "polar",
        "optimizers": "MultiOptimizer Muon OptimizerMap ScheduleFreeAdamW",
        "saving": "KerasFileEditor",
        "utils": (
            "Config FeatureSpace audio_dataset_from_directory bounding_boxes get_source_inputs"
        ),
    }.items()
}


def attributes(module: str, elsewhere: Mapping[str, str] | None = None) -> Callable[[str], Any]:
    """The `__getattr__` of a module.

    `elsewhere` maps a name that the module has too to the room that defines it, which is imported
    with the first use.
    """
    places = dict(elsewhere or {})

    def __getattr__(name: str) -> Any:
        if name in places:
            return getattr(import_module(f"{PACKAGE}.{places[name]}"), name)
        own = vars(sys.modules[module])
        known = own.get("__all__") or [n for n in own if not n.startswith("_")]
        raise error(module, name, (*known, *places))

    return __getattr__


def error(module: str, name: str, known: Iterable[str]) -> AttributeError:
    """The error for a name that a module has not: to come, or unknown with the nearest known."""
    if name.startswith("__"):
        return AttributeError(name)
    if is_to_come(f"{module}.{name}"):
        return AttributeError(sentence(f"{module}.{name}"))
    from deepbasics.errors import nearest

    return AttributeError(f"{module} has no {name!r}.{nearest(name, known)}")


def is_to_come(path: str) -> bool:
    """Whether Keras has what is at this path of the package, and this library not."""
    room, _, name = path.removeprefix(PACKAGE).rpartition(".")
    return name in NAMES.get(room.strip("."), ())


def sentence(path: str) -> str:
    """What is said of it."""
    return f"{path} is not available yet."
