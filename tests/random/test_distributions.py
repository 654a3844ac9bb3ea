"""Uniforms and normals: exact transforms, dependence, distribution, backends, twins, refusals."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import mpmath
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

import diffmath as dm
from diffmath._arrays.namespace import to_numpy
from diffmath.random import fold_in, key, normal, split, uniform
from diffmath.random._distributions import normal_rows, uniform_rows
from diffmath.random._philox import Stream
from diffmath.random._transform import box_muller, unit_interval

F32, F64 = np.empty(0, np.float32), np.empty(0)
EXTREME = [0, 1, 2**29 - 1, 2**29, 2**30, 2**31 - 1, 2**31, 2**31 + 1, 3 * 2**29 - 1, 2**32 - 2, 2**32 - 1]
# Two-sided p-value of five standard deviations: the false-positive rate of each statistical test below.
FIVE_SIGMA = 5.7e-7


def words_grid() -> list[np.ndarray]:
    """Every combination of extreme words in the four places."""
    return [np.asarray(column) for column in np.asarray(list(itertools.product(EXTREME, repeat=4))).T]


def exact_box_muller(w0: int, w1: int, w2: int, w3: int) -> tuple[mpmath.mpf, mpmath.mpf]:
    with mpmath.workprec(200):
        u = (w0 + (w1 + mpmath.mpf(0.5)) / 2**32) / 2**32
        v = (w2 + (w3 + mpmath.mpf(0.5)) / 2**32) / 2**32
        r = mpmath.sqrt(-2 * mpmath.log(u))
        return r * mpmath.cos(2 * mpmath.pi * v), r * mpmath.sin(2 * mpmath.pi * v)


def exact_cases() -> np.ndarray:
    corners = [(a, b, c, d) for a in EXTREME for b in (0, 2**32 - 1) for c in EXTREME for d in (0, 2**32 - 1)]
    middle = np.asarray(normal_words(300))
    return np.concatenate([np.asarray(corners), middle])


def normal_words(n: int) -> np.ndarray:
    return (uniform(key(99), (n, 4), like=F64) * 2**32).astype(np.int64)


def test_box_muller_is_exact_to_rounding() -> None:
    cases = exact_cases()
    x, y = box_muller(*cases.T, np.float64)
    single = box_muller(*cases.T, np.float32)
    for i, case in enumerate(cases):
        for j, exact in enumerate(exact_box_muller(*(int(w) for w in case))):
            double = (x, y)[j][i]
            # log, sqrt, sin, the angle, the product: 4 ulp of float64.
            assert abs(double - exact) <= 4 * 2.0**-52 * abs(exact)
            # The same in float32; a radius below 2^-16, of probability 2^-33, is exact only to 1e-8.
            assert abs(float(single[j][i]) - exact) <= 6 * 2.0**-23 * abs(exact) + 1e-8


def test_normals_are_finite_for_every_word() -> None:
    for dtype in (np.float64, np.float32):
        for z in box_muller(*words_grid(), dtype):
            assert z.dtype == dtype
            assert np.all(np.isfinite(z))
            assert np.max(np.abs(z)) < 9.5
        w = words_grid()
        for z in box_muller(w[0], None, w[2], None, dtype):
            assert np.all(np.isfinite(z))
            assert 6.6 < np.max(np.abs(z)) < 6.8  # sqrt(2 * 33 ln 2) = 6.76


def _next_words(lanes: int, dtype: Any = np.uint64) -> tuple[Any, ...]:
    """Counters, stream, key and a buffer for the words that a kernel computes with its values."""
    counters = np.zeros(lanes, np.uint64)
    return counters, counters, *np.zeros(3, np.uint64), np.empty(4 * lanes, dtype)


def _in_lanes(grid: Any, lanes: int, dtype: Any) -> tuple[Any, list[Any]]:
    """Words padded to whole lanes, and the blocks of a kernel."""
    n = -(-len(grid[0]) // lanes) * lanes
    padded = np.stack([np.resize(w, n) for w in grid]).astype(dtype)
    return padded.astype(np.int64), [padded[:, i : i + lanes].reshape(-1) for i in range(0, n, lanes)]


def test_the_numba_transforms_on_every_word() -> None:
    kernels = pytest.importorskip("diffmath.kernels.numba._normals")
    lanes = kernels.LANES
    signed, blocks = _in_lanes(words_grid(), lanes, np.uint64)
    normals, uniforms, parts = np.empty(2 * lanes), np.empty(2 * lanes), []
    next_words = _next_words(lanes)
    for block in blocks:
        kernels.make_normals_53(block, normals, *next_words)
        kernels.make_uniforms(block, uniforms, *next_words)
        parts.append([normals[::2].copy(), normals[1::2].copy(), uniforms[::2].copy(), uniforms[1::2].copy()])
    out = np.concatenate(parts, axis=1)
    for ours, reference in zip(out[:2], box_muller(*signed, np.float64), strict=True):
        np.testing.assert_array_max_ulp(ours, reference, 6)
    np.testing.assert_array_equal(out[2], unit_interval(signed[0], signed[1], np.float64))
    np.testing.assert_array_equal(out[3], unit_interval(signed[2], signed[3], np.float64))
    assert out[2].max() < 1
    assert out[2].min() > 0


def test_the_single_precision_transforms_on_every_word() -> None:
    """Against double precision, to the roundings of float32."""
    kernels = pytest.importorskip("diffmath.kernels.numba._normals_single")
    lanes = kernels.LANES
    signed, blocks = _in_lanes(words_grid(), lanes, np.uint32)
    low, radius = np.full(len(signed[0]), 2**31), signed[0]
    with_all = box_muller(*signed, np.float64)
    with_half = (
        *box_muller(radius, low, signed[1], low, np.float64),
        *box_muller(signed[2], low, signed[3], low, np.float64),
    )
    for make, per_block, expected in ((kernels._make_53, 2, with_all), (kernels._make_32, 4, with_half)):
        out, parts = np.empty(per_block * lanes, np.float32), []
        for block in blocks:
            make(block, out)
            parts.append(out.reshape(-1, per_block).T.copy())
        for ours, reference in zip(np.concatenate(parts, axis=1), expected, strict=True):
            assert np.isfinite(ours).all()
            # As for the body: 6 roundings, and 1e-8 for radii below 2^-16, of probability 2^-33.
            assert (abs(ours - reference) <= 6 * 2.0**-23 * abs(reference) + 1e-8).all()


def test_uniforms_are_open_for_every_word() -> None:
    w = words_grid()
    for dtype in (np.float64, np.float32):
        u = unit_interval(w[0], w[1], dtype)
        assert u.dtype == dtype
        assert u.min() == pytest.approx(2.0**-65)
        assert u.max() == 1 - np.finfo(dtype).eps / 2
    # 53 bits: the neighbours of 1/2 are told apart.
    near_half = unit_interval(np.asarray([2**31, 2**31]), np.asarray([0, 2**11]), np.float64)
    assert near_half[1] - near_half[0] == 2.0**-53


@pytest.mark.parametrize("bits", [53, 32])
@given(
    seed=st.integers(0, 2**64 - 1),
    rows=st.integers(0, 12),
    columns=st.integers(0, 9),
    cut=st.tuples(st.integers(0, 12), st.integers(0, 12)),
)
def test_an_element_depends_on_key_row_and_column(bits, seed, rows, columns, cut) -> None:
    a, b = sorted(min(c, rows) for c in cut)
    for like in (F64, F32):
        whole = normal(key(seed), (rows, columns), like=like, bits=bits)
        assert whole.shape == (rows, columns)
        part = normal(key(seed), (rows, columns), like=like, bits=bits, rows=slice(a, b))
        np.testing.assert_array_equal(part, whole[a:b])
        np.testing.assert_array_equal(normal(key(seed), (b, columns), like=like, bits=bits), whole[:b])
        np.testing.assert_array_equal(normal(key(seed), (rows, b), like=like, bits=bits)[:, :columns],
                                      whole[:, :b])  # fmt: skip


@pytest.mark.parametrize("draw", [uniform, normal])
def test_rows_of_a_huge_virtual_array(draw) -> None:
    start = 2**40 - 2
    whole = draw(key(1), (2**41, 3), like=F64, rows=slice(start, start + 5))
    for i in range(5):
        row = draw(key(1), (2**41, 3), like=F64, rows=slice(start + i, start + i + 1))
        np.testing.assert_array_equal(row[0], whole[i])
    with dm.reference_only():
        np.testing.assert_array_max_ulp(
            draw(key(1), (2**41, 3), like=F64, rows=slice(start, start + 5)), whole, 6
        )


def test_tiles_and_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    with dm.reference_only():
        whole = normal(key(4), (37, 21), like=F64), uniform(key(4), (37, 21), like=F64)
        monkeypatch.setattr("diffmath.random._distributions._BLOCKS_NUMPY", 5)
        np.testing.assert_array_equal(normal(key(4), (37, 21), like=F64), whole[0])
        np.testing.assert_array_equal(uniform(key(4), (37, 21), like=F64), whole[1])


def test_shapes() -> None:
    z = normal(key(0), (6, 2, 3), like=F64)
    np.testing.assert_array_equal(z, normal(key(0), (6, 6), like=F64).reshape(6, 2, 3))
    np.testing.assert_array_equal(normal(key(0), [6], like=F64), z[:, 0, 0])
    np.testing.assert_array_equal(normal(key(0), 6, like=F64), z[:, 0, 0])
    single = normal(key(0), (), like=F64)
    assert single.shape == ()
    assert single == z[0, 0, 0]
    assert normal(key(0), (0, 3), like=F32).shape == (0, 3)
    assert normal(key(0), (4, 0), like=F32, rows=slice(1, 3)).dtype == np.float32


def test_like_and_dtype() -> None:
    for like in (np.zeros(1, complex), np.zeros(1, int), np.zeros(1, bool)):
        assert normal(key(0), 2, like=like).dtype == np.float64
    assert normal(key(0), 2, like=np.zeros(1, np.complex64)).dtype == np.float32
    z = normal(key(0), (500, 3), like=F32, dtype=np.float64)
    np.testing.assert_array_equal(z, normal(key(0), (500, 3), like=F64, dtype=np.dtype("float64")))


@pytest.mark.parametrize("bits", [53, 32])
def test_float32_is_the_rounded_float64(bits) -> None:
    z = normal(key(8), (20_000, 5), like=F64, bits=bits)
    with dm.reference_only():
        single = normal(key(8), (20_000, 5), like=F32, bits=bits)
    # The reference computes in float32: angle, log, sqrt, sine and product make 6 roundings.
    assert np.max(np.abs(single - z) / (np.abs(z) + 1e-9)) < 6 * 2.0**-23
    u = uniform(key(8), (20_000, 5), like=F64)
    with dm.reference_only():
        assert np.max(np.abs(uniform(key(8), (20_000, 5), like=F32) / u - 1)) < 2 * 2.0**-23


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_backend(xp, dtype: str) -> None:
    k = fold_in(key(5), "backends")
    for bits, shape in ((53, (501, 7)), (32, (40, 2, 5))):
        ours = normal(k, shape, like=xp.empty(dtype), bits=bits)
        assert ours.dtype == getattr(xp.xp, dtype)
        with dm.reference_only():
            expected = normal(k, shape, like=np.empty(0, dtype), bits=bits)
        # A library's log, sine and cosine may be 4 ulp off, and their product doubles that.
        np.testing.assert_array_max_ulp(xp.numpy(ours), expected, 12)
    rows = normal(k, (501, 7), like=xp.empty(dtype), rows=slice(100, 103))
    np.testing.assert_array_equal(
        xp.numpy(rows), xp.numpy(normal(k, (501, 7), like=xp.empty(dtype)))[100:103]
    )
    u = uniform(k, (501, 7), like=xp.empty(dtype))
    # Without the numba twin, which has polynomials of its own, all do the same exact operations.
    with dm.reference_only():
        reference = uniform(k, (501, 7), like=np.empty(0, dtype))
    np.testing.assert_array_max_ulp(xp.numpy(u), reference, 0 if dtype == "float64" else 2)


@pytest.mark.skipif("DIFFMATH_INTEROP" not in os.environ, reason="JAX is tested in the interop session")
def test_jax_without_64_bit_integers() -> None:
    pytest.importorskip("jax")
    program = """
import jax, jax.numpy as jnp, numpy as np
from diffmath.random import key, normal, uniform
like = jnp.zeros(1)
assert like.dtype == jnp.float32
for bits in (53, 32):
    z = normal(key(2**40 + 3), (2**33, 5), like=like, bits=bits, rows=slice(2**32 - 9, 2**32 + 9))
    f32 = np.empty(0, np.float32)
    e = normal(key(2**40 + 3), (2**33, 5), like=f32, bits=bits, rows=slice(2**32 - 9, 2**32 + 9))
    np.testing.assert_array_max_ulp(np.asarray(z), e, 12)
u = uniform(key(3), (50, 3), like=like)
np.testing.assert_array_max_ulp(np.asarray(u), uniform(key(3), (50, 3), like=np.empty(0, np.float32)), 2)
jitted = jax.jit(lambda a: normal(key(3), (50, 3), like=a))(like)
np.testing.assert_array_max_ulp(np.asarray(jitted), normal(key(3), (50, 3), like=np.empty(0, np.float32)), 12)
"""
    environment = {**os.environ, "JAX_ENABLE_X64": "0", "JAX_PLATFORMS": "cpu"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", ["no_float64", "no_x64"])
def test_a_device_without_64_bits(name: str) -> None:
    strict = pytest.importorskip("array_api_strict")
    try:
        device = strict.Device(name)
    except ValueError:
        pytest.skip("this array-api-strict has no such device")
    z = normal(key(6), (50, 3), like=strict.zeros(1, dtype=strict.float32, device=device))
    assert z.dtype == strict.float32
    assert z.device == device
    with dm.reference_only():
        np.testing.assert_array_max_ulp(to_numpy(z), normal(key(6), (50, 3), like=F32), 4)


# --- distribution ---


@pytest.fixture(scope="module", params=[(53, "float64"), (53, "float32"), (32, "float64")], ids=str)
def sample(request: pytest.FixtureRequest) -> np.ndarray:
    bits, dtype = request.param
    z = normal(key(2024), (250_000, 8), like=np.empty(0, dtype), bits=bits)
    return z.astype(np.float64)


def test_moments(sample: np.ndarray) -> None:
    # Each is off by more than five standard deviations with probability 6e-7.
    for power in range(1, 7):
        exact = float(stats.norm.moment(power))
        variance = float(stats.norm.moment(2 * power)) - exact**2
        assert abs(np.mean(sample**power) - exact) < 5 * np.sqrt(variance / sample.size)


def test_kolmogorov_smirnov(sample: np.ndarray) -> None:
    assert stats.kstest(sample.ravel()[:500_000], "norm").pvalue > FIVE_SIGMA
    # The test can tell: a scale wrong by 2 percent is refused.
    assert stats.kstest(1.02 * sample.ravel()[:500_000], "norm").pvalue < FIVE_SIGMA
    for column in range(sample.shape[1]):
        assert stats.kstest(sample[:100_000, column], "norm").pvalue > FIVE_SIGMA


@pytest.mark.parametrize("bits", [53, 32])
def test_tails_to_five_sigma(bits: int) -> None:
    count, n = np.zeros((5, 2)), 0
    for start in range(0, 2_000_000, 500_000):
        z = normal(key(77), (2_000_000, 8), like=F64, bits=bits, rows=slice(start, start + 500_000))
        n += z.size
        for s in range(1, 6):
            count[s - 1] += np.count_nonzero(z > s), np.count_nonzero(z < -s)
    for s, side in itertools.product(range(1, 6), range(2)):
        # Five sigma: 4.6 of 16 million are expected on each side.
        p = stats.binomtest(int(count[s - 1, side]), n, float(stats.norm.sf(s))).pvalue
        assert p > FIVE_SIGMA, (s, side, count)


def test_uniform_distribution() -> None:
    u = uniform(key(11), (250_000, 4), like=F64)
    assert stats.kstest(u.ravel(), "uniform").pvalue > FIVE_SIGMA
    cells = np.histogram(u, bins=1024, range=(0, 1))[0]
    assert stats.chisquare(cells).pvalue > FIVE_SIGMA
    # The last 32 bits are as uniform as the first.
    low = (uniform(key(12), (250_000, 4), like=F64) * 2.0**32) % 1.0
    assert stats.kstest(low.ravel(), "uniform").pvalue > FIVE_SIGMA


def test_rows_columns_keys_and_purposes_are_uncorrelated() -> None:
    parent, shape = key(31), (200_000, 6)
    z = normal(parent, shape, like=F64)
    pairs = [(z[1:], z[:-1]), (z[:, 1:], z[:, :-1]), (z[:, 2:], z[:, :-2]), (z[2:], z[:-2])]
    others = [key(32), key(31 + 2**32), fold_in(parent, 0), fold_in(parent, "a"), *split(parent, 2)]
    pairs += [(z, normal(other, shape, like=F64)) for other in others]
    pairs += [(z, normal(parent, shape, like=F64, bits=32)), (z, uniform(parent, shape, like=F64) - 0.5)]
    for x, y in pairs:
        # Also of squares and of absolute values: a block's pair shares its radius. Five sigma each: 6e-7.
        for f in (lambda a: a, np.abs, np.square):
            r = np.corrcoef(f(x).ravel(), f(y).ravel())[0, 1]
            assert abs(r) < 5 / np.sqrt(x.size)
    # The test can tell a share of one percent.
    assert abs(np.corrcoef(z.ravel(), (0.99 * z[::-1] + 0.01 * z).ravel())[0, 1]) > 5 / np.sqrt(z.size)


# --- the accelerated twin ---


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 8, 257])
def test_the_twin_equals_the_reference(columns: int, dtype: str) -> None:
    pytest.importorskip("numba")
    for rows in ((0, 1), (3, 200), (2**32 - 100, 2**32 + 100)):
        for stream in (Stream.NORMAL_53, Stream.NORMAL_32):
            arguments = (np.empty(0, dtype), (7, 2**32 - 5), rows, columns, stream)
            assert normal_rows.kernel_for(*arguments) is not None
            # 4 ulp at most were seen in 1e6; the float32 reference rounds at every step.
            np.testing.assert_array_max_ulp(normal_rows(*arguments), normal_rows.reference(*arguments), 6)
        arguments = (np.empty(0), (7, 2**32 - 5), rows, columns, Stream.UNIFORM)
        np.testing.assert_array_equal(uniform_rows(*arguments), uniform_rows.reference(*arguments))
        single = (np.empty(0, np.float32), (7, 2**32 - 5), rows, columns, Stream.UNIFORM)
        np.testing.assert_array_max_ulp(uniform_rows(*single), uniform_rows.reference(*single), 2)
        assert uniform_rows(*single).max() < 1


# Each more than one share of 2^17 blocks: whole blocks, and rows whose last block is not used whole.
@pytest.mark.parametrize("shape", [(140_003, 2), (70_000, 3)])
def test_threads_do_not_matter(shape: tuple[int, int]) -> None:
    numba = pytest.importorskip("numba")
    before = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        alone = normal(key(0), shape, like=F64)
        numba.set_num_threads(before)
        np.testing.assert_array_equal(normal(key(0), shape, like=F64), alone)
        with ThreadPoolExecutor(4) as pool:
            for z in pool.map(lambda _: normal(key(0), shape, like=F64), range(8)):
                np.testing.assert_array_equal(z, alone)
    finally:
        numba.set_num_threads(before)


def test_the_kernels_are_vectorised() -> None:
    numba = pytest.importorskip("numba")
    double = pytest.importorskip("diffmath.kernels.numba._normals")
    single = pytest.importorskip("diffmath.kernels.numba._normals_single")
    lanes = double.LANES
    for function, root, arguments in (
        (
            double.make_normals_53,
            "sqrtpd",
            (np.zeros(4 * lanes, np.uint64), np.empty(2 * lanes), *_next_words(lanes)),
        ),
        (single._make_53, "sqrtps", (np.zeros(4 * lanes, np.uint32), np.empty(2 * lanes, np.float32))),
    ):
        compiled = numba.njit(error_model="numpy", fastmath={"contract"})(function.py_func)
        compiled(*arguments)
        code = next(iter(compiled.inspect_asm().values()))
        if "xmm" not in code:
            pytest.skip("not an x86 processor")
        assert root in code, "the square root is scalar: the loop was not vectorised"


# --- refusals ---


@pytest.mark.parametrize("draw", [uniform, normal])
@pytest.mark.parametrize(
    ("arguments", "options", "error", "message"),
    [
        ((0, (2, 2)), {}, TypeError, "key must be a Key; got int"),
        ((key(0), (2, 2)), {"like": [0.0]}, TypeError, "like must be an array"),
        ((key(0), (2, 2)), {"dtype": np.complex128}, TypeError, "dtype must be float32 or float64"),
        ((key(0), (2, 2)), {"dtype": np.int64}, TypeError, "dtype must be float32 or float64"),
        ((key(0), (2, -1)), {}, ValueError, r"shape\[1\] must be in \[0, 2\*\*64\); got -1"),
        ((key(0), (2.0,)), {}, TypeError, r"shape\[0\] must be an int; got float"),
        ((key(0), "ab"), {}, TypeError, "shape must be an int or a tuple of ints; got str"),
        ((key(0), (0, 2**34)), {}, ValueError, r"shape must have at most 2\*\*33 columns"),
        ((key(0), (4, 2)), {"rows": 3}, TypeError, r"rows must be a slice; got int: use slice\(a, b\)"),
        ((key(0), ()), {"rows": slice(0, 1)}, ValueError, r"rows needs a shape with rows; got shape \(\)"),
        ((key(0), (4, 2)), {"rows": slice(0, 4, 2)}, ValueError, "rows must have step 1"),
        ((key(0), (4, 2)), {"rows": slice(2, 5)}, ValueError, r"shape\[0\]=4; got slice\(2, 5\)"),
        ((key(0), (4, 2)), {"rows": slice(3, 2)}, ValueError, "0 <= start <= stop"),
        ((key(0), (4, 2)), {"rows": slice(-1, 2)}, ValueError, "rows.start must be in"),
        ((key(0), (4, 2)), {"rows": slice(0, 1.0)}, TypeError, "rows.stop must be an int; got float"),
    ],
)
def test_refusals(draw, arguments, options, error, message) -> None:
    with pytest.raises(error, match=message):
        draw(*arguments, **{"like": F64, **options})


def test_bits_are_refused() -> None:
    with pytest.raises(ValueError, match="bits must be 53 or 32; got 64"):
        normal(key(0), 3, like=F64, bits=64)
