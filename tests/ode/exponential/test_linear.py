"""Linear systems solved exactly: by the exponential, and by its action."""

import math

import mpmath
import numpy as np
import pytest
import scipy.linalg
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st

from diffmath import ode
from diffmath.ode._exponential import action as _action

FORMS = [ode.LinearExact("matrix"), ode.LinearExact("action")]
BY_FORM = {"ids": lambda method: method.form}
TURN = np.array([[0.0, 1.0], [-1.0, 0.0]])


def _rng():
    return np.random.default_rng(11)


def _exact(A, b, x0, t):
    """By SciPy, on the augmented matrix."""
    n = len(A)
    block = np.zeros((n + 1, n + 1), dtype=np.result_type(A, b))
    block[:n, :n], block[:n, n] = A, b
    return (np.concatenate([x0, np.ones((len(x0), 1))], axis=1) @ scipy.linalg.expm(t * block).T)[:, :n]


@pytest.mark.parametrize("method", FORMS, **BY_FORM)
@pytest.mark.parametrize("kind", ["real", "complex", "singular", "zero", "nilpotent"])
def test_against_scipy_forwards_and_backwards(method, kind):
    rng = _rng()
    A, b, x0 = rng.standard_normal((5, 5)), rng.standard_normal(5), rng.standard_normal((3, 5))
    if kind == "complex":
        A, b, x0 = A + 1j * A.T, b * (1 - 2j), x0 + 1j
    if kind == "singular":
        A[:, 0], A[2] = A[:, 1], A[3]
    if kind == "zero":
        A = 0 * A
    if kind == "nilpotent":
        A = np.triu(A, 1)
    f = ode.Linear(A, b)
    solution = ode.solve(f, x0, [0.5, 0.75, 3.0], method=method)
    back = ode.solve(f, solution.x[-1], [3.0, 0.5], method=method).x[-1]
    for k, t in ((1, 0.25), (2, 2.5)):
        wanted = _exact(A, b, x0, t)
        # 1e-12: rounding of some squarings or products, of norms of up to exp(8).
        np.testing.assert_allclose(solution.x[k], wanted, rtol=0, atol=1e-12 * np.abs(wanted).max())
    scale = np.abs(solution.x[-1]).max() * np.abs(scipy.linalg.expm(-2.5 * A)).max()
    np.testing.assert_allclose(back, x0, rtol=0, atol=1e-12 * max(1, scale))
    plain = ode.solve(ode.Linear(A), x0, [0.0, 1.0], method=method).x[-1]
    np.testing.assert_allclose(plain, x0 @ scipy.linalg.expm(A).T, rtol=0, atol=1e-12 * np.abs(plain).max())


@pytest.mark.parametrize("method", FORMS, **BY_FORM)
def test_the_rotation_and_the_fall(method):
    for t in (0.1, 5.0, -40.0):
        x = ode.solve(ode.Linear(TURN), np.array([[1.0, 0.0]]), [0.0, t], method=method).x[-1]
        np.testing.assert_allclose(x, [[np.cos(t), -np.sin(t)]], atol=2e-13)
    x = ode.solve(
        ode.Linear(np.eye(2, k=1), np.array([0.0, -2.0])), np.array([[1.0, 3.0]]), [0, 4], method=method
    )
    np.testing.assert_allclose(x.x[-1], [[1 + 12 - 16, 3 - 8]], rtol=1e-14)


def test_a_stiff_matrix_in_one_step():
    """Rates up to 1e8 and a constant forcing: the slow ones are as good as an error of eps in A allows."""
    rates = -np.logspace(0, 8, 9)
    V = np.linalg.qr(_rng().standard_normal((9, 9)))[0]
    A, b, x0 = V * rates @ V.T, _rng().standard_normal(9), _rng().standard_normal((2, 9))
    x = ode.solve(ode.Linear(A, b), x0, [0.0, 1.0], method=ode.exact).x[-1]
    wanted = ((x0 @ V) * np.exp(rates) + np.expm1(rates) / rates * (b @ V)) @ V.T
    np.testing.assert_allclose(x, wanted, rtol=0, atol=1e-7)  # eps |A|
    diagonal = ode.solve(ode.Linear(np.diag(rates), b), x0, [0.0, 1.0], method=ode.exact).x[-1]
    # exp(-1 / 2^24) is known to eps, and each of 24 squarings doubles its relative error.
    wanted = x0 * np.exp(rates) + np.expm1(rates) / rates * b
    np.testing.assert_allclose(diagonal, wanted, rtol=2**24 * 2.3e-16, atol=1e-300)
    with pytest.raises(ValueError, match=r"the action takes \d+ products with A, .*ode\.exact"):
        ode.solve(ode.Linear(A, b), x0, [0.0, 1.0], method=ode.LinearExact("action"))


@pytest.mark.parametrize("method", FORMS, **BY_FORM)
def test_dense_output_and_events_are_exact(method):
    """One step of two turns of a circle: no polynomial follows it."""
    crossing = ode.Event(lambda t, x: x[:, 0] - 0.5)
    x0 = np.array([[1.0, 0.0], [0.0, 2.0]])
    solution = ode.solve(ode.Linear(TURN), x0, [0.0, 4.2], method=method, dense=True, events=crossing)
    t = np.linspace(0.0, 4.2, 40)
    wanted = np.stack([np.cos(t), -np.sin(t)], axis=1)
    np.testing.assert_allclose(solution.dense(t)[:, 0], wanted, atol=3e-14)
    np.testing.assert_allclose(solution.dense(1.0)[1], [2 * np.sin(1.0), 2 * np.cos(1.0)], atol=3e-14)
    # Row 0 falls through 1/2 at pi / 3, and is below it at the end: the step shows a change of sign.
    np.testing.assert_allclose(solution.t_events[0][0], [np.pi / 3], atol=1e-12)
    assert "order inf" in repr(solution.dense)


@pytest.mark.parametrize("method", FORMS, **BY_FORM)
def test_backends_precisions_and_steps_per_row(xp, method):
    rng = _rng()
    A, b, x = rng.standard_normal((4, 4)), rng.standard_normal(4), rng.standard_normal((3, 4))
    dt = np.array([[0.3], [-1.0], [2.0]])
    wanted = _exact(A, b, x, 0.7)
    for send in (lambda v: v, xp.asarray):
        f = ode.Linear(send(A), send(b))
        found = xp.numpy(method.step(f, 0.0, xp.asarray(x), 0.7))
        np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
        rows = xp.numpy(method.step(f, 0.0, xp.asarray(x), xp.asarray(dt)))
        alone = [_exact(A, b, x[i : i + 1], dt[i, 0]) for i in range(3)]
        np.testing.assert_allclose(rows, np.concatenate(alone), rtol=1e-11, atol=1e-12)
        free = xp.numpy(method.step(ode.Linear(send(A)), 0.0, xp.asarray(x), xp.asarray(dt)))
        alone = [_exact(A, 0 * b, x[i : i + 1], dt[i, 0]) for i in range(3)]
        np.testing.assert_allclose(free, np.concatenate(alone), rtol=1e-11, atol=1e-12)
    single = method.step(ode.Linear(A, b), 0.0, xp.asarray(x, "float32"), 0.7)
    assert single.dtype == xp.xp.float32
    np.testing.assert_allclose(xp.numpy(single), wanted, rtol=2e-5, atol=2e-5)
    twisted = method.step(ode.Linear(1j * A, b), 0.0, xp.asarray(x, "complex128"), 0.7)
    np.testing.assert_allclose(xp.numpy(twisted), _exact(1j * A, b, x, 0.7), rtol=1e-12, atol=1e-12)
    assert ode.solve(ode.Linear(A), xp.asarray(np.zeros((0, 4))), [0, 1], method=method).x.shape == (2, 0, 4)


def test_sparse_matrices_and_callables():
    n = 400
    L = scipy.sparse.diags_array([np.ones(n - 1), -2 * np.ones(n), np.ones(n - 1)], offsets=[-1, 0, 1]) * 25.0
    x, b = _rng().standard_normal((2, n)), _rng().standard_normal(n)
    for forcing, wanted in (
        (None, x @ scipy.linalg.expm(L.toarray()).T),
        (b, _exact(L.toarray(), b, x, 1.0)),
    ):
        for A, norm in ((L, None), (L.tocsr(), None), (L.toarray(), None), (lambda v: (L @ v.T).T, 100.0)):
            found = ode.expm_multiply(A, x, 1.0, b=forcing, norm=norm)
            np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-12)  # 200 products
        for method in FORMS:
            found = ode.solve(ode.Linear(L, forcing), x, [0.0, 1.0], method=method).x[-1]
            np.testing.assert_allclose(found, wanted, rtol=0, atol=2e-12)
    shifted = L.tocsr() + 1j * scipy.sparse.eye_array(n).tocsr()
    found = ode.expm_multiply(shifted, x.astype(complex), -0.5)
    np.testing.assert_allclose(found, ode.expm_multiply(L, x, -0.5) * np.exp(-0.5j), rtol=1e-9, atol=1e-9)


@given(
    n=st.integers(1, 6),
    scale=st.sampled_from([1e-9, 0.1, 3.0, 40.0]),
    t=st.floats(-1, 1),
    seed=st.integers(0, 999),
)
def test_action_against_scipy(n, scale, t, seed):
    rng = np.random.default_rng(seed)
    A, x = scale * rng.standard_normal((n, n)), rng.standard_normal((2, n))
    found = ode.expm_multiply(A, x, t)
    E = scipy.linalg.expm(t * A)
    condition = np.linalg.norm(t * A) * np.linalg.norm(E)
    bound = 1e-14 * (1 + condition) * np.linalg.norm(x) + 1e-13 * np.linalg.norm(E) * np.linalg.norm(x)
    np.testing.assert_allclose(found, x @ E.T, rtol=0, atol=bound * 10)


def test_the_radii_of_the_taylor_series():
    """theta_m from log(exp(-z) T_m(z)), whose derivative is -(z^m / m!) / T_m(z), in absolute values."""
    for bits, key in ((53, "double"), (24, "single")):
        for m, theta in list(zip(_action._DEGREES, _action._THETA[key]))[::2]:
            with mpmath.workdps(30):
                assert abs(mpmath.log(_backward_error(m, mpmath.mpf(theta)) * 2**bits)) < 1e-6


def _backward_error(m, theta):
    inverse = [mpmath.mpf(1)]
    for k in range(1, 130):
        inverse.append(-sum(inverse[k - j] / mpmath.factorial(j) for j in range(1, min(k, m) + 1)))
    return sum(abs(c) * theta ** (k + m) / (k + m + 1) for k, c in enumerate(inverse)) / mpmath.factorial(m)


def test_the_exponential_is_formed_once_for_equal_steps(monkeypatch):
    from diffmath.ode._exponential import linear as _linear

    calls, counted = [], _linear.matrix_phis
    monkeypatch.setattr(_linear, "matrix_phis", lambda A, n: calls.append(n) or counted(A, n))
    f = ode.Linear(TURN)
    x = ode.solve(f, np.array([[1.0, 0.0]]), [0.0, 1.0, 2.0], method=ode.exact, substeps=50).x
    assert calls == [0]
    np.testing.assert_allclose(x[:, 0, 0], np.cos([0.0, 1.0, 2.0]), rtol=1e-13)


def test_refusals():
    x = np.ones((1, 2))
    with pytest.raises(TypeError, match=r"exact needs f as an ode\.Linear, .* got function"):
        ode.solve(lambda t, x: -x, x, [0, 1], method=ode.exact)
    with pytest.raises(ValueError, match="form must be 'matrix' or 'action'; got 'both'"):
        ode.LinearExact("both")
    for method in FORMS:
        with pytest.raises(
            ValueError, match=r"A must have shape \(n, n\), x \(batch, n\); got \(3, 3\) and \(1, 2\)"
        ):
            method.step(ode.Linear(np.eye(3)), 0.0, x, 1.0)
        with pytest.raises(TypeError, match="A is complex"):
            method.step(ode.Linear(1j * np.eye(2)), 0.0, x, 1.0)
        with pytest.raises(ValueError, match=r"A must be finite; A\[0, 0\] is inf"):
            method.step(ode.Linear(np.diag([np.inf, 1.0])), 0.0, x, 1.0)
    with pytest.raises(ValueError, match=r"b must have shape \(2,\); got \(3,\)"):
        ode.expm_multiply(TURN, x, b=np.ones(3))
    with pytest.raises(ValueError, match=r"b must be finite; b\[1\] is nan"):
        ode.expm_multiply(TURN, x, b=np.array([0.0, math.nan]))
    with pytest.raises(ValueError, match="norm is required if A is a callable"):
        ode.expm_multiply(lambda v: v, x)
    with pytest.raises(ValueError, match="norm must be finite and not negative; got -1"):
        ode.expm_multiply(TURN, x, norm=-1)
    with pytest.raises(TypeError, match=r"A must be a matrix or a callable A\(x\); got str"):
        ode.expm_multiply("A", x)
    with pytest.raises(ValueError, match="t must be finite"):
        ode.expm_multiply(TURN, x, math.inf)
    with pytest.raises(ValueError, match=r"A\(x\) must return shape \(1, 2\); got \(2,\)"):
        ode.expm_multiply(lambda v: v[0], x, norm=1.0)
    with pytest.raises(ValueError, match=r"takes 35 products .* more than max_products=20"):
        ode.expm_multiply(TURN, x, 4.0, max_products=20)
    sparse = scipy.sparse.csr_array(np.diag([np.nan, 1.0]))
    with pytest.raises(ValueError, match="A must be finite"):
        ode.expm_multiply(sparse, x)


def test_facts():
    assert repr(ode.exact) == "LinearExact(matrix)"
    assert ode.exact.order == math.inf
    assert ode.exact.nfe(10) == 0
    assert isinstance(ode.exact, ode.Method)


def test_one_vector_and_forcings_that_are_complex():
    A, x = np.array([[-1.0, 2.0], [0.5, -3.0]]), np.array([1.0, 2.0])
    for matrix in (A, scipy.sparse.csr_array(A)):
        found = ode.expm_multiply(matrix, x, 0.7, b=x)
        np.testing.assert_array_equal(found, ode.expm_multiply(matrix, x[None], 0.7, b=x)[0])
    with pytest.raises(TypeError, match="b is complex"):
        ode.expm_multiply(A, x, b=1j * x)
    for method in (ode.exact, ode.LinearExact("action"), ode.radau5):
        with pytest.raises(TypeError, match="b is complex"):
            ode.solve(ode.Linear(A, 1j * x), x, [0.0, 1.0], method=method)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
def test_coefficients_that_are_not_finite_are_refused_when_built(xp, bad):
    """A solve would say that f is nan, and point to no argument."""
    A, b = np.eye(2), np.array([0.0, bad])
    A[1, 0] = bad
    for send in (lambda v: v, xp.asarray):
        with pytest.raises(ValueError, match=rf"^A must be finite; A\[1, 0\] is {bad}"):
            ode.Linear(send(A))
        with pytest.raises(ValueError, match=rf"^b must be finite; b\[1\] is {bad}"):
            ode.Linear(send(np.eye(2)), send(b))
        for linear, where in ((A, "1, 0"), (b, "1")):
            with pytest.raises(ValueError, match=rf"^linear must be finite; linear\[{where}\] is {bad}"):
                ode.Semilinear(send(linear), lambda t, x: x)
        with pytest.raises(ValueError, match=rf"^jacobian must be finite; jacobian\[1, 0\] is {bad}"):
            ode.WithJacobian(lambda t, x: x, send(A))
    for kind in (scipy.sparse.csr_array, scipy.sparse.dia_array, scipy.sparse.lil_matrix):
        with pytest.raises(ValueError, match=rf"^A must be finite; A\[1, 0\] is {bad}"):
            ode.Linear(kind(A))
        with pytest.raises(ValueError, match=rf"^linear must be finite; linear\[1, 0\] is {bad}"):
            ode.Semilinear(kind(A), lambda t, x: x)


def test_a_structured_right_hand_side_is_checked_when_built_and_not_at_every_step(monkeypatch):
    from diffmath._newton import problems as _models

    looks, look = [], _models.check_matrix
    monkeypatch.setattr(_models, "check_matrix", lambda *a: looks.append(a[0]) or look(*a))
    for substeps in (2, 20):
        looks.clear()
        f = ode.Semilinear(-np.eye(2), lambda t, x: np.cos(x))
        ode.solve(f, np.ones((1, 2)), [0.0, 1.0], method=ode.etdrk4, substeps=substeps)
        assert looks == ["linear"]
