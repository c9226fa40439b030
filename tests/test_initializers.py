"""Initializers: their values, seeds, names and configs."""

import json
import math

import numpy as np
import pytest

from deepbasics import config, initializers, ops, random
from deepbasics.initializers import compute_fans
from deepbasics.random import SeedGenerator

RANDOM = (
    "RandomNormal", "TruncatedNormal", "RandomUniform", "VarianceScaling", "Orthogonal",
    "GlorotUniform", "GlorotNormal", "HeUniform", "HeNormal", "LecunUniform", "LecunNormal",
)  # fmt: skip
# Sums of |values| of shape (8, 8) with seed 1.
PINNED = {
    "RandomNormal": 2.7742437628622474,
    "TruncatedNormal": 2.0771289148573486,
    "RandomUniform": 1.682114537045231,
    "VarianceScaling": 16.697465821624256,
    "Orthogonal": 17.66294610619412,
    "GlorotUniform": 20.60161152339384,
    "GlorotNormal": 16.697465821624256,
    "HeUniform": 29.1350784231254,
    "HeNormal": 23.613782622202237,
    "LecunUniform": 20.60161152339384,
    "LecunNormal": 16.697465821624256,
}
FIXED = ("Zeros", "Ones", "Constant", "Identity")
TRUNCATED_STDDEV = 0.87962566103423978  # of a standard normal cut off at two


@pytest.fixture(params=RANDOM)
def random_class(request):
    return getattr(initializers, request.param)


# Values -------------------------------------------------------------------------------------------


def test_constants_fill_the_shape():
    assert initializers.Zeros()((2, 3)).tolist() == [[0, 0, 0], [0, 0, 0]]
    assert initializers.Ones()((2,), dtype="int32").tolist() == [1, 1]
    assert initializers.Constant(0.5)((2, 1)).tolist() == [[0.5], [0.5]]
    assert initializers.Constant([1, 2])((2, 2)).tolist() == [[1, 2], [1, 2]]
    assert initializers.Zeros()(()).shape == ()


def test_identity_has_its_gain_on_the_diagonal_and_needs_two_axes():
    np.testing.assert_array_equal(initializers.Identity(3.0)((2, 3)), 3 * np.eye(2, 3))
    with pytest.raises(ValueError, match=r"two axes; got shape \(2, 2, 2\)"):
        initializers.Identity()((2, 2, 2))


@pytest.mark.parametrize(
    ("shape", "fans"),
    [
        ((), (1, 1)),
        ((7,), (7, 7)),
        ((3, 5), (3, 5)),
        ((4, 3, 5), (12, 20)),
        ((2, 4, 3, 5), (24, 40)),
    ],
)
def test_fans_count_the_receptive_field(shape, fans):
    assert compute_fans(shape) == fans


def test_fans_by_named_axes():
    assert compute_fans((2, 3, 5, 7), input_axes=[0, 1], output_axes=[-1]) == (6, 7)


@pytest.mark.parametrize(
    ("name", "variance"),
    [
        ("glorot_uniform", 2 / (300 + 200)), ("glorot_normal", 2 / (300 + 200)),
        ("he_uniform", 2 / 300), ("he_normal", 2 / 300),
        ("lecun_uniform", 1 / 300), ("lecun_normal", 1 / 300),
    ],
)  # fmt: skip
def test_the_scaled_family_has_its_variance_and_its_limits(name, variance):
    values = initializers.get(name)((300, 200), dtype="float64")
    size = math.sqrt(variance)
    limit = math.sqrt(3) * size if "uniform" in name else 2 * size / TRUNCATED_STDDEV
    assert np.abs(values).max() <= limit
    assert np.abs(values).max() > 0.999 * limit
    assert abs(values.std() / size - 1) < 0.01
    assert abs(values.mean() / size) < 0.015


@pytest.mark.parametrize(("mode", "n"), [("fan_in", 300), ("fan_out", 200), ("fan_avg", 250)])
@pytest.mark.parametrize("distribution", ["uniform", "truncated_normal", "untruncated_normal"])
def test_variance_scaling_divides_by_the_fan_of_its_mode(mode, n, distribution):
    make = initializers.VarianceScaling(3.0, mode, distribution, seed=1)
    assert abs(make((300, 200), "float64").std() / math.sqrt(3 / n) - 1) < 0.01


def test_plain_random_initializers_use_their_settings():
    shape = (400, 250)
    normal = initializers.RandomNormal(2.0, 0.1, seed=1)(shape)
    assert abs(normal.mean() - 2) < 0.002
    assert abs(normal.std() - 0.1) < 0.002
    assert np.abs(normal - 2).max() > 0.38
    truncated = initializers.TruncatedNormal(2.0, 0.1, seed=1)(shape, "float64")
    assert 0.1999 < np.abs(truncated - 2).max() <= 0.2
    assert abs(truncated.std() - 0.1 * TRUNCATED_STDDEV) < 0.002
    uniform = initializers.RandomUniform(1.0, 4.0, seed=1)(shape)
    assert uniform.min() >= 1
    assert uniform.max() < 4
    assert abs(uniform.mean() - 2.5) < 0.02


@pytest.mark.parametrize("shape", [(5, 5), (7, 3), (3, 7), (2, 3, 4), (2, 2, 12)])
@pytest.mark.parametrize("gain", [1.0, 1.1])
def test_orthogonal_has_orthonormal_rows_or_columns(shape, gain):
    m = initializers.Orthogonal(gain, seed=3)(shape, "float64").reshape(-1, shape[-1]) / gain
    gram = m.T @ m if m.shape[0] >= m.shape[1] else m @ m.T
    np.testing.assert_allclose(gram, np.eye(min(m.shape)), atol=1e-14)


def test_orthogonal_is_uniform_among_orthogonal_matrices():
    """Without the signs of R's diagonal, an entry on the diagonal would never be positive."""
    diagonal = [initializers.Orthogonal(seed=s)((2, 2))[0, 0] for s in range(400)]
    assert abs(np.mean(np.array(diagonal) > 0) - 0.5) < 0.1


def test_orthogonal_needs_two_axes():
    with pytest.raises(ValueError, match=r"at least two axes; got shape \(4,\)"):
        initializers.Orthogonal()((4,))


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
@pytest.mark.parametrize("name", RANDOM + FIXED)
def test_values_come_in_the_dtype_asked_for_and_are_those_of_float64_rounded(name, dtype):
    cls = getattr(initializers, name)
    make = cls(seed=1) if name in RANDOM else cls()
    values = make((6, 4), dtype=dtype)
    assert type(values) is np.ndarray
    assert values.dtype == dtype
    np.testing.assert_array_equal(values, make((6, 4), dtype="float64").astype(dtype))


def test_floatx_is_the_default_dtype_and_bfloat16_is_drawn_in_float32(random_class):
    assert random_class()((3, 3)).dtype == "float32"
    assert random_class()((3, 3), dtype="bfloat16").dtype == "float32"
    config.set_floatx("float64")
    try:
        assert random_class()((3, 3)).dtype == "float64"
    finally:
        config.set_floatx("float32")


# Seeds --------------------------------------------------------------------------------------------


def test_every_call_of_one_initializer_gives_the_same_values(random_class):
    for make in (random_class(seed=5), random_class()):
        np.testing.assert_array_equal(make((4, 4)), make((4, 4)))
    np.testing.assert_array_equal(random_class(seed=5)((4, 4)), random_class(seed=5)((4, 4)))
    assert (random_class(seed=5)((4, 4)) != random_class(seed=6)((4, 4))).any()


def test_unseeded_initializers_differ_and_repeat_after_the_global_seed(random_class):
    random.set_random_seed(1)
    first, second = random_class()((4, 4)), random_class()((4, 4))
    assert (first != second).any()
    random.set_random_seed(1)
    np.testing.assert_array_equal(random_class()((4, 4)), first)


def test_a_seed_generator_moves_on(random_class):
    make = random_class(seed=SeedGenerator(5))
    first, second = make((4, 4)), make((4, 4))
    np.testing.assert_array_equal(first, random_class(seed=5)((4, 4)))
    assert (first != second).any()


def test_bits_are_the_same_on_every_backend(backend, random_class):
    """The values themselves are pinned, so that no change of the draws goes unnoticed."""
    total = float(np.abs(random_class(seed=1)((8, 8), "float64")).sum())
    assert total == pytest.approx(PINNED[random_class.__name__], rel=1e-12)


# Names, configs and the like ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "cls"),
    [
        ("zero", "Zeros"), ("zeros", "Zeros"), ("one", "Ones"), ("ones", "Ones"),
        ("uniform", "RandomUniform"), ("normal", "RandomNormal"), ("constant", "Constant"),
        ("random_uniform", "RandomUniform"), ("random_normal", "RandomNormal"),
        ("truncated_normal", "TruncatedNormal"), ("identity", "Identity"),
        ("orthogonal", "Orthogonal"), ("variance_scaling", "VarianceScaling"),
        ("glorot_uniform", "GlorotUniform"), ("glorot_normal", "GlorotNormal"),
        ("he_uniform", "HeUniform"), ("he_normal", "HeNormal"),
        ("lecun_uniform", "LecunUniform"), ("lecun_normal", "LecunNormal"),
        ("HeNormal", "HeNormal"), ("OrthogonalInitializer", "Orthogonal"),
    ],
)  # fmt: skip
def test_names_old_and_new_are_understood(name, cls):
    assert type(initializers.get(name)) is getattr(initializers, cls)


def test_lower_case_names_are_the_classes_too():
    assert initializers.he_normal is initializers.HeNormal
    assert initializers.glorot_uniform(seed=1).seed == 1


def test_an_unknown_name_suggests_the_nearest():
    with pytest.raises(ValueError, match=r"Unknown initializer 'glorot_unifrom'.*glorot_uniform"):
        initializers.get("glorot_unifrom")


@pytest.mark.parametrize("name", RANDOM + FIXED)
def test_serialize_round_trips_through_json(name):
    cls = getattr(initializers, name)
    made = cls(seed=9) if name in RANDOM else cls()
    data = json.loads(json.dumps(initializers.serialize(made)))
    assert data["class_name"] == name
    again = initializers.deserialize(data)
    assert type(again) is cls
    assert again.get_config() == made.get_config()
    np.testing.assert_array_equal(again((3, 3)), made((3, 3)))
    np.testing.assert_array_equal(initializers.get(data)((3, 3)), made((3, 3)))


def test_settings_survive_the_round_trip():
    made = initializers.VarianceScaling(2.5, "fan_out", "Normal", 3, [0], [1])
    assert made.clone().get_config() == {
        "scale": 2.5, "mode": "fan_out", "distribution": "truncated_normal", "seed": 3,
        "input_axes": [0], "output_axes": [1],
    }  # fmt: skip
    array = initializers.Constant(np.array([1.0, 2.0]))
    assert array.clone()((2,)).tolist() == [1, 2]
    assert json.loads(json.dumps(array.get_config())) == {"value": [1, 2]}


def test_a_seed_generator_survives_the_round_trip():
    made = initializers.HeNormal(seed=SeedGenerator(5, name="mine"))
    again = made.clone()
    assert (again.seed.key, again.seed.name) == (made.seed.key, "mine")
    np.testing.assert_array_equal(again((3, 3)), made((3, 3)))


def test_none_classes_and_functions_are_taken():
    def halves(shape, dtype=None):
        return np.full(shape, 0.5, dtype)

    assert initializers.get(None) is None
    assert initializers.get(halves) is halves
    assert type(initializers.get(initializers.Ones)) is initializers.Ones
    made = initializers.Ones()
    assert initializers.get(made) is made


def test_arrays_and_tensors_are_taken_and_insist_on_their_shape(backend):
    values = np.array([[1.0, 2.0]])
    for given in (values, ops.convert_to_tensor(values)):
        made = initializers.get(given)
        assert made((1, 2)).dtype == "float32"
        assert made((1, 2)).tolist() == [[1, 2]]
        with pytest.raises(ValueError, match=r"shape \(1, 2\); the variable has shape \(2, 1\)"):
            made((2, 1))


def test_a_subclass_by_the_user_needs_only_its_call():
    class Halves(initializers.Initializer):
        def __init__(self, factor=1.0):
            self.factor = factor

        def __call__(self, shape, dtype=None):
            return np.full(shape, 0.5 * self.factor, dtype)

    data = initializers.serialize(Halves(3.0))
    assert (data["class_name"], data["config"]) == ("Halves", {"factor": 3.0})
    again = initializers.deserialize(data, custom_objects={"Halves": Halves})
    assert again((2,)).tolist() == [1.5, 1.5]
    with pytest.raises(NotImplementedError, match=r"Initializer must define __call__"):
        initializers.Initializer()((2,))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"scale": 0}, "scale > 0; got scale=0"),
        ({"mode": "fan_mid"}, "Unknown mode of VarianceScaling 'fan_mid'"),
        ({"distribution": "cauchy"}, "Unknown distribution of VarianceScaling 'cauchy'"),
        ({"seed": "one"}, "seed must be an integer.*got 'one'"),
    ],
)
def test_bad_settings_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        initializers.VarianceScaling(**settings)


def test_what_is_no_initializer_is_refused():
    with pytest.raises(TypeError, match=r"initializer must be a name, a function.*got 5"):
        initializers.get(5)
