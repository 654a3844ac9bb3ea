"""The frequency response of a system."""

from __future__ import annotations

import array_api_compat as compat
import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import array_namespace, check_array
from diffmath._arrays.tracing import all_true
from diffmath._core.typing import Array
from diffmath.statespace._structure import Dense, Structure, as_complex, ignore_overflow, widest_dtypes
from diffmath.statespace._system.statespace import StateSpace

__all__ = ["frequency_response"]


@on_its_device
def frequency_response(system: StateSpace, omega: Array) -> Array:
    r"""Return the response to :math:`e^{i\omega t}`: the transfer function on the imaginary axis.

    .. math:: H(\omega) = C (i\omega I - A)^{-1} B + D
        \qquad\text{or}\qquad H(\omega) = C (I - w A)^{-1} B + D, \quad w = e^{-i\omega\,dt}

    Parameters
    ----------
    system : StateSpace
        System with n states and an output, continuous (left) or discrete (right).
    omega : array, shape (m,)
        Angular frequencies in radians per unit of time, for continuous and discrete systems, of the library
        and device of the system.

    Returns
    -------
    array, shape (m,) or (p, m)
        Complex, in the precision of the system; one row per output if C is (p, n).

    Raises
    ------
    TypeError
        Not a StateSpace, or frequencies that are not an array, complex, or of another library or device.
    ValueError
        A system without output, frequencies of the wrong shape or not finite, or a frequency that is a pole.

    Notes
    -----
    The discrete response is the Fourier series of `kernel`, :math:`\sum_j K_j w^j`. A system with a
    structure, and its generalised bilinear steps, cost O(n m), by the resolvent of the structure. A dense
    system, and the exponential steps `zoh`, `foh` and `impulse`, cost one dense solve per frequency, O(n^3
    m). The response is evaluated in float64, or in float32 in JAX without x64.

    References
    ----------
    .. [1] Franklin, Powell & Emami-Naeini (2014), Feedback Control of Dynamic Systems, section 6.1.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> low_pass = ss.StateSpace(-np.eye(1), np.ones(1), C=np.ones(1))
    >>> ss.frequency_response(low_pass, np.array([0.0, 1.0]))
    array([1. +0.j , 0.5-0.5j])
    """
    if not isinstance(system, StateSpace):
        raise TypeError(f"frequency_response takes a StateSpace; got {type(system).__name__}")
    if system.C is None:
        raise ValueError(
            "frequency_response needs an output; this system has no C: use system.with_output(C)"
        )
    xp = array_namespace(system.A, omega, names=["system.A", "omega"])
    real, kind = widest_dtypes(omega)
    omega = xp.astype(check_array("omega", omega, ndim=1), real, copy=False)
    C = xp.astype(xp.reshape(system.C, (-1, system.order)), real, copy=False)
    if not omega.shape[0]:
        response = as_complex(xp.zeros((C.shape[0], 0), dtype=C.dtype, device=compat.device(C)), C[:, :0])
    else:
        # A structure divides by zero at a pole.
        with ignore_overflow(), np.errstate(divide="ignore"):
            response = _response(system, C, omega)
    response = response + xp.reshape(xp.astype(system.D, kind), (-1, 1))
    finite = xp.all(xp.isfinite(response), axis=0)
    if not all_true(finite):
        pole = float(omega[int(xp.argmin(xp.astype(finite, xp.int8)))])
        raise ValueError(f"omega={pole:g} is a pole of the system: its response is infinite")
    if system.A.dtype == xp.float32:
        response = xp.astype(response, xp.complex64)
    return response if system.C.ndim == 2 else response[0, :]


def _response(system: StateSpace, C: Array, omega: Array) -> Array:
    """Return the response without D, shape (outputs, m)."""
    xp = array_namespace(omega)
    zero, B = 0.0 * omega, xp.astype(system.B, C.dtype, copy=False)
    if system.dt is None:
        return _solve(system.structure, C, B, as_complex(zero, omega), as_complex(zero + 1.0, zero))
    w = as_complex(xp.cos(system.dt * omega), -xp.sin(system.dt * omega))
    if system.origin is not None and not isinstance(system.origin.system.structure, Dense):
        source, alpha = system.origin.system, system.origin.alpha
        B = xp.astype(source.B, C.dtype, copy=False)
        return system.dt * _solve(source.structure, C, B, 1.0 - w, system.dt * (alpha + (1.0 - alpha) * w))
    return _solve(system.structure, C, B, as_complex(zero + 1.0, zero), w)


def _solve(structure: Structure, C: Array, B: Array, p: Array, g: Array) -> Array:
    xp = array_namespace(p)
    size = xp.maximum(xp.abs(p), xp.abs(g))  # prevents overflow of the square of a large frequency
    size = xp.where(size > 0.0, size, xp.ones_like(size))
    factor = xp.astype(1.0 / size, p.dtype)
    try:
        response = factor * structure.resolvent(C, B, factor * p, factor * g)
    except (np.linalg.LinAlgError, RuntimeError) as error:  # for a singular matrix
        raise ValueError("a frequency of omega is a pole of the system: its response is infinite") from error
    return response
