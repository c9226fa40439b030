"""What is saved and loaded beside Keras: a row for every layer, loss, optimizer and so on.

A row is written once and made in either library: `make(keras, row)`, `make(deepbasics, row)`. A new
layer adds a row to LAYERS; a test tells which have none.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple


class Made(NamedTuple):
    """A thing that each library makes: the class at `path`, called with `arguments`."""

    path: str
    arguments: Mapping[str, Any]

    @property
    def name(self) -> str:
        """The name of the class."""
        return self.path.rpartition(".")[2]


class Case(NamedTuple):
    """A layer, the shapes of its inputs (without the batch), and how they are given to it."""

    layer: Made
    shapes: tuple[tuple[int, ...], ...]
    call: str = "one"  # "one" input, a "list" of them, or several "arguments"
    ids: int = 0  # inputs are ids below this, if not 0
    random: bool = False  # draws while training: losses are not compared
    adapt: Any = None  # data that the layer learns from before it is used


def made(path: str, **arguments: Any) -> Made:
    """A `Made`."""
    return Made(path, arguments)


def make(library: Any, thing: Any) -> Any:
    """`thing` in a library, with all that is in it; what is not `Made` is as it is."""
    if isinstance(thing, Made):
        found = library
        for name in thing.path.split("."):
            found = getattr(found, name)
        return found(**{key: make(library, value) for key, value in thing.arguments.items()})
    if isinstance(thing, list):
        return [make(library, item) for item in thing]
    return thing


def _layer(name: str, *shapes: tuple[int, ...], **arguments: Any) -> Case:
    how = {
        key: arguments.pop(f"_{key}")
        for key in ("call", "ids", "random", "adapt")
        if f"_{key}" in arguments
    }
    return Case(made(f"layers.{name}", **arguments), shapes, **how)


def _dense(units: int = 3) -> Made:
    return made("layers.Dense", units=units)


_ROW, _STEPS, _LINE = (5,), (6, 4), (8, 3)
_IMAGE, _BOX = (8, 8, 3), (3, 3, 3, 2)
_NUMBERS = [[[0.1 * i * j for i in range(4)] for j in range(6)] for _ in range(3)]
_L2 = made("regularizers.L2", l2=0.02)
_NORM = made("constraints.MaxNorm", max_value=1.5)

LAYERS: tuple[Case, ...] = (
    # core
    _layer("Dense", _ROW, units=3, activation="relu", kernel_regularizer=_L2),
    _layer("Dense", _ROW, units=3, kernel_constraint=_NORM),
    _layer("Dense", _STEPS, units=3, use_bias=False, activity_regularizer=_L2),
    _layer("Activation", _ROW, activation="tanh"),
    _layer("Dropout", _ROW, rate=0.3, _random=True),
    _layer("Flatten", _IMAGE),
    _layer("Reshape", (12,), target_shape=(3, 4)),
    _layer("Identity", _ROW),
    _layer("Permute", _STEPS, dims=(2, 1)),
    _layer("RepeatVector", _ROW, n=3),
    _layer("Masking", _STEPS, mask_value=0.0),
    _layer("ActivityRegularization", _ROW, l1=0.01, l2=0.02),
    _layer("Embedding", (6,), input_dim=10, output_dim=4, _ids=10),
    _layer("EinsumDense", _STEPS, equation="abc,cd->abd", output_shape=(6, 3), bias_axes="d"),
    # activations
    _layer("ReLU", _ROW, max_value=2.0, negative_slope=0.1),
    _layer("LeakyReLU", _ROW, negative_slope=0.2),
    _layer("PReLU", _ROW),
    _layer("ELU", _ROW, alpha=0.5),
    _layer("Softmax", _ROW, axis=-1),
    # merging
    *(
        _layer(name, _ROW, _ROW, _call="list")
        for name in ("Add", "Average", "Maximum", "Minimum", "Multiply", "Subtract")
    ),
    _layer("Concatenate", _ROW, (2,), axis=-1, _call="list"),
    _layer("Dot", _ROW, _ROW, axes=1, normalize=True, _call="list"),
    # convolution
    _layer("Conv1D", _LINE, filters=4, kernel_size=3, padding="causal", dilation_rate=2),
    _layer("Conv2D", _IMAGE, filters=4, kernel_size=(3, 2), strides=2, padding="same"),
    _layer("Conv2D", _IMAGE, filters=6, kernel_size=3, groups=3, activation="relu"),
    _layer("Conv3D", _BOX, filters=3, kernel_size=2),
    _layer("Conv1DTranspose", _LINE, filters=4, kernel_size=3, strides=2),
    _layer("Conv2DTranspose", _IMAGE, filters=4, kernel_size=3, strides=2, padding="same"),
    _layer("Conv3DTranspose", _BOX, filters=3, kernel_size=2, strides=2),
    _layer("SeparableConv1D", _LINE, filters=4, kernel_size=3, depth_multiplier=2),
    _layer("SeparableConv2D", _IMAGE, filters=4, kernel_size=3, depth_multiplier=2),
    _layer("DepthwiseConv1D", _LINE, kernel_size=3, depth_multiplier=2),
    _layer("DepthwiseConv2D", _IMAGE, kernel_size=3, depth_multiplier=2),
    # pooling
    *(
        _layer(f"{kind}Pooling{rank}D", shape, pool_size=2)
        for kind in ("Max", "Average")
        for rank, shape in ((1, _LINE), (2, _IMAGE), (3, _BOX))
    ),
    *(
        _layer(f"Adaptive{kind}Pooling{rank}D", shape, output_size=2)
        for kind in ("Max", "Average")
        for rank, shape in ((1, _LINE), (2, _IMAGE), (3, _BOX))
    ),
    *(
        _layer(f"Global{kind}Pooling{rank}D", shape)
        for kind in ("Max", "Average")
        for rank, shape in ((1, _LINE), (2, _IMAGE), (3, _BOX))
    ),
    # padding and size
    *(
        _layer(f"ZeroPadding{rank}D", shape, padding=1)
        for rank, shape in ((1, _LINE), (2, _IMAGE), (3, _BOX))
    ),
    *(
        _layer(f"Cropping{rank}D", shape, cropping=1)
        for rank, shape in ((1, _LINE), (2, _IMAGE), (3, _BOX))
    ),
    *(
        _layer(f"UpSampling{rank}D", shape, size=2)
        for rank, shape in ((1, _LINE), (2, _IMAGE), (3, _BOX))
    ),
    # normalisation and noise
    _layer("BatchNormalization", _ROW, momentum=0.9, gamma_regularizer=_L2),
    _layer("BatchNormalization", _IMAGE, center=False),
    _layer("LayerNormalization", _STEPS),
    _layer("GroupNormalization", (4, 4, 6), groups=3),
    _layer("UnitNormalization", _ROW),
    _layer("RMSNormalization", _ROW),
    _layer("SpectralNormalization", _ROW, layer=_dense(), _random=True),
    _layer("GaussianNoise", _ROW, stddev=0.1, _random=True),
    _layer("GaussianDropout", _ROW, rate=0.2, _random=True),
    _layer("AlphaDropout", _ROW, rate=0.2, _random=True),
    *(
        _layer(f"SpatialDropout{rank}D", shape, rate=0.2, _random=True)
        for rank, shape in ((1, _LINE), (2, _IMAGE), (3, _BOX))
    ),
    # recurrence
    _layer("SimpleRNN", _STEPS, units=3),
    _layer("LSTM", _STEPS, units=3, return_sequences=True, recurrent_regularizer=_L2),
    _layer("LSTM", _STEPS, units=3, dropout=0.2, recurrent_dropout=0.1, _random=True),
    _layer("GRU", _STEPS, units=3),
    _layer("GRU", _STEPS, units=3, reset_after=False, go_backwards=True),
    *(
        _layer("RNN", _STEPS, cell=made(f"layers.{cell}", units=3))
        for cell in ("SimpleRNNCell", "LSTMCell", "GRUCell")
    ),
    _layer(
        "RNN",
        _STEPS,
        cell=made(
            "layers.StackedRNNCells",
            cells=[made("layers.LSTMCell", units=3), made("layers.GRUCell", units=2)],
        ),
    ),
    _layer("Bidirectional", _STEPS, layer=made("layers.LSTM", units=3)),
    _layer(
        "Bidirectional",
        _STEPS,
        layer=made("layers.GRU", units=3, return_sequences=True),
        merge_mode="sum",
    ),
    _layer("TimeDistributed", _STEPS, layer=_dense()),
    _layer("ConvLSTM1D", (3, 8, 2), filters=3, kernel_size=3),
    _layer("ConvLSTM2D", (3, 6, 6, 2), filters=3, kernel_size=3),
    _layer("ConvLSTM3D", (2, 4, 4, 4, 2), filters=2, kernel_size=2),
    # attention
    _layer("Attention", _STEPS, _STEPS, use_scale=True, _call="list"),
    _layer("AdditiveAttention", _STEPS, _STEPS, _call="list"),
    _layer("MultiHeadAttention", _STEPS, _STEPS, num_heads=2, key_dim=3, _call="arguments"),
    _layer("GroupQueryAttention", _STEPS, _STEPS, head_dim=3, num_query_heads=4,
           num_key_value_heads=2, _call="arguments"),
    # preprocessing
    _layer("Rescaling", _ROW, scale=0.5, offset=0.1),
    _layer("Normalization", _ROW, mean=0.3, variance=2.0),
    _layer("CategoryEncoding", (6,), num_tokens=10, output_mode="multi_hot", _ids=10),
    _layer("Resizing", _IMAGE, height=4, width=6),
    _layer("CenterCrop", _IMAGE, height=4, width=6),
    _layer("Discretization", _ROW, bin_boundaries=[-1.0, 0.0, 1.0]),
    _layer("IntegerLookup", (6,), vocabulary=[7, 3, 5], output_mode="multi_hot", _ids=10),
    _layer("Normalization", _STEPS, axis=(1, 2), _adapt=_NUMBERS),
    _layer("Discretization", _ROW, num_bins=4, output_mode="count", _adapt=_NUMBERS),
    *(
        _layer("IntegerLookup", (6,), _ids=10, _adapt=[[7, 3, 5], [7, 7, 0]], **how)
        for how in (
            {},
            {"output_mode": "multi_hot", "num_oov_indices": 3, "max_tokens": 5},
            {"output_mode": "count", "mask_token": 7},
            {"output_mode": "tf_idf"},
        )
    ),
    _layer("IntegerLookup", (6,), _ids=10, vocabulary=[9, 2], output_mode="tf_idf",
           idf_weights=[0.5, 3.0]),
    _layer("RandomContrast", _IMAGE, factor=0.2, _random=True),
    _layer("RandomBrightness", _IMAGE, factor=0.2, value_range=[0.0, 1.0], _random=True),
    _layer("RandomFlip", _IMAGE, mode="horizontal", _random=True),
    _layer("RandomCrop", _IMAGE, height=8, width=8, _random=True),
    _layer("RandomRotation", _IMAGE, factor=0.2, fill_mode="wrap", _random=True),
    _layer("RandomZoom", _IMAGE, height_factor=0.2, interpolation="nearest", _random=True),
    _layer("RandomTranslation", _IMAGE, height_factor=0.2, width_factor=[0.0, 0.1], _random=True),
)  # fmt: skip

# Layers that no row can be written for, and why.
NO_ROW = {
    "Input": "a function; every model has one",
    "InputLayer": "every model has one",
    "InputSpec": "no layer",
    "Lambda": "refused: see the hostile files",
    "Layer": "the base",
    "TorchModuleWrapper": "a module is code: its weights alone are saved",
    "Wrapper": "a base",
    "SimpleRNNCell": "in RNN",
    "LSTMCell": "in RNN",
    "GRUCell": "in RNN",
    "StackedRNNCells": "in RNN",
}

# Layers that are called on strings, held by a model beside what it computes with.
_WORDS = (("b", "a", "b", "ä"), ("c", "b", "a", "two words"))
_LINES = ("The cat, the dog!", "a dog's life", "The end")
TEXTS: tuple[Case, ...] = (
    *(
        _layer("StringLookup", (4,), _adapt=_WORDS, **how)
        for how in (
            {},
            {"mask_token": "", "num_oov_indices": 2},
            {"output_mode": "multi_hot", "max_tokens": 3},
            {"output_mode": "tf_idf"},
            {"invert": True},
        )
    ),
    _layer("StringLookup", (4,), vocabulary=["x", "b"]),
    _layer("StringLookup", (4,), vocabulary=["x", "b"], output_mode="tf_idf",
           idf_weights=[0.5, 2.0]),
    _layer("StringLookup", (4,), vocabulary=["line\nbreak", "b"]),
    _layer("Hashing", (4,), num_bins=11, salt=3),
    *(
        _layer("TextVectorization", (), _adapt=_LINES, **how)
        for how in (
            {"output_sequence_length": 4},
            {"output_mode": "tf_idf", "ngrams": 2},
            {"output_mode": "count", "max_tokens": 9, "pad_to_max_tokens": True},
            {"split": "character", "standardize": "lower"},
        )
    ),
    _layer("TextVectorization", (), vocabulary=["cat", "end"], output_mode="multi_hot"),
    _layer("TextVectorization", (), vocabulary=["cat", "end"], output_mode="tf_idf",
           idf_weights=[1.0, 3.0]),
)  # fmt: skip

# Losses with the labels that they take: "numbers", "signs", "one-hot" or "ids".
LOSSES: tuple[tuple[Made, str], ...] = (
    (made("losses.MeanSquaredError", reduction="sum"), "numbers"),
    (made("losses.MeanAbsoluteError"), "numbers"),
    (made("losses.MeanAbsolutePercentageError"), "numbers"),
    (made("losses.MeanSquaredLogarithmicError"), "positive"),
    (made("losses.Huber"), "numbers"),  # Keras' configs lose its delta
    (made("losses.LogCosh"), "numbers"),
    (made("losses.Poisson"), "positive"),
    (made("losses.KLDivergence"), "one-hot"),
    (made("losses.CosineSimilarity", axis=-1), "numbers"),
    (made("losses.Hinge"), "signs"),
    (made("losses.SquaredHinge"), "signs"),
    (made("losses.CategoricalHinge"), "one-hot"),
    (made("losses.Dice"), "one-hot"),
    (made("losses.Tversky", alpha=0.3, beta=0.7), "one-hot"),
    (made("losses.BinaryCrossentropy", from_logits=True, label_smoothing=0.1), "one-hot"),
    (made("losses.BinaryFocalCrossentropy", gamma=1.5), "one-hot"),
    (made("losses.CategoricalCrossentropy", label_smoothing=0.1), "one-hot"),
    (made("losses.CategoricalFocalCrossentropy", alpha=0.3), "one-hot"),
    (made("losses.SparseCategoricalCrossentropy", ignore_class=0), "ids"),
)

METRICS: tuple[tuple[Made, str], ...] = (
    *(
        (made(f"metrics.{name}"), "numbers")
        for name in (
            *("MeanSquaredError", "MeanAbsoluteError", "MeanAbsolutePercentageError"),
            *("LogCoshError", "RootMeanSquaredError", "R2Score", "CosineSimilarity"),
            *("PearsonCorrelation", "ConcordanceCorrelation"),
        )
    ),
    *((made(f"metrics.{name}"), "signs") for name in ("Hinge", "SquaredHinge")),
    *(
        (made(f"metrics.{name}"), "one-hot")
        for name in (
            *("Accuracy", "BinaryAccuracy", "CategoricalAccuracy", "CategoricalHinge"),
            *("CategoricalCrossentropy", "BinaryCrossentropy", "KLDivergence", "Poisson"),
            *("MeanSquaredLogarithmicError", "TruePositives", "TrueNegatives"),
            *("FalsePositives", "FalseNegatives", "F1Score"),
        )
    ),
    (made("metrics.AUC", curve="PR", num_thresholds=50), "one-hot"),
    (made("metrics.Precision", thresholds=0.4), "one-hot"),
    (made("metrics.Recall", top_k=2), "one-hot"),
    (made("metrics.PrecisionAtRecall", recall=0.6), "one-hot"),
    (made("metrics.RecallAtPrecision", precision=0.6), "one-hot"),
    (made("metrics.SensitivityAtSpecificity", specificity=0.6), "one-hot"),
    (made("metrics.SpecificityAtSensitivity", sensitivity=0.6), "one-hot"),
    (made("metrics.FBetaScore", beta=2.0, average="macro"), "one-hot"),
    (made("metrics.TopKCategoricalAccuracy", k=2), "one-hot"),
    (made("metrics.SparseCategoricalAccuracy"), "ids"),
    (made("metrics.SparseTopKCategoricalAccuracy", k=2), "ids"),
    (made("metrics.SparseCategoricalCrossentropy"), "ids"),
    (made("metrics.BinaryIoU", target_class_ids=[0, 1], threshold=0.4), "one-hot"),
    (made("metrics.IoU", num_classes=3, target_class_ids=[0], sparse_y_pred=False), "ids"),
    (made("metrics.MeanIoU", num_classes=3, sparse_y_pred=False), "ids"),
    (made("metrics.OneHotIoU", num_classes=3, target_class_ids=[0]), "one-hot"),
    (made("metrics.OneHotMeanIoU", num_classes=3), "one-hot"),
)

_OPTIONS: tuple[dict[str, Any], ...] = (
    {"weight_decay": 0.01, "clipnorm": 1.0},
    {"use_ema": True, "ema_momentum": 0.9, "ema_overwrite_frequency": 3},
    {"gradient_accumulation_steps": 2, "global_clipnorm": 1.0},
)
OPTIMIZERS: tuple[Made, ...] = (
    made("optimizers.SGD"),
    made("optimizers.SGD", momentum=0.9, nesterov=True),
    made("optimizers.RMSprop", momentum=0.5, centered=True),
    made("optimizers.Adagrad"),
    made("optimizers.Adadelta"),
    made("optimizers.Adam"),
    made("optimizers.Adam", amsgrad=True, beta_1=0.8),
    made("optimizers.AdamW"),
    made("optimizers.Adamax"),
    made("optimizers.Nadam"),
    made("optimizers.Lion"),
    made("optimizers.Ftrl", l1_regularization_strength=0.01),
    made("optimizers.Lamb"),
    made("optimizers.Adafactor"),
    *(made("optimizers.Adam", **options) for options in _OPTIONS),
    made("optimizers.LossScaleOptimizer", inner_optimizer=made("optimizers.SGD", momentum=0.9)),
    made("optimizers.Muon"),
)

_RATE: dict[str, Any] = {"initial_learning_rate": 0.05}
SCHEDULES: tuple[Made, ...] = tuple(
    made(f"optimizers.schedules.{name}", **arguments)
    for name, arguments in {
        "ExponentialDecay": {**_RATE, "decay_steps": 3, "decay_rate": 0.5, "staircase": True},
        "InverseTimeDecay": {**_RATE, "decay_steps": 3, "decay_rate": 0.5},
        "PiecewiseConstantDecay": {"boundaries": [2, 4], "values": [0.1, 0.05, 0.01]},
        "PolynomialDecay": {**_RATE, "decay_steps": 3, "power": 2.0, "cycle": True},
        "CosineDecay": {**_RATE, "decay_steps": 6, "warmup_target": 0.1, "warmup_steps": 2},
        "CosineDecayRestarts": {**_RATE, "first_decay_steps": 3, "t_mul": 1.5},
    }.items()
)

INITIALIZERS: tuple[Made, ...] = (
    made("initializers.Zeros"),
    made("initializers.Ones"),
    made("initializers.Constant", value=0.3),
    made("initializers.Identity"),  # Keras' configs lose its gain
    made("initializers.RandomNormal", mean=0.1, stddev=0.2, seed=3),
    made("initializers.RandomUniform", minval=-0.2, maxval=0.3),
    made("initializers.TruncatedNormal", stddev=0.2, seed=4),
    made("initializers.VarianceScaling", scale=2.0, mode="fan_out", distribution="uniform"),
    made("initializers.Orthogonal", gain=1.5),
    *(
        made(f"initializers.{who}{how}")
        for who in ("Glorot", "He", "Lecun")
        for how in ("Uniform", "Normal")
    ),
)
REGULARIZERS: tuple[Made, ...] = (
    made("regularizers.L1", l1=0.02),
    made("regularizers.L2", l2=0.03),
    made("regularizers.L1L2", l1=0.02, l2=0.03),
    made("regularizers.OrthogonalRegularizer", factor=0.02, mode="columns"),
)
CONSTRAINTS: tuple[Made, ...] = (
    made("constraints.MaxNorm", max_value=0.5),
    made("constraints.UnitNorm", axis=1),
    made("constraints.NonNeg"),
    made("constraints.MinMaxNorm", min_value=0.2, max_value=0.8, rate=0.9),
)
