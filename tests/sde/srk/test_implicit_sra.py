"""SKenCarp: its coefficients, proven and compared with the printed ones; orders, stability, failures."""

from __future__ import annotations

import pickle
from dataclasses import replace

import numpy as np
import pytest
from scipy import linalg

from diffmath import SolveError, ode, random, sde, testing
from diffmath.sde._srk.implicit_sra import skencarp_coefficients

KEY = random.key(23)
METHOD = sde.skencarp
TABLEAU = METHOD.step.tableau


def built(coefficients):
    return sde.ImplicitSRATableau(
        name="mine",
        coefficients=coefficients,
        deterministic_order=3,
        tolerance="1e-80",
    )


def test_the_conditions_hold():
    """All eight of strong order 3/2, four trees of order 3; one takes a square root, cut after 90 digits."""
    conditions = TABLEAU.conditions()
    assert len(conditions) == 8
    assert sum(residual == 0 for _, residual in conditions) == 7
    assert "alpha.B0(e)^2 = 3/2  residual" in TABLEAU.report()
    assert "alpha.A(c) = 1/6     residual 0\n" in TABLEAU.report() + "\n"


def test_the_printed_numbers():
    """Kennedy & Carpenter's fractions, and the published row sums of B0."""
    published = built(skencarp_coefficients(as_published=True)).floats
    for coefficients in (TABLEAU.floats, published):
        assert coefficients["alpha"][0] == pytest.approx(1471266399579 / 7840856788654, abs=1e-12)
        assert coefficients["alpha"][2] == pytest.approx(11266239266428 / 11593286722821, abs=1e-12)
        assert coefficients["alpha"][3] == pytest.approx(1767732205903 / 4055673282236, abs=1e-12)
        assert coefficients["A0"][2][0] == pytest.approx(2746238789719 / 10658868560708, abs=1e-12)
        assert coefficients["A0"][2][1] == pytest.approx(-640167445237 / 6845629431997, abs=1e-12)
    assert published["B0"][1][0] == pytest.approx(-12.246764387585056, rel=1e-15)
    assert published["B0"][3][2] == pytest.approx(-14.432096958608753, rel=1e-15)
    assert TABLEAU.floats["B0"][1][0] == pytest.approx(-0.29785, abs=1e-5)
    assert TABLEAU.floats["B0"][3][2] == pytest.approx(1.88748, abs=1e-5)


def test_wrong_coefficients_are_refused():
    right = skencarp_coefficients()
    with pytest.raises(ValueError, match=r"beta2\.c1 = -1 fails: residual 2"):
        built({**right, "beta2": [-1, 0, 0, 1]})
    with pytest.raises(ValueError, match=r"alpha.A\(c\) = 1/6 fails|alpha.A0\(e\) = 1/2 fails"):
        built({**right, "A0": [[], ["1/2", "1/2"], *right["A0"][2:]]})
    with pytest.raises(ValueError, match=r"A0 must be lower triangular: .*sde.ImplicitSRATableau"):
        built({**right, "A0": [[0, 1], *right["A0"][1:]]})
    with pytest.raises(TypeError, match=r"must be of type sde.ImplicitSRATableau"):
        sde.ImplicitSRA(sde.sra1.step.tableau)
    with pytest.raises(TypeError, match=r"newton must be an ode.Newton"):
        sde.ImplicitSRA(TABLEAU, newton=None)


@pytest.mark.parametrize(
    ("problem", "two_sided"),
    [
        (testing.logistic_sde(), True), (testing.linear_sde(), False),
        (testing.linear_sde(t_span=(1.0, 0.0)), False),
    ],
    ids=["curved drift", "noise that depends on time", "backwards"],
)  # fmt: skip
def test_strong_order(problem, two_sided):
    """On a linear drift the order is 2: the missing terms contain the curvature of the drift."""
    testing.assert_strong_order(METHOD, problem, paths=100, steps=8, halvings=4, two_sided=two_sided)


def double_well():
    return sde.SDE(lambda t, x: x - x**3, lambda t, x: 0.0 * x + 0.7, noise="additive")


def test_the_smaller_row_sums_have_the_smaller_error():
    """With 256 steps, a tenth of the error of the published methods, and the error of the explicit sra1."""
    published = replace(METHOD, step=sde.ImplicitSRA(built(skencarp_coefficients(as_published=True))))
    x0 = np.linspace(-1, 1, 200)[:, None]

    def final(method, n):
        return sde.solve(double_well(), x0, [0.0, 1.0], method=method, key=KEY, substeps=n).x[-1]

    exact = final(sde.sra1, 2048)
    ours, theirs, explicit = (
        np.sqrt(((final(method, 256) - exact) ** 2).mean()) for method in (METHOD, published, sde.sra1)
    )
    assert ours < theirs / 10
    assert ours == pytest.approx(explicit, rel=0.3)
    with pytest.raises(SolveError, match="Newton"):
        final(published, 2)


def kicks(model, h, x0):
    """Return where x0 goes without noise, and what unit W and H add."""
    x = np.tile(x0, (3, 1))
    W, H = (np.eye(3)[1 + i][:, None] for i in range(2))
    out = METHOD.step(model, 0.0, x, h, sde.Increment(h, W, H=H))
    return out[0], out[1] - out[0], out[2] - out[0]


def test_weak_order_on_a_linear_drift_without_sampling():
    """Mean and covariance of a damped oscillator with one noise, at T = 1, are mapped affinely."""
    A, b = np.array([[0.0, 1.0], [-2.0, -0.5]]), np.array([0.3, 1.0])
    model = sde.SDE(
        lambda t, x: x @ A.T, lambda t, x: np.broadcast_to(b[:, None], (*x.shape, 1)), noise="additive"
    )
    grown = linalg.expm(np.block([[-A, np.outer(b, b)], [np.zeros((2, 2)), A.T]]))
    E = grown[2:, 2:].T
    errors = []
    for n in (8, 16, 32, 64, 128):
        M = np.stack([kicks(model, 1 / n, unit)[0] for unit in np.eye(2)], axis=1)
        _, W, H = kicks(model, 1 / n, np.zeros(2))
        mean, cov = np.array([1.0, -0.5]), np.zeros((2, 2))
        for _ in range(n):
            mean = M @ mean
            cov = M @ cov @ M.T + np.outer(W, W) / n + np.outer(H, H) / n / 12
        errors.append(np.linalg.norm(mean - E @ [1.0, -0.5]) + np.linalg.norm(cov - E @ grown[:2, 2:]))
    np.testing.assert_allclose(-np.diff(np.log2(errors)), METHOD.orders["additive"].weak, atol=0.15)


def test_order_three_without_noise():
    quiet = sde.SDE(lambda t, x: np.cos(t) - x**2, lambda t, x: 0.0 * x, noise="additive")
    exact = ode.solve(
        quiet.drift, np.ones((1, 1)), [0.0, 1.0], method=ode.dop853, rtol=1e-12, atol=1e-14, batch="shared"
    ).x[-1]
    errors = [
        abs(
            sde.solve(quiet, np.ones((1, 1)), [0.0, 1.0], method=METHOD, key=KEY, substeps=n).x[-1] - exact
        ).max()
        for n in (8, 16, 32, 64, 128)
    ]
    np.testing.assert_allclose(-np.diff(np.log2(errors)), 3.0, atol=0.15)


def test_stiff_components():
    """The state is forgotten (L-stable); of the noise a variance of 0.3 h is kept, as the notes say."""
    h, lam = 0.1, 1e9
    model = sde.SDE(lambda t, x: -lam * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    state, W, H = kicks(model, h, np.zeros(1))
    forgotten = kicks(model, h, np.ones(1))[0] - state
    assert abs(forgotten[0]) < 1e-6
    variance = h * W[0] ** 2 + h / 12 * H[0] ** 2
    b = TABLEAU.floats["B0"][3][2]
    assert variance == pytest.approx(h * ((1 - b / 2) ** 2 + b**2 / 12), rel=1e-6)
    assert variance == pytest.approx(0.3 * h, rel=0.01)


def test_a_stiff_nonlinear_drift():
    """Van der Pol's equation at mu = 1000 with steps of 0.01, where explicit methods blow up at once."""

    def drift(t, x):
        return np.stack([x[:, 1], 1e3 * (1 - x[:, 0] ** 2) * x[:, 1] - x[:, 0]], axis=1)

    calls = []

    def jacobian(t, x):
        calls.append(t)
        a, b = x[:, 0], x[:, 1]
        rows = [[0 * a, 0 * a + 1], [-2e3 * a * b - 1, 1e3 * (1 - a**2)]]
        return np.stack([np.stack(row, axis=1) for row in rows], axis=1)

    def noise(t, x):
        return 0.0 * x + np.array([0.0, 0.1])

    plain = sde.SDE(drift, noise, noise="additive")
    given = sde.SDE(drift, noise, noise="additive", drift_jacobian=jacobian)
    x0, options = np.array([[2.0, 0.0], [1.5, -0.1]]), {"times": np.linspace(0, 1, 101), "key": KEY}
    first, second = (sde.solve(model, x0, method=METHOD, **options) for model in (plain, given))
    assert len(calls) == 100
    np.testing.assert_allclose(first.x, second.x, rtol=1e-6, atol=1e-7)  # Newton's tolerance is 4e-11 a stage
    with pytest.raises(SolveError):
        sde.solve(plain, x0, method=sde.sra1, **options)


def test_failures():
    model = sde.SDE(lambda t, x: -1e6 * np.sign(x), lambda t, x: 0.0 * x + 1.0, noise="additive")
    x0 = np.array([[1e9], [0.1]])
    with pytest.raises(SolveError, match=r"Newton's iteration failed at t=0.5 in row 1") as caught:
        sde.solve(model, x0, [0.0, 0.5, 1.0], method=METHOD, key=KEY)
    assert caught.value.solution.status == "newton_failed"
    with pytest.raises(TypeError, match="must be an Increment with H"):
        METHOD.step(model, 0.0, x0, 0.1, np.zeros((2, 1)))
    with pytest.raises(ValueError, match="skencarp needs noise in"):
        sde.solve(sde.SDE(model.drift, model.diffusion), x0, [0.0, 1.0], method=METHOD, key=KEY)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_step_keeps_library_device_and_precision(xp, dtype):
    host, parts = (
        np.array([[1.0, -0.5], [0.3, 0.2]]),
        np.array([[[0.2, 0.1], [0.3, -0.2]], [[0.1, 0], [-0.1, 0.05]]]),
    )
    x = xp.asarray(host, dtype)
    before = xp.numpy(x).copy()
    W, H = (xp.asarray(part, dtype) for part in parts)
    got = METHOD.step(double_well(), 0.0, x, 0.1, sde.Increment(0.1, W, H=H))
    assert got.dtype == x.dtype
    expected = METHOD.step(double_well(), 0.0, host, 0.1, sde.Increment(0.1, parts[0], H=parts[1]))
    # Newton stops at eps to the power 2/3: 2e-5 and 4e-11.
    np.testing.assert_allclose(xp.numpy(got), expected, rtol=1e-4 if dtype == "float32" else 1e-9)
    np.testing.assert_array_equal(xp.numpy(x), before)


def test_evaluations_and_sizes():
    seen = []
    model = sde.SDE(
        lambda t, x: seen.append(t) or -50.0 * x, lambda t, x: 0.0 * x + 1.0, noise="additive",
        drift_jacobian=lambda t, x: np.full((x.shape[0], 1, 1), -50.0),
    )  # fmt: skip
    METHOD.step(model, 0.0, np.ones((3, 1)), 0.1, sde.Increment(0.1, np.ones((3, 1)), H=np.ones((3, 1))))
    assert len(seen) == METHOD.evaluations == 7
    assert sde.solve(double_well(), np.zeros((0, 2)), [0.0, 1.0], method=METHOD, key=KEY).x.shape == (2, 0, 2)
    again = pickle.loads(pickle.dumps(METHOD))
    assert (again.name, again.step, again.failure) == ("skencarp", METHOD.step, "newton_failed")
    assert repr(METHOD) == "Method(skencarp, additive: strong 1.5, weak 2)"
    assert replace(METHOD.step, newton=ode.Newton(tolerance=1e-14)).newton.tolerance == 1e-14


def test_the_error_estimate():
    """Of size h^(3/2) like the error of the Euler step that it measures, and bounded where that is not."""
    W, H = np.array([[0.3], [-0.2]]), np.array([[0.1], [0.05]])
    model = sde.SDE(lambda t, x: x - x**3, lambda t, x: 0.0 * x + 0.7 + t, noise="additive")
    sizes = []
    for h in (1e-2, 2.5e-3, 6.25e-4):
        x, root = np.array([[0.5], [1.0]]), np.sqrt(h)
        noise = sde.Increment(h, root * W, H=root * H)
        trial = METHOD.attempt(model, None, 0.0, x, h, noise)
        new, error = trial.x, trial.error
        np.testing.assert_array_equal(new, METHOD.step(model, 0.0, x, h, noise))
        euler = x + h * model.drift(0.0, x) + model.diffusion(h, x) * noise.W
        # The filter changes the drift's part, h^(3/2), by h of itself.
        np.testing.assert_allclose(error, new - euler, atol=20 * h**2.5)
        sizes.append(abs(error).max())
    np.testing.assert_allclose(np.log2(np.divide(sizes[:-1], sizes[1:])) / 2, 1.5, atol=0.15)
    stiff = sde.SDE(lambda t, x: -1e8 * x, lambda t, x: 0.0 * x + 1.0, noise="additive")
    noise = sde.Increment(0.1, W[:1], H=H[:1])
    error = METHOD.attempt(stiff, None, 0.0, np.ones((1, 1)), 0.1, noise).error
    assert abs(error).max() < 10  # the slopes of the stages alone are 1e7
    jump = sde.SDE(lambda t, x: -1e6 * np.sign(x), lambda t, x: 0.0 * x + 1.0, noise="additive")
    start, noise = np.array([[1e9], [0.1]]), sde.Increment(0.5, W, H=H)
    trial = METHOD.attempt(jump, None, 0.0, start, 0.5, noise)
    np.testing.assert_array_equal(np.isnan(trial.error[:, 0]), [False, True])
    np.testing.assert_array_equal(np.isnan(trial.x[:, 0]), [False, True])


def test_adaptive_steps_on_a_stiff_drift():
    """A start far off the slow solution, on the path of fixed steps."""
    model = sde.SDE(
        lambda t, x: -300.0 * (x - np.sin(t)) - x**3, lambda t, x: 0.0 * x + 0.3, noise="additive"
    )
    x0 = np.full((3, 1), 3.0)
    exact = sde.solve(model, x0, [0.0, 0.25], method=METHOD, key=KEY, substeps=256).x[-1]
    run = sde.solve_adaptive(model, x0, [0.0, 0.25], method=METHOD, key=KEY, rtol=1e-2, atol=1e-2)
    assert run.status == "ok"
    assert abs(run.x[-1] - exact).max() < 0.03  # errors are forgotten within a few steps
