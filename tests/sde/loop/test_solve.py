"""`sde.solve`: exact paths, refinement, backends, endings."""

from __future__ import annotations

import os
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import SolveError, random, sde

KEY = random.key(4)
DECAY = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5, noise="additive")


def double(t, x):
    return 0.5 * x


PRODUCT = sde.SDE(lambda t, x: -x, double, diffusion_derivative=lambda t, x: 0.0 * x + 0.5)


def test_zero_noise_is_the_explicit_euler_method():
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x)
    path = sde.solve(model, np.ones((2, 3)), [0.0, 0.5, 1.0], method=sde.euler_maruyama, key=KEY, substeps=4)
    np.testing.assert_allclose(path.x[:, 0, 0], [1.0, 0.875**4, 0.875**8], rtol=1e-14)
    assert (path.stats["steps"], path.stats["evaluations"]) == (8, 8)
    assert path.success


def test_coefficients_are_taken_at_the_start_of_every_step():
    """Drift t over four steps of [0, 2]: (0 + 0.5 + 1 + 1.5) / 2; g = t meets the same times."""
    times, options = np.linspace(0, 2, 5), {"method": sde.euler_maruyama, "key": KEY}
    drifting = sde.SDE(lambda t, x: 0.0 * x + t, lambda t, x: 0.0 * x, noise="additive")
    assert sde.solve(drifting, np.zeros((1, 1)), times, **options).x[-1, 0, 0] == 1.5
    noisy = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + t, noise="additive")
    increments = sde.brownian_increments(random.fold_in(KEY, "sde.path"), times, (1, 1), like=np.empty(0))
    expected = sum(t * dW[0, 0] for t, dW in zip(times, increments, strict=False))
    assert sde.solve(noisy, np.zeros((1, 1)), times, **options).x[-1, 0, 0] == pytest.approx(
        expected, rel=1e-14
    )


def test_the_path_is_the_sum_of_the_increments():
    """X = W for zero drift and g = 1: the path key is the domain "sde.path" of the key."""
    model = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    times = np.array([0.0, 0.1, 0.5, 2.0])
    path = sde.solve(model, np.zeros((5, 2)), times, method=sde.milstein, key=KEY)
    increments = sde.brownian_increments(random.fold_in(KEY, "sde.path"), times, (5, 2), like=path.x)
    np.testing.assert_allclose(np.diff(path.x, axis=0), np.stack(list(increments)), rtol=0, atol=1e-15)


def test_exact_moments_of_the_euler_chain():
    """The Euler chain of an OU process is Gaussian with known moments; 7 sigma, false-positive rate 5e-12."""
    rows, n, h = 50_000, 16, 1 / 16
    x = sde.solve(DECAY, np.ones((rows, 1)), [0, 1], method=sde.euler_maruyama, key=KEY, substeps=n).x[-1]
    mean, variance = (1 - h) ** n, 0.25 * h * (1 - (1 - h) ** (2 * n)) / (1 - (1 - h) ** 2)
    assert abs(x.mean() - mean) < 7 * np.sqrt(variance / rows)
    assert abs(x.var() - variance) < 7 * variance * np.sqrt(2 / rows)


def test_one_key_may_serve_the_initial_states_and_the_path():
    """Program (d) relies on it: 7 standard deviations of a correlation, false-positive rate 3e-12."""
    rows = 50_000
    x0 = random.normal(KEY, (rows, 1), like=np.empty(0))
    (dW,) = sde.brownian_increments(random.fold_in(KEY, "sde.path"), [0.0, 1.0], (rows, 1), like=np.empty(0))
    path = sde.solve(DECAY, x0, [0.0, 1.0], method=sde.euler_maruyama, key=KEY)
    np.testing.assert_allclose(path.x[-1], 0.5 * dW, atol=1e-14)  # x0 - x0 + dW / 2
    assert abs((x0 * dW).mean()) < 7 / np.sqrt(rows)


@given(
    intervals=st.integers(1, 6), substeps=st.sampled_from([1, 2, 3, 4]), doublings=st.integers(1, 2),
    seed=st.integers(0, 2**32 - 1), backwards=st.booleans(),
)  # fmt: skip
def test_substeps_and_save_times_refine_one_path(intervals, substeps, doublings, seed, backwards):
    """The noise of nested grids is one path, whether the grid is refined by substeps or by save times."""
    model = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    times = np.linspace(0, 2, intervals * substeps * 2**doublings + 1)[:: -1 if backwards else 1]
    saved = times[:: substeps * 2**doublings]
    options = {"method": sde.euler_maruyama, "key": random.key(seed)}
    coarse = sde.solve(model, np.zeros((2, 1)), saved, substeps=substeps, **options)
    fine = sde.solve(model, np.zeros((2, 1)), saved, substeps=substeps * 2**doublings, **options)
    every = sde.solve(model, np.zeros((2, 1)), times, **options)
    # At most 96 additions of numbers below 10.
    np.testing.assert_allclose(fine.x, coarse.x, rtol=0, atol=1e-12)
    np.testing.assert_allclose(every.x[:: substeps * 2**doublings], coarse.x, rtol=0, atol=1e-12)


def test_rows_are_independent_of_the_batch():
    x0 = np.linspace(-1, 1, 10)[:, None] * np.ones((1, 2))
    whole = sde.solve(PRODUCT, x0, np.linspace(0, 1, 7), method=sde.milstein, key=KEY)
    part = sde.solve(PRODUCT, x0[3:7], np.linspace(0, 1, 7), method=sde.milstein, key=KEY, first_row=3)
    np.testing.assert_array_equal(part.x, whole.x[:, 3:7])
    empty = sde.solve(PRODUCT, x0[:0], np.linspace(0, 1, 7), method=sde.milstein, key=KEY)
    assert empty.x.shape == (7, 0, 2)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_every_backend_gives_the_same_path(xp, dtype):
    x0 = np.array([[1.0, -0.5], [0.25, 2.0]])
    times = np.linspace(0, 1, 9)
    expected = sde.solve(PRODUCT, x0, times, method=sde.milstein, key=KEY).x
    path = sde.solve(PRODUCT, xp.asarray(x0, dtype), times, method=sde.milstein, key=KEY)
    assert path.x.dtype == getattr(xp.xp, dtype)
    np.testing.assert_allclose(xp.numpy(path.x), expected, atol=2e-6 if dtype == "float32" else 1e-13)


def test_integer_states_become_floats(xp):
    path = sde.solve(DECAY, xp.asarray([[1]], "int64"), [0, 1], method=sde.euler_maruyama, key=KEY)
    assert xp.xp.isdtype(path.x.dtype, "real floating")


@pytest.mark.parametrize(
    ("noise", "shape", "width"),
    [("scalar", (4, 2), 1), ("general", (4, 2, 3), 3), ("additive", (4, 2, 1), 1)],
)
def test_one_increment_per_noise(xp, noise, shape, width):
    """Scalar noise moves all components equally; a matrix mixes its own number of Brownian motions."""
    g = xp.asarray(np.ones(shape))
    model = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: g, noise=noise)
    path = sde.solve(model, xp.asarray(np.zeros((4, 2))), [0.0, 1.0], method=sde.euler_maruyama, key=KEY)
    (dW,) = sde.brownian_increments(random.fold_in(KEY, "sde.path"), [0.0, 1.0], (4, width), like=np.empty(0))
    expected = np.repeat(dW.sum(axis=1, keepdims=True), 2, axis=1)
    np.testing.assert_allclose(xp.numpy(path.x[-1, ...]), expected, rtol=1e-12)


def test_a_symbolic_model_is_lowered():
    class Symbolic:
        def lower(self):
            return DECAY

    options = {"method": sde.milstein, "key": KEY}
    lowered = sde.solve(Symbolic(), np.ones((1, 1)), [0, 1], **options)
    np.testing.assert_array_equal(lowered.x, sde.solve(DECAY, np.ones((1, 1)), [0, 1], **options).x)


def test_a_user_method_is_a_method():
    def drifted(model, t, x, dt, dW):
        return x + dt * model.drift(t, x)

    mine = sde.Method("mine", drifted, orders={"diagonal": (0.0, 0.0), "additive": (0.0, 0.0)})
    path = sde.solve(DECAY, np.ones((1, 1)), [0.0, 0.5], method=mine, key=KEY)
    assert path.x[-1, 0, 0] == 0.5


@pytest.mark.parametrize("seterr", ["warn", "raise"])
def test_blow_up_is_reported_with_time_rows_and_prefix(seterr):
    model = sde.SDE(lambda t, x: x**3, lambda t, x: 0.0 * x, noise="additive")
    x0 = np.array([[0.1], [30.0], [0.2]])
    with (
        np.errstate(all=seterr),
        pytest.raises(SolveError, match=r"t=0.6 in row 11; use more substeps") as info,
    ):
        sde.solve(model, x0, np.linspace(0, 1, 11), method=sde.euler_maruyama, key=KEY, first_row=10)
    partial = info.value.solution
    assert partial.status == "nonfinite"
    assert partial.stats["steps"] == 5
    assert partial.x.shape == (6, 3, 1)
    assert np.isfinite(partial.x).all()
    np.testing.assert_array_equal(partial.t, np.linspace(0, 1, 11)[:6])


def test_blow_up_can_be_returned():
    model = sde.SDE(lambda t, x: x * np.inf, lambda t, x: 0.0 * x)
    options = {"method": sde.euler_maruyama, "key": KEY, "on_failure": "return"}
    path = sde.solve(model, np.ones((1, 1)), [0, 1], **options)
    assert not path.success
    assert path.x.shape == (1, 1, 1)
    with pytest.raises(ValueError, match="on_failure must be"):
        sde.solve(DECAY, np.ones((1, 1)), [0, 1], **(options | {"on_failure": "ignore"}))


def mutating(t, x):
    x *= 2.0
    return x


@pytest.mark.parametrize(
    ("model", "error", "match"),
    [
        (sde.SDE(lambda t, x: x[:, :1], double), ValueError, r"drift.* shape \(2, 2\); got \(2, 1\)"),
        (sde.SDE(double, lambda t, x: x[:, 0]), ValueError, r"shape \(2,\) for 2 rows .*one row each"),
        (sde.SDE(double, lambda t, x: x[..., None]), ValueError, "a matrix per row is noise='general'"),
        (sde.SDE(double, double, noise="general"), ValueError, r"shape \(2, 2\) for 2.* a matrix per row"),
        (sde.SDE(double, lambda t, x: [0.7]), TypeError, "must return an array of shape"),
        (sde.SDE(mutating, double), TypeError, r"drift\(t, x\) modified its argument x"),
        (sde.SDE(lambda t, x: x * (1 + 1j), double), TypeError, "must return real numbers"),
        (sde.SDE(double, double, diffusion_derivative=lambda t, x: x[None]), ValueError, "_derivative"),
    ],
)  # fmt: skip
def test_results_that_do_not_fit_are_refused_by_name(model, error, match):
    with pytest.raises(error, match=match):
        sde.solve(model, np.ones((2, 2)), [0.0, 1.0], method=sde.euler_maruyama, key=KEY)


def test_a_state_that_a_callable_modified_is_still_the_users():
    x0 = np.ones((2, 2))
    with pytest.raises(TypeError, match=r"diffusion\(t, x\) modified"):
        sde.solve(sde.SDE(double, mutating), x0, [0.0, 1.0], method=sde.euler_maruyama, key=KEY)
    np.testing.assert_array_equal(x0, 1.0)
    x0.flags.writeable = False
    with pytest.raises(TypeError, match=r"drift\(t, x\) modified"):
        sde.solve(sde.SDE(mutating, double), x0, [0.0, 1.0], method=sde.euler_maruyama, key=KEY)


def test_nothing_is_raised_by_numpy_under_errstate_raise():
    """Underflow, and a pole at the initial state: the first is rounding, the second is reported."""
    options = {"method": sde.euler_maruyama, "key": KEY}
    pole = sde.SDE(lambda t, x: 1.0 / x, lambda t, x: 0.0 * x, noise="additive")
    with np.errstate(all="raise"):
        small = sde.solve(DECAY, np.full((1, 1), 1e-300), np.linspace(0, 1e-300, 3), **options)
        shrink = sde.SDE(lambda t, x: -(1 - 1e-200) * x, lambda t, x: 1e-200 * x * x)
        assert sde.solve(shrink, np.full((1, 1), 1e-200), [0.0, 1.0], **options).success
        with pytest.raises(SolveError, match="not finite at t=1"):
            sde.solve(pole, np.zeros((1, 1)), [0.0, 1.0], **options)
    assert small.success


@pytest.mark.parametrize(("width", "error"), [(0, ValueError), (-1, ValueError), (2.0, TypeError)])
def test_a_model_has_a_whole_number_of_brownian_motions(width, error):
    with pytest.raises(error, match="noise_dim must be"):
        sde.SDE(double, double, noise="general", noise_dim=width)


@pytest.mark.skipif("DIFFMATH_INTEROP" not in os.environ, reason="PyTorch is tested in the interop session")
def test_a_path_can_be_differentiated():
    """dX_T / dx0 of a linear equation is X_T / x0: by torch, through the probe and the steps, no warning."""
    torch = pytest.importorskip("torch")
    x0 = torch.full((3, 1), 2.0, dtype=torch.float64, requires_grad=True)
    final = sde.solve(PRODUCT, x0, np.linspace(0, 1, 5), method=sde.milstein, key=KEY).x[-1]
    final.sum().backward()
    np.testing.assert_allclose(x0.grad.numpy(), (final / x0).detach().numpy(), rtol=1e-13)


def test_numpy_integers_count():
    path = sde.solve(DECAY, np.ones((1, 1)), [0, 1], method=sde.milstein, key=KEY, substeps=np.int64(3))
    assert path.stats["steps"] == 3


def test_a_drift_that_widens_single_precision_is_refused():
    wide = sde.SDE(lambda t, x: x * np.ones(1), double)
    with pytest.raises(TypeError, match="must keep the precision of the state, float32; got float64"):
        sde.solve(wide, np.ones((1, 1), np.float32), [0, 1], method=sde.euler_maruyama, key=KEY)


def test_errors_of_the_user_pass_with_the_time():
    def broken(t, x):
        if t > 0.4:
            raise KeyError("mine")
        return -x

    with pytest.raises(KeyError, match="mine") as info:
        sde.solve(
            sde.SDE(broken, double), np.ones((1, 1)), [0.0, 0.5, 1.0], method=sde.euler_maruyama, key=KEY
        )
    assert info.value.__notes__ == ["raised by a step of euler_maruyama at t=0.5"]


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"x0": np.ones(3)}, ValueError, r"for one row use x0\[None"),
        ({"x0": np.array([[np.nan]])}, ValueError, "x0 must be finite"),
        ({"x0": [[1.0]]}, TypeError, "x0 must be an array"),
        ({"times": [0.0]}, ValueError, "times must be a vector of at least 2"),
        ({"times": [0.0, 0.0]}, ValueError, "times must be strictly monotone"),
        ({"times": [1e16, 1e16 + 4], "substeps": 8}, ValueError, "substeps=8 must be strictly monotone"),
        ({"method": 3}, TypeError, "method must be a method object"),
        ({"key": 0}, TypeError, "key must be a Key"),
        ({"substeps": 0}, ValueError, "substeps must be at least 1; got 0"),
        ({"substeps": 2.0}, TypeError, "substeps must be an int; got float"),
        ({"first_row": -1}, ValueError, "first_row must be at least 0"),
        ({"model": "decay"}, TypeError, "model must be an sde.SDE or a symbolic.SDE; got str"),
    ],
)
def test_arguments_are_refused_by_name(change, error, match):
    calls = []

    def drift(t, x):
        calls.append(t)
        return -x

    model = sde.SDE(drift, double)
    arguments = {
        "model": model,
        "x0": np.ones((1, 1)),
        "times": [0.0, 1.0],
        "method": sde.euler_maruyama,
        "key": KEY,
    }
    arguments |= change
    with pytest.raises(error, match=match):
        sde.solve(arguments.pop("model"), arguments.pop("x0"), arguments.pop("times"), **arguments)
    if "times" not in change:
        assert not calls, "refused after the user's drift was called"


def test_a_progress_bar_changes_nothing(capsys, monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    options = {"method": sde.euler_maruyama, "key": KEY}
    shown = sde.solve(DECAY, np.ones((1, 1)), np.linspace(0, 1, 5), progress=True, **options)
    np.testing.assert_array_equal(
        shown.x, sde.solve(DECAY, np.ones((1, 1)), np.linspace(0, 1, 5), **options).x
    )
    assert "euler_maruyama" in capsys.readouterr().err


def path_of(x0, key=KEY, **options):
    return sde.BrownianPath(key, tuple(x0.shape), 0.0, 1.0, like=x0, **options)


def test_a_path_of_the_same_key_and_steps_gives_the_same_solution():
    model, x0, times = (
        sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5),
        np.ones((5, 2)),
        np.linspace(0, 1, 13),
    )
    by_key = sde.solve(model, x0, times, method=sde.sriw1, key=KEY)
    by_path = sde.solve(model, x0, times, method=sde.sriw1, path=path_of(x0, steps=12))
    np.testing.assert_allclose(by_path.x, by_key.x, rtol=1e-13)


def test_runs_with_any_times_see_one_path():
    """20 and 30 steps, and uneven ones, end at the same W: what a key alone does not give."""
    model = sde.SDE(lambda t, x: 0.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    x0 = np.zeros((5, 2))
    path = path_of(x0, terms="H", first_row=3)
    ends = [
        sde.solve(model, x0, times, method=sde.euler_maruyama, path=path).x[-1]
        for times in (np.linspace(0, 1, 21), np.linspace(0, 1, 31), np.linspace(0, 1, 8) ** 2)
    ]
    for end in ends:
        np.testing.assert_allclose(end, path(0.0, 1.0), atol=1e-14)


@pytest.mark.parametrize(
    ("change", "error", "match"),
    [
        ({"path": None}, TypeError, "key must be a Key; got None: .* or give a path"),
        ({"path": KEY}, TypeError, "path must be a BrownianPath; got Key"),
        ({"key": KEY}, ValueError, "path has its own key and first_row"),
        ({"first_row": 1}, ValueError, "path has its own key and first_row"),
        ({"path": path_of(np.ones((3, 1)))}, ValueError, r"path must have shape \(2, 1\), .*; got \(3, 1\)"),
        ({"path": path_of(np.ones((2, 1), np.float32))}, TypeError, "the precision of x0, float64"),
        ({"times": [0.0, 2.0]}, ValueError, r"t must lie in \[t0, t1\]"),
        ({"method": sde.Method("weak", lambda *a: a[2], {"diagonal": (1.0, 1.0)},
                               increments=lambda *a, **k: iter(()))}, ValueError, "its own kind of noise"),
    ],
)  # fmt: skip
def test_paths_that_do_not_fit_are_refused(change, error, match):
    model, x0 = sde.SDE(lambda t, x: -x, lambda t, x: 0.0 * x + 0.5), np.ones((2, 1))
    options = {"times": [0.0, 1.0], "method": sde.euler_maruyama, "path": path_of(x0, terms="H")} | change
    with pytest.raises(error, match=match):
        sde.solve(model, x0, options.pop("times"), **options)
