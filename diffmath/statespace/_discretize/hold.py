"""Exact discretization for an input of known shape between samples."""

from __future__ import annotations

from dataclasses import replace

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.expm import integrals
from diffmath._arrays.namespace import array_namespace, asarray_like
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array
from diffmath.statespace._discretize.discretize import Policy, check_policy
from diffmath.statespace._discretize.last_input import lagged, with_last_input
from diffmath.statespace._structure import DENSE, ignore_overflow
from diffmath.statespace._system import StateSpace, check_step, require_continuous

__all__ = ["foh", "impulse", "zoh"]


@on_its_device
def zoh(system: StateSpace, dt: float, *, policy: Policy = "s4") -> StateSpace:
    r"""Discretise exactly for an input that is constant over each step (zero-order hold).

    .. math:: \bar A = e^{A\,dt}, \qquad \bar B = dt\,\varphi_1(A\,dt)\,B
        = \int_0^{dt} e^{A s} B\,ds

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,).
    dt : float
        Step, positive.
    policy : {"s4", "scipy"}
        The step over which sample k of the input is held. ``s4``: the step that ends at sample k, so the
        state depends on it at once. ``scipy``: the step that begins there, as in
        ``scipy.signal.cont2discrete``; the last input is an additional, last state. Both keep C and D.

    Returns
    -------
    StateSpace
        Discrete system with n states, or n + 1 for the policy ``scipy``.

    Raises
    ------
    TypeError
        `system` is not a StateSpace, or `dt` not a number.
    ValueError
        The system is already discrete, `dt` is not positive and finite, the exponential overflows, or the
        policy is unknown.

    Notes
    -----
    The cost is one exponential of an (n + 1, n + 1) matrix, O(n^3). A may be singular.

    References
    ----------
    .. [1] Van Loan (1978), Computing Integrals Involving the Matrix Exponential, theorem 1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> integrator = ss.StateSpace(np.zeros((1, 1)), np.ones(1), C=np.ones(1))
    >>> ss.zoh(integrator, 0.5).B
    array([0.5])
    """
    require_continuous(system, "zoh")
    dt = check_step(dt)
    check_policy(policy)
    A, B = _integrals(system, dt, 1)
    if policy == "scipy":
        return lagged(system, A, B, system.C, system.D, dt)
    return replace(system, A=A, B=B, dt=dt, structure=DENSE, measure=None)


@on_its_device
def foh(system: StateSpace, dt: float) -> StateSpace:
    r"""Discretise exactly for an input that is linear between samples (first-order hold).

    .. math:: x_k = e^{A\,dt} x_{k-1} + dt\,(\varphi_1 - \varphi_2)(A\,dt) B\, u_{k-1}
        + dt\,\varphi_2(A\,dt) B\, u_k

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,).
    dt : float
        Step, positive.

    Returns
    -------
    StateSpace
        Discrete system with n + 1 states; the last state is the last input. C and D are kept.

    Raises
    ------
    TypeError
        `system` is not a StateSpace, or `dt` not a number.
    ValueError
        The system is already discrete, `dt` is not positive and finite, or the exponential overflows.

    Notes
    -----
    The ramp between two samples needs both of them, so there is no policy to choose. The first n states are
    those of the continuous system at the samples. The transfer function is that of
    ``scipy.signal.cont2discrete(method="foh")``, which shifts its state instead. The cost is O(n^3).

    References
    ----------
    .. [1] Franklin, Powell & Workman (1998), Digital Control of Dynamic Systems, section 6.3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> integrator = ss.StateSpace(np.zeros((1, 1)), np.ones(1), C=np.ones(1))
    >>> ss.simulate(ss.foh(integrator, 1.0), np.array([0.0, 1.0, 2.0, 3.0]))
    array([0. , 0.5, 2. , 4.5])
    """
    require_continuous(system, "foh")
    dt = check_step(dt)
    A, constant, ramp = _integrals(system, dt, 2)
    return with_last_input(system, A, (constant - ramp, ramp), system.C, system.D, dt)


@on_its_device
def impulse(system: StateSpace, dt: float) -> StateSpace:
    r"""Discretise so that the kernel samples the continuous impulse response.

    .. math:: \bar A = e^{A\,dt}, \quad \bar B = dt\,B \qquad\Rightarrow\qquad K_j = dt\, C e^{A j\,dt} B

    Parameters
    ----------
    system : StateSpace
        Continuous system, A (n, n) and B (n,), without a direct term.
    dt : float
        Step, positive.

    Returns
    -------
    StateSpace
        Discrete system with n states. C is kept.

    Raises
    ------
    TypeError
        `system` is not a StateSpace, or `dt` not a number.
    ValueError
        The system is already discrete or has a D, `dt` is not positive and finite, or the exponential
        overflows.

    Notes
    -----
    The transfer function is that of ``scipy.signal.cont2discrete(method="impulse")``, which moves lag 0 into
    D. A direct term has no samples and is refused, as in SciPy. The cost is O(n^3).

    References
    ----------
    .. [1] Oppenheim & Schafer (2010), Discrete-Time Signal Processing, section 7.2.1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> decay = ss.StateSpace(-np.eye(1), np.ones(1), C=np.ones(1))
    >>> ss.kernel(ss.impulse(decay, 0.5), 3).round(4)  # 0.5 exp(-0.5 j)
    array([0.5   , 0.3033, 0.1839])
    """
    require_continuous(system, "impulse")
    dt = check_step(dt)
    if system.C is not None and not all_true(system.D == 0.0):
        raise ValueError(
            "impulse needs D = 0: a direct term has no impulse response to sample; add D afterwards, "
            "impulse(system.with_output(C), dt).with_output(C, D)"
        )
    A, _ = _integrals(system, dt, 1)
    with ignore_overflow():
        return replace(system, A=A, B=dt * system.B, dt=dt, structure=DENSE, measure=None)


def _integrals(system: StateSpace, dt: float, ramps: int) -> tuple[Array, ...]:
    """Return exp(A dt) and dt phi_j(A dt) B for j = 1, ..., ramps, or refuse an overflow."""
    xp = array_namespace(system.A)
    with ignore_overflow():
        parts = integrals(system.A, system.B, asarray_like(dt, system.A), ramps)
        if not all(all_true(xp.isfinite(part)) for part in parts):
            raise ValueError(f"the exponential of dt={dt:g} times A overflows: choose a smaller dt")
    return parts
