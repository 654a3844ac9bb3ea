"""Increments with Levy areas: refinement on any clock, law, rows, backends, pickling."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, sde
from diffmath.sde import brownian_increments, chen, levy_increments

HOST = np.empty(0)


def draw(terms, clock, shape=(3, 2), seed=0, levels=0, like=HOST, **options):
    return list(levy_increments(terms, levels=levels)(random.key(seed), clock, shape, like=like, **options))


def combined(increments):
    total = increments[0]
    for increment in increments[1:]:
        total = chen(total, increment)
    return total


@given(
    seed=st.integers(0, 2**32 - 1),
    odd=st.sampled_from([1, 3, 5]),
    levels=st.integers(0, 3),
    finer=st.integers(1, 3),
    start=st.floats(-5, 5),
    span=st.sampled_from([-3.0, -0.1, 0.2, 7.0]),
    warp=st.floats(0.5, 2.0),
)
def test_chen_of_the_fine_increments_is_the_coarse_one(seed, odd, levels, finer, start, span, warp):
    """W, H, K on clocks of any spacing: bridges are cut at the ratio of the clock, not in the middle."""
    clock = start + span * np.linspace(0, 1, odd * 2 ** (levels + finer) + 1) ** warp
    fine, coarse = draw("HK", clock, seed=seed), draw("HK", clock[:: 2**finer], seed=seed)
    for n, whole in enumerate(coarse):
        joined = combined(fine[n * 2**finer : (n + 1) * 2**finer])
        for name in "WHK":
            # A dozen roundings per level, of the largest increment (at most about 5 sqrt(span)).
            atol = 100 * 2.3e-16 * 5 * np.sqrt(abs(span))
            np.testing.assert_allclose(getattr(joined, name), getattr(whole, name), rtol=0, atol=atol)


@pytest.mark.parametrize(
    "clock", [np.linspace(0, 1, 25), np.linspace(2, -1, 9)], ids=["3 cells", "decreasing"]
)
def test_areas_of_halved_clocks_agree_down_to_their_levels(clock):
    levels = 4
    runs = [draw("A", clock[::stride], levels=levels, shape=(5, 3)) for stride in (1, 2, 4)]
    for stride, coarse in ((2, runs[1]), (4, runs[2])):
        for n, whole in enumerate(coarse):
            joined = combined(runs[0][n * stride : (n + 1) * stride])
            np.testing.assert_allclose(joined.A, whole.A, rtol=0, atol=1e-14)  # roundings of 16 leaves
    # Without levels, the areas of a coarse step and of its fine ones are other draws given (W, H, K).
    alone = draw("A", clock[::2], shape=(5, 3))
    assert abs(alone[0].A - runs[1][0].A).max() > 1e-3
    np.testing.assert_array_equal(alone[0].W, runs[1][0].W)


def test_what_is_asked_for_does_not_change_the_path():
    clock = np.linspace(0, 1, 7) ** 2
    everything = draw("HKA", clock)
    for terms in ("H", "K", "HK", "A", "AK"):
        for got, whole in zip(draw(terms, clock), everything, strict=True):
            present = {name for name in "HKA" if getattr(got, name) is not None}
            assert present == set(terms) | {"H"}
            for name in ("W", *present):
                np.testing.assert_array_equal(getattr(got, name), getattr(whole, name))


def test_the_increments_of_w_alone_are_what_they_were():
    """The bits of `brownian_increments` are a promise: saved results must come back."""
    clock = np.linspace(0, 1, 13) ** 2
    dW = np.stack(list(brownian_increments(random.key(0), clock, (3, 2), like=HOST)))
    # Cells of 4 steps: the first of them by hand, from the normals that its nodes are documented to draw.
    key = random.fold_in(random.fold_in(random.key(0), "sde.brownian"), 0)
    z0, z1, z2 = (random.normal(random.fold_in(key, n), (3, 2), like=HOST) for n in (0, 1, 2))
    whole = np.sqrt(clock[4]) * z0
    r, q = clock[2] / clock[4], (clock[4] - clock[2]) / clock[4]
    half = r * whole + np.sqrt(clock[4] * r * q) * z1
    r, q = clock[1] / clock[2], (clock[2] - clock[1]) / clock[2]
    np.testing.assert_array_equal(dW[0], r * half + np.sqrt(clock[2] * r * q) * z2)


@pytest.mark.parametrize(
    "clock", [np.linspace(0, 2, 7), np.linspace(1, -1, 5), np.linspace(0, 1, 5) ** 3, np.array([0.0, 0.4])],
    ids=["uniform", "decreasing", "cubic", "one step"],
)  # fmt: skip
def test_the_law_of_w_h_k_and_a(clock):
    rows = 20_000
    steps = draw("HKA", clock, (rows, 2), seed=7)
    columns = []
    for step in steps:
        h = abs(step.dt)
        for value, variance in ((step.W, h), (step.H, h / 12), (step.K, h / 720)):
            columns += [value[:, 0] / np.sqrt(variance), value[:, 1] / np.sqrt(variance)]
        columns.append(step.A[:, 0, 1] / (h / 2))
    x = np.stack(columns)
    # Uncorrelated with unit variance, all of them; the variance of a product is at most 4 (that of A^2, from
    # E A^4 = 5/16 h^4). At most 42 * 43 / 2 entries at 7.3 sigma: false-positive rate below 4e-10 per clock.
    assert abs(x.mean(axis=1)).max() < 7.3 / np.sqrt(rows)
    assert abs(x @ x.T / rows - np.eye(len(x))).max() < 7.3 * np.sqrt(4 / rows)


def test_wrong_variances_would_be_seen():
    """Areas of variance 1/3 or 0.22 (a peer's) leave the band of the test above."""
    rows, band = 20_000, 7.3 * np.sqrt(4 / 20_000)
    a = draw("A", [0.0, 1.0], (rows, 2))[0].A[:, 0, 1] * 2
    for wrong in (1 / 3, 0.2205):
        assert abs((a**2).mean() * wrong / 0.25 - 1) > band / 1.25


def test_rows_do_not_depend_on_the_batch_or_on_chunks():
    clock = np.linspace(0, 1, 7)
    whole = draw("HKA", clock, (10, 3), levels=3)
    for rows, options in ((slice(0, 4), {}), (slice(4, 9), {"first_row": 4}), (slice(0, 0), {})):
        part = draw("HKA", clock, (rows.stop - rows.start, 3), levels=3, **options)
        for got, expected in zip(part, whole, strict=True):
            for name in "WHKA":
                np.testing.assert_array_equal(getattr(got, name), getattr(expected, name)[rows])


def test_every_backend_and_single_precision(xp):
    clock = np.linspace(0, 1, 7)
    expected = draw("HKA", clock, (4, 2))
    for dtype, tolerance in (("float64", 1e-14), ("float32", 1e-6)):
        for got, exact in zip(draw("HKA", clock, (4, 2), like=xp.empty(dtype)), expected, strict=True):
            for name in "WHKA":
                value = getattr(got, name)
                assert value.dtype == getattr(xp.xp, dtype)
                np.testing.assert_allclose(xp.numpy(value), getattr(exact, name), rtol=0, atol=tolerance)


def test_other_shapes_than_vectors():
    step = draw("HK", [0.0, 1.0], (4, 2, 3))[0]
    assert step.W.shape == step.H.shape == step.K.shape == (4, 2, 3)
    assert draw("H", [0.0, 1.0], (4,))[0].H.shape == (4,)


def test_it_pickles_and_compares():
    increments = levy_increments("A", levels=3)
    copy = pickle.loads(pickle.dumps(increments))
    assert copy == increments != levy_increments("A")
    assert hash(copy) == hash(increments)
    (a,), (b,) = (list(f(random.key(0), [0.0, 1.0], (2, 2), like=HOST)) for f in (increments, copy))
    np.testing.assert_array_equal(a.A, b.A)


def test_the_terms_of_a_method_are_known():
    assert sde.euler_maruyama.terms == ""
    assert sde.sriw1.terms == "H"
    assert replace(sde.sriw1, increments=levy_increments("KH")).terms == "KH"
    with pytest.raises(ValueError, match="dri1 draws its own kind of noise"):
        _ = sde.dri1.terms


@pytest.mark.parametrize(
    ("call", "error", "match"),
    [
        (lambda: levy_increments(""), ValueError, "use brownian_increments"),
        (lambda: levy_increments("W"), ValueError, 'letters of "HKA", each once'),
        (lambda: levy_increments("HH"), ValueError, "each once"),
        (lambda: levy_increments(3), TypeError, "terms must be a str; got int"),
        (lambda: levy_increments("A", levels=-1), ValueError, "levels must be at least 0"),
        (lambda: levy_increments("A", levels=25), ValueError, "levels must be at most 24"),
        (lambda: draw("A", [0.0, 1.0], (3, 2, 2)), ValueError, r"\(batch, noise_dim\) for Levy areas"),
        (lambda: draw("H", [0.0, 0.0]), ValueError, "clock must be strictly monotone"),
        (lambda: draw("H", [0.0, 1.0], 5), ValueError, "one row per path; got 5"),
        (lambda: draw("H", [0.0, 1.0], first_row=-1), ValueError, "first_row must be at least 0"),
    ],
)
def test_refusals(call, error, match):
    with pytest.raises(error, match=match):
        call()
