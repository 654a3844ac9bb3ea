"""Sparse matrices of SciPy as patterns, Jacobians and linear parts."""

import numpy as np
import pytest
import scipy.sparse

from diffmath import ode
from diffmath._newton.jacobian import jacobian

N = 12
DENSE = 4.0 * (np.eye(N, k=1) - 2 * np.eye(N) + np.eye(N, k=-1))
FORMATS = ["csr", "csc", "coo", "lil", "dok", "dia"]
X0 = np.sin(np.arange(2.0 * N)).reshape(2, N)


def heat(t, x):
    return x @ DENSE.T


def solve(f, method, x0=X0, **options):
    found = ode.solve(f, x0, [0.0, 0.5], method=method, **options)
    return found.x[-1], found.stats["calls"]


@pytest.mark.parametrize("form", [scipy.sparse.csr_array, scipy.sparse.csc_matrix, *FORMATS], ids=str)
def test_sparse_matrices_of_every_format(form):
    matrix = form(DENSE) if callable(form) else scipy.sparse.coo_array(DENSE).asformat(form)
    np.testing.assert_array_equal(ode.WithJacobian(heat, sparsity=matrix).sparsity, DENSE != 0)
    np.testing.assert_allclose(ode.Linear(matrix)(0.0, X0), heat(0.0, X0), rtol=1e-14, atol=1e-14)
    given = jacobian(ode.Linear(matrix), 0.0, X0, 0.1)
    np.testing.assert_array_equal(given, np.broadcast_to(DENSE, (2, N, N)))
    exact, _ = solve(ode.Linear(DENSE), "exact")
    for method in ("exact", ode.LinearExact("action")):
        np.testing.assert_allclose(solve(ode.Linear(matrix), method)[0], exact, rtol=1e-12)
    semilinear = ode.Semilinear(matrix, lambda t, x: 0 * x)
    np.testing.assert_allclose(solve(semilinear, "etdrk4", substeps=1)[0], exact, rtol=1e-10)


@pytest.mark.parametrize("method", ["kvaerno3", "rosenbrock23", "radau5"])
def test_implicit_methods_solve_a_sparse_linear_system(method):
    found = [solve(ode.Linear(A), method, rtol=1e-3) for A in (DENSE, scipy.sparse.csr_array(DENSE))]
    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-12)
    pattern = [solve(ode.WithJacobian(heat, sparsity=P), method, rtol=1e-3)
               for P in (DENSE != 0, scipy.sparse.csr_array(DENSE))]  # fmt: skip
    np.testing.assert_array_equal(pattern[1][0], pattern[0][0])
    assert pattern[1][1] == pattern[0][1] < solve(heat, method, rtol=1e-3)[1]


@pytest.mark.parametrize("method", ["sdirk2", "rosenbrock23"])
@pytest.mark.parametrize("x0", [X0, X0[0]], ids=["batch", "one"])
def test_a_constant_or_sparse_jacobian(method, x0):
    sparse = scipy.sparse.csr_array(DENSE)
    f = heat if x0.ndim == 2 else lambda t, x: DENSE @ x
    wanted, calls = solve(ode.WithJacobian(f), method, x0, rtol=1e-3)
    for given in (sparse, DENSE, lambda t, x: sparse):
        found, fewer = solve(ode.WithJacobian(f, given), method, x0, rtol=1e-3)
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5)
        assert fewer < calls
    with pytest.raises(ValueError, match=r"jacobian\(t, x\) does not fit f"):
        solve(ode.WithJacobian(f, 1000 * sparse), method, x0)


def test_refusals(xp):
    sparse = scipy.sparse.csr_array(DENSE)
    with pytest.raises(TypeError, match="A is complex"):
        ode.Linear(1j * sparse)(0.0, X0)
    with pytest.raises(TypeError, match="A is complex"):
        solve(ode.Linear(1j * sparse), "radau5")
    with pytest.raises(ValueError, match=r"jacobian must have shape \(3, 3\); got \(12, 12\)"):
        solve(ode.WithJacobian(lambda t, x: -x, sparse), "kvaerno3", np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"jacobian must have shape \(n, n\); got \(2, 3\)"):
        ode.WithJacobian(heat, np.ones((2, 3)))
    with pytest.raises(ValueError, match=r"A must have shape \(n, n\); got \(12, 11\)"):
        ode.Linear(sparse[:, 1:])
    with pytest.raises(ValueError, match=r"sparsity must be square, shape \(n, n\); got \(12, 11\)"):
        ode.WithJacobian(heat, sparsity=sparse[:, 1:])
    with pytest.raises(TypeError, match="sparsity must hold numbers or truth values; got dtype object"):
        ode.WithJacobian(heat, sparsity=[[1, None], [0, 1]])
    with pytest.raises(TypeError, match="jacobian must be a callable or a matrix; got the string '2-point'"):
        ode.WithJacobian(heat, "2-point")
    with pytest.raises(
        ValueError, match=r"A must have the size of the last axis of the state, 3; .* \(12, 12\)"
    ):
        ode.solve(ode.Linear(sparse), [1.0, 2.0, 3.0], [0.0, 1.0])
    state = xp.asarray(X0)
    if isinstance(state, np.ndarray):
        np.testing.assert_allclose(ode.Linear(sparse)(0.0, state), heat(0.0, X0))
    else:
        with pytest.raises(TypeError, match=r"A is sparse, and multiplies NumPy states only: .*toarray\(\)"):
            ode.Linear(sparse)(0.0, state)
