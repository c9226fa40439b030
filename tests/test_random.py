"""Random bits against the published vectors; draws against their distributions; streams."""

import math
import os
import random as python_random
import subprocess
import sys
from statistics import NormalDist

import numpy as np
import pytest

from deepbasics import config, ops, philox, random
from deepbasics import host_draws as host
from deepbasics import host_families as families
from deepbasics.backends import registry
from deepbasics.normal_quantile import log, normal_quantile
from deepbasics.philox import MULTIPLIERS, ROUNDS, WEYL
from deepbasics.random import SeedGenerator

KEY = (11, 22)
N = 200_000
WORD = 2**64 - 1
ONES = (WORD, WORD)
KS_BOUND = 2.2 / math.sqrt(N)  # exceeded by chance once in 10,000 times; the seeds are fixed
PI = (0x243F6A8885A308D3, 0x13198A2E03707344, 0xA4093822299F31D0, 0x082EFA98EC4E6C89)
PI_KEY = (0x452821E638D01377, 0xBE5466CF34E90C6C)


def reference_block(key, counter):
    """Philox4x64-10 as the paper states it, in Python integers."""
    c = [counter >> 64 * i & WORD for i in range(4)]
    k = list(key)
    for _ in range(ROUNDS):
        p0, p1 = MULTIPLIERS[0] * c[0], MULTIPLIERS[1] * c[2]
        c = [p1 >> 64 ^ c[1] ^ k[0], p1 & WORD, p0 >> 64 ^ c[3] ^ k[1], p0 & WORD]
        k = [(k[0] + WEYL[0]) & WORD, (k[1] + WEYL[1]) & WORD]
    return c


def number(words):
    return sum(word << 64 * i for i, word in enumerate(words))


def ks_distance(sample, distribution):
    """The largest distance between the sample's distribution function and the given one."""
    expected = distribution(np.sort(sample.astype("float64")))
    steps = np.arange(len(sample) + 1) / len(sample)
    return max(np.max(steps[1:] - expected), np.max(expected - steps[:-1]))


# The bits -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("key", "counter", "expected"),
    [
        ((0, 0), 0, "16554d9eca36314c db20fe9d672d0fdc d7e772cee186176b 7e68b68aec7ba23b"),
        (ONES, 2**256 - 1, "87b092c3013fe90b 438c3c67be8d0224 9cc7d7c69cd777b6 a09caebf594f0ba0"),
        (PI_KEY, number(PI), "a528f45403e61d95 38c72dbd566e9788 a5a1610e72fd18b5 57bd43b5e52b7fe6"),
    ],
    ids=["zeros", "ones", "pi"],
)  # fmt: skip
def test_the_published_vectors_hold(key, counter, expected):
    expected = [int(word, 16) for word in expected.split()]
    assert reference_block(key, counter) == expected
    assert random.bits(key, counter, 4).tolist() == expected


@pytest.mark.parametrize("counter", [0, 1, 2**32 - 1, 2**64 - 2, 2**128 - 1, 2**256 - 2])
def test_block_i_is_the_output_for_counter_i(counter):
    expected = [w for i in range(4) for w in reference_block(KEY, (counter + i) % 2**256)]
    assert random.bits(KEY, counter, 16).tolist() == expected


def test_any_part_of_a_stream_can_be_drawn_alone():
    whole = random.bits(KEY, 5, 400)
    np.testing.assert_array_equal(random.bits(KEY, 5 + 70, 120), whole[280:])
    np.testing.assert_array_equal(random.bits(KEY, 5, 3), whole[:3])


@pytest.mark.parametrize("shape", [(), (1,), (7,), (8,), (3, 5, 2), (0,), (4, 0)])
def test_halves_come_low_half_first(shape):
    halves = [h for w in random.bits(KEY, 9, 16).tolist() for h in (w & 0xFFFFFFFF, w >> 32)]
    drawn = philox.bits32_kernel(9, KEY, shape)
    assert drawn.shape == shape
    assert drawn.dtype == np.uint32
    assert drawn.reshape(-1).tolist() == halves[: math.prod(shape)]


def test_kernels_write_into_the_array_they_are_given():
    bits, mask = np.empty((3, 5), "uint32"), np.empty((3, 5), bool)
    assert philox.bits32_kernel(2, KEY, (3, 5), out=bits) is bits
    assert philox.mask_kernel(2, KEY, 2**31, (3, 5), out=mask) is mask
    np.testing.assert_array_equal(bits, philox.bits32_kernel(2, KEY, (3, 5)))
    np.testing.assert_array_equal(mask, bits >= 2**31)


def test_a_mask_is_true_with_the_chance_that_its_threshold_leaves():
    for rate in (0.1, 0.5, 0.75):
        kept = philox.mask_kernel(0, KEY, round(rate * 2**32), (N,)).mean()
        assert abs(kept - (1 - rate)) < 4 * math.sqrt(rate * (1 - rate) / N)
    assert philox.mask_kernel(0, KEY, 0, (100,)).all()
    assert not philox.mask_kernel(0, KEY, 2**32, (100,)).any()


# The arithmetic -----------------------------------------------------------------------------------


def test_log_is_that_of_the_mathematics_library():
    x = np.concatenate([np.linspace(1e-6, 0.1, 5000), 10.0 ** -np.linspace(1, 300, 3000)])
    np.testing.assert_allclose(log(x), np.log(x), rtol=4.5e-16)


def test_the_normal_quantile_is_exact_from_the_centre_to_the_far_tail():
    tail = np.concatenate([np.linspace(1e-4, 0.4999, 5000), 10.0 ** -np.linspace(2, 16.2, 2000)])
    expected = [-NormalDist().inv_cdf(p) for p in tail]
    np.testing.assert_allclose(normal_quantile(tail), expected, rtol=1e-13, atol=1e-15)


def test_draws_are_the_same_bits_whatever_instructions_the_cpu_has():
    """NumPy without its SIMD kernels must give the same numbers."""
    code = (
        "import hashlib, numpy as np; from deepbasics import host_draws as host\n"
        "f = (host.normal, host.truncated_normal, host.uniform)\n"
        "d = b''.join(g((1, 2), 3, (600_000,), dtype='float64').tobytes() for g in f)\n"
        "print(hashlib.sha256(d).hexdigest())"
    )
    features = (
        "AVX2 FMA3 AVX512F AVX512_SKX X86_V3 X86_V4 AVX512_ICL AVX512_SPR"  # old and new names
    )
    plain = dict(os.environ, NPY_DISABLE_CPU_FEATURES=features)
    digests = {
        subprocess.run(
            [sys.executable, "-W", "ignore", "-c", code],
            env=env, check=True, capture_output=True, text=True,
        ).stdout
        for env in (dict(os.environ), plain)
    }  # fmt: skip
    assert len(digests) == 1


# The distributions --------------------------------------------------------------------------------


def test_uniform_is_uniform():
    x = host.uniform(KEY, 0, (N,), -2.0, 3.0, "float64")
    assert ks_distance(x, lambda v: (v + 2) / 5) < KS_BOUND


def test_normal_is_normal():
    x = host.normal(KEY, 0, (N,), 1.0, 3.0, "float64")
    assert ks_distance(x, np.vectorize(NormalDist(1.0, 3.0).cdf)) < KS_BOUND
    assert abs((abs(x - 1) > 9).mean() - 0.0026998) < 5e-4  # both tails, beyond three sigma


def test_truncated_normal_is_a_normal_within_two_sigma():
    x = host.truncated_normal(KEY, 0, (N,), 1.0, 3.0, "float64")
    phi = NormalDist(1.0, 3.0).cdf
    low, high = phi(-5.0), phi(7.0)
    assert np.abs(x - 1).max() <= 6
    assert np.abs(x - 1).max() > 5.999
    assert ks_distance(x, np.vectorize(lambda v: (phi(v) - low) / (high - low))) < KS_BOUND
    assert abs(x.std() / 3 - 0.87962566103423978) < 0.003


@pytest.mark.parametrize(
    ("minval", "maxval", "dtype"), [(0, 7, "int32"), (-3, 3, "int64"), (250, 256, "uint8")]
)
def test_integers_are_equally_likely(minval, maxval, dtype):
    x = host.randint(KEY, 0, (N,), minval, maxval, dtype)
    values, counts = np.unique(x, return_counts=True)
    assert values.tolist() == list(range(minval, maxval))
    assert x.dtype == dtype
    p = 1 / (maxval - minval)
    assert np.abs(counts / N - p).max() < 4.5 * math.sqrt(p * (1 - p) / N)


def test_integers_are_the_high_word_of_the_product_for_any_range():
    words = random.bits(KEY, 0, 1000).tolist()
    for low, high in [(0, 10**12 + 39), (-(2**62), 2**62), (0, 2**63 - 1), (-5, 2**33)]:
        drawn = host.randint(KEY, 0, (1000,), low, high, "int64").tolist()
        assert drawn == [low + (word * (high - low) >> 64) for word in words]


def test_a_float32_draw_is_the_rounded_float64_draw():
    for draw in (host.normal, host.truncated_normal, host.uniform):
        wide = draw(KEY, 4, (50_000,), dtype="float64")
        np.testing.assert_array_equal(draw(KEY, 4, (50_000,), dtype="float32"), wide.astype("f4"))


@pytest.mark.parametrize("dtype", ["float16", "float32"])
def test_uniform_never_reaches_its_upper_limit_by_rounding(dtype):
    for low, high in ((0.0, 1.0), (1.0, 1.001), (1000.0, 1001.0), (2.0, 2.0)):
        x = host.uniform(KEY, 0, (N,), low, high, dtype)
        assert x.min() >= np.dtype(dtype).type(low)
        assert x.max() < np.dtype(dtype).type(high) or x.min() == np.dtype(dtype).type(low)


def test_a_long_draw_is_that_of_one_stream():
    long = host.normal(KEY, 3, (50_003,), dtype="float64")
    later = host.normal(KEY, 3 + 10_000, (3,), dtype="float64")
    np.testing.assert_array_equal(long[40_000:40_003], later)


def test_neighbouring_draws_are_uncorrelated():
    x = host.normal(KEY, 0, (N,), dtype="float64")
    y = host.normal((11, 23), 0, (N,), dtype="float64")
    for a, b in ((x[1:], x[:-1]), (x[4:], x[:-4]), (x, y)):
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(N)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 60_000])
def test_a_permutation_holds_each_index_once(n):
    order = host.permutation(KEY, 1, n)
    np.testing.assert_array_equal(np.sort(order), np.arange(n))
    if n > 2:
        assert (order != host.permutation(KEY, 2, n)).any()


def test_every_permutation_is_equally_likely():
    rounds = 12_000
    counts = {}
    for counter in range(rounds):
        order = tuple(host.permutation(KEY, counter, 3).tolist())
        counts[order] = counts.get(order, 0) + 1
    assert len(counts) == 6
    assert max(abs(c - rounds / 6) for c in counts.values()) < 4 * math.sqrt(rounds * 5 / 36)


def assert_moments(x, mean, variance):
    """Mean and variance within 4.5 standard errors; the second one's is the sample's."""
    n, square = len(x), (x - mean) ** 2
    assert abs(x.mean() - mean) < 4.5 * math.sqrt(variance / n)
    assert abs(square.mean() - variance) <= 4.5 * square.std() / math.sqrt(n)


@pytest.mark.parametrize("alpha", [0.05, 0.5, 1.0, 2.5, 100.0])
def test_gamma_has_its_moments(alpha):
    x = families.gamma(KEY, 0, (N,), alpha, "float64")
    assert x.min() >= 0
    assert_moments(x, alpha, alpha)


def test_gamma_of_one_is_exponential():
    x = families.gamma(KEY, 0, (N,), 1.0, "float64")
    assert ks_distance(x, lambda v: 1 - np.exp(-v)) < KS_BOUND


@pytest.mark.parametrize(("a", "b"), [(1e-3, 1e-3), (0.5, 0.5), (2.0, 5.0), (80.0, 20.0)])
def test_beta_has_its_moments(a, b):
    x = families.beta(KEY, 0, (N,), a, b, "float64")
    assert x.min() >= 0
    assert x.max() <= 1
    assert_moments(x, a / (a + b), a * b / ((a + b) ** 2 * (a + b + 1)))


def test_beta_with_one_of_two_is_a_square_root():
    x = families.beta(KEY, 0, (N,), 2.0, 1.0, "float64")
    assert ks_distance(x, np.square) < KS_BOUND


@pytest.mark.parametrize("n", [1, 15, 16, 40, 10_000])
@pytest.mark.parametrize("p", [0.02, 0.5, 0.9])
def test_binomial_has_its_moments(n, p):
    x = families.binomial(KEY, 0, (N,), n, p, "float64")
    assert 0 <= x.min() <= x.max() <= n
    assert_moments(x, n * p, n * p * (1 - p))


def test_binomial_has_its_probabilities():
    x = families.binomial(KEY, 0, (N,), 20, 0.3, "int64")
    for k, share in enumerate(np.bincount(x, minlength=21) / N):
        p = math.comb(20, k) * 0.3**k * 0.7 ** (20 - k)
        assert abs(share - p) < 4.5 * math.sqrt(p * (1 - p) / N) + 1e-5


def test_binomial_at_its_ends_and_with_arrays():
    x = families.binomial(KEY, 0, (4, 3), [0, 100, 100], [[0.0], [1.0], [0.0], [1.0]], "int64")
    assert x.tolist() == [[0, 0, 0], [0, 100, 100]] * 2


# Seeds and streams --------------------------------------------------------------------------------


def test_one_global_seed_repeats_everything():
    def draw():
        random.set_random_seed(5)
        ours = [random.next_key(), ops.convert_to_numpy(random.normal((3,))).tolist()]
        legacy = np.random.random()  # noqa: NPY002 - the legacy generator is what is seeded
        return [*ours, python_random.random(), legacy]

    first = draw()
    assert draw() == first
    random.set_random_seed(6)
    assert random.next_key() != first[0]


def test_streams_without_a_seed_differ_and_never_meet_those_with_one():
    random.set_random_seed(5)
    keys = [random.next_key() for _ in range(100)] + [random.key_of(5), random.key_of(-1)]
    assert len(set(keys)) == len(keys)
    words = np.concatenate([random.bits(key, 0, 100) for key in keys])
    assert len(np.unique(words)) == len(words)


@pytest.mark.parametrize("seed", ["1", 1.5, None, [1]])
def test_a_seed_that_is_no_integer_is_refused(seed):
    with pytest.raises(ValueError, match=r"must be an integer.*got"):
        random.set_random_seed(seed)


def first_key(**environment):
    code = "from deepbasics import random; print(random.next_key())"
    clean = {k: v for k, v in os.environ.items() if k != "DEEPBASICS_SEED"}
    done = subprocess.run(
        [sys.executable, "-c", code], env=clean | environment, capture_output=True, text=True
    )
    return done.stdout + done.stderr


def test_without_a_seed_each_process_draws_anew():
    assert first_key() != first_key()


def test_the_environment_can_give_the_seed():
    assert first_key(DEEPBASICS_SEED="12") == "(12, 1)\n"
    assert "DEEPBASICS_SEED must be an integer; it is 'x'" in first_key(DEEPBASICS_SEED="x")


def test_a_seed_generator_continues_where_it_stopped(backend):
    generator = SeedGenerator(seed=4, name="mine")
    first, second = (ops.convert_to_numpy(random.normal((6,), seed=generator)) for _ in range(2))
    assert int(generator.counter) == 4  # two blocks each
    words = host.normal((4, 0), 0, (14,))
    np.testing.assert_array_equal(first, words[:6])
    np.testing.assert_array_equal(second, words[8:14])
    assert not generator.counter.trainable


def test_a_seed_generator_is_rebuilt_from_its_config():
    again = SeedGenerator.from_config(SeedGenerator(seed=4, name="mine").get_config())
    assert (again.key, again.name) == ((4, 0), "mine")
    assert SeedGenerator().key != SeedGenerator().key


# The public draws ---------------------------------------------------------------------------------

DRAWS = {
    "normal": lambda seed: random.normal((3, 2), 1.0, 2.0, seed=seed),
    "truncated_normal": lambda seed: random.truncated_normal((3, 2), seed=seed),
    "uniform": lambda seed: random.uniform((3, 2), -1, 1, seed=seed),
    "uniform integers": lambda seed: random.uniform((3, 2), 0, 99, dtype="int32", seed=seed),
    "randint": lambda seed: random.randint((3, 2), 0, 1000, seed=seed),
    "shuffle": lambda seed: random.shuffle(np.arange(30), seed=seed),
    "dropout": lambda seed: random.dropout(np.ones((8, 8), "float32"), 0.5, seed=seed),
    "gamma": lambda seed: random.gamma((3, 2), [0.5, 2.0], seed=seed),
    "beta": lambda seed: random.beta((3, 2), 2.0, [0.5, 2.0], seed=seed),
    "binomial": lambda seed: random.binomial((3, 2), 1000, 0.4, seed=seed),
    "categorical": lambda seed: random.categorical(np.zeros((3, 10)), 4, seed=seed),
}


RECORDED = [name for name in DRAWS if name not in ("dropout", "categorical")]


@pytest.fixture(params=DRAWS)
def draw(request):
    return lambda seed: ops.convert_to_numpy(DRAWS[request.param](seed))


def test_an_integer_seed_repeats_and_a_generator_and_none_move_on(backend, draw):
    np.testing.assert_array_equal(draw(3), draw(3))
    assert (draw(3) != draw(4)).any()
    assert (draw(None) != draw(None)).any()
    generator = SeedGenerator(3)
    np.testing.assert_array_equal(draw(generator), draw(3))
    assert (draw(generator) != draw(3)).any()


def test_draws_are_the_same_on_every_backend(backend, draw):
    random.set_random_seed(1)
    here = [draw(3), draw(None), draw(SeedGenerator())]
    with registry.use_backend("numpy"):
        random.set_random_seed(1)
        for ours, reference in zip(here, [draw(3), draw(None), draw(SeedGenerator())], strict=True):
            assert ours.dtype == reference.dtype
            np.testing.assert_array_equal(ours, reference)


def test_draws_are_in_floatx_unless_told():
    assert random.normal((2,)).dtype == "float32"
    config.set_floatx("float64")
    try:
        assert random.uniform((2,)).dtype == "float64"
    finally:
        config.set_floatx("float32")
    assert random.normal((2,), dtype="float16").dtype == "float16"
    assert random.randint((2,), 0, 5, dtype="int64").dtype == "int64"


def test_shuffle_moves_whole_entries_along_its_axis(backend):
    x = np.arange(24).reshape(2, 12)
    shuffled = ops.convert_to_numpy(random.shuffle(x, axis=1, seed=1))
    np.testing.assert_array_equal(shuffled[1] - shuffled[0], np.full(12, 12))
    np.testing.assert_array_equal(np.sort(shuffled[0]), x[0])
    assert (shuffled != x).any()


def test_dropout_zeroes_its_share_and_keeps_the_mean(backend):
    x = np.full((500, 400), 3.0, "float32")
    y = ops.convert_to_numpy(random.dropout(x, 0.25, seed=1))
    assert set(np.unique(y)) == {0.0, 4.0}
    assert abs((y == 0).mean() - 0.25) < 0.004
    np.testing.assert_array_equal(ops.convert_to_numpy(random.dropout(x, 0.0, seed=1)), x)
    assert not ops.convert_to_numpy(random.dropout(x, 1.0, seed=1)).any()


def test_dropout_drops_together_along_axes_of_noise_shape_one(backend):
    x = np.ones((5, 6, 64), "float32")
    y = ops.convert_to_numpy(random.dropout(x, 0.5, noise_shape=(None, 1, 64), seed=1))
    np.testing.assert_array_equal(y, np.broadcast_to(y[:, :1], y.shape))
    assert set(np.unique(y)) == {0.0, 2.0}


def test_a_step_draws_a_new_dropout_mask_each_time(backend):
    generator = SeedGenerator(2)
    x = np.ones((16, 16), "float32")
    step = backend.step(lambda x: random.dropout(x, 0.5, seed=generator))
    first, second = (np.array(backend.numpy(step(backend.tensor(x)))) for _ in range(2))
    expected = philox.mask_kernel(32, (2, 0), 2**31, (16, 16)) * 2.0
    np.testing.assert_array_equal(second, expected)
    assert (first != second).any()


@pytest.mark.filterwarnings("ignore:This step runs eagerly")
@pytest.mark.parametrize("seed", [None, "generator"])
def test_a_step_draws_new_noise_each_time(backend, seed):
    seed = SeedGenerator(2) if seed else None
    step = backend.step(lambda x: x + random.normal((4,), seed=seed))
    x = backend.tensor(np.zeros(4, "float32"))
    values = {tuple(np.array(backend.numpy(step(x))).tolist()) for _ in range(4)}
    assert len(values) == 4


def test_only_draws_that_a_replay_would_repeat_wrongly_stop_the_recording(backend, monkeypatch):
    reasons = []
    monkeypatch.setattr(type(backend), "unrecordable", lambda self, reason: reasons.append(reason))
    x = np.ones((4, 4), "float32")
    random.normal((2,), seed=1)
    random.dropout(x, 0.5, seed=1)
    random.dropout(x, 0.5, seed=SeedGenerator(1))
    for name in RECORDED:
        DRAWS[name](SeedGenerator(1))
    assert reasons == []
    random.normal((2,))
    random.dropout(x, 0.5)
    random.shuffle(x)
    random.categorical(x, 2, seed=SeedGenerator(1))
    assert len(reasons) >= 4


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("name", RECORDED)
def test_a_replayed_step_draws_what_the_host_draws_next(backend, name):
    generator = SeedGenerator(2)
    step = backend.step(lambda x: x + DRAWS[name](generator))
    zeros = backend.tensor(np.zeros(() if name == "shuffle" else (3, 2), "float32"))
    drawn = [np.array(backend.numpy(step(zeros))) for _ in range(4)]
    again = SeedGenerator(2)
    for found in drawn:
        np.testing.assert_array_equal(found, ops.convert_to_numpy(DRAWS[name](again)))
    assert len({found.tobytes() for found in drawn}) == 4


def test_categorical_follows_the_softmax_of_its_logits():
    logits = np.log([[0.2, 0.5, 0.3], [1e-9, 0.5, 0.5]])
    logits[1, 0] = -np.inf
    drawn = ops.convert_to_numpy(random.categorical(logits, 20_000, seed=1))
    assert drawn.shape == (2, 20_000)
    shares = [np.bincount(row, minlength=3) / 20_000 for row in drawn]
    np.testing.assert_allclose(shares[0], [0.2, 0.5, 0.3], atol=0.014)
    assert shares[1][0] == 0


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: random.normal((2,), seed="a"), r"seed must be an integer.*got 'a' \(str\)"),
        (lambda: random.normal((2,), dtype="int32"), "float dtype; got dtype='int32'"),
        (lambda: random.randint((2,), 5, 5), "minval < maxval; got minval=5, maxval=5"),
        (
            lambda: random.randint((2,), 0, 300, dtype="uint8"),
            "uint8 does not hold .* 0 to 300 - 1",
        ),
        (lambda: random.gamma((2,), np.inf), "alpha must be positive and finite; got inf"),
        (lambda: random.randint((2,), 0, 5, dtype="float32"), "integer dtype; got dtype='float32'"),
        (lambda: random.dropout(np.ones(3), 1.5), r"lie in \[0, 1\]; got rate=1.5"),
        (lambda: random.dropout(np.ones((3, 2)), 0.5, noise_shape=(3,)), r"shape \(3, 2\)"),
        (lambda: random.dropout(np.ones((3, 2)), 0.5, noise_shape=(2, 2)), r"noise_shape=\(2, 2\)"),
        (lambda: random.gamma((2,), 0.0), "alpha must be positive and finite; got 0.0"),
        (
            lambda: random.beta((2,), 1.0, [1.0, -1.0]),
            r"beta must be positive and finite; got \[ 1. -1",
        ),
        (lambda: random.binomial((2,), -1, 0.5), "counts must be a number of trials; got -1"),
        (lambda: random.binomial((2,), 5, 1.5), "probabilities must be between 0 and 1; got 1.5"),
        (lambda: random.categorical(np.ones(3), 2), r"\(batch, classes\); got shape \(3,\)"),
    ],
)
def test_bad_arguments_are_refused_with_what_was_given(call, message):
    with pytest.raises(ValueError, match=message):
        call()
