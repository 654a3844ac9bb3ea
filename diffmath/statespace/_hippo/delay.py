"""A pure delay as a state-space model: the window of LegT with one age as its output."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath._arrays.devices import on_its_device
from diffmath._arrays.namespace import asarray_like
from diffmath._core.typing import Array
from diffmath.statespace._measures import legt
from diffmath.statespace._structure import check_parameter
from diffmath.statespace._system import StateSpace

__all__ = ["delay"]


@on_its_device
def delay(
    order: int, theta: float = 1.0, *, r: float = 1.0, like: Array | None = None, dtype: Any = None
) -> StateSpace:
    r"""Return a delay line: the LegT memory of a window `theta`, with the output at the age r theta.

    .. math:: y(t) = \sum_n \sqrt{2n+1}\,P_n(1-2r)\,c_n(t) \approx u(t - r\theta), \qquad
        r = 1: \quad \hat y(s) = [N-1/N]_{e^{-\theta s}}\, \hat u(s)

    Parameters
    ----------
    order : int
        Number of states N, at least 1.
    theta : float
        Length of the window, positive; the delay for ``r = 1``.
    r : float
        Age of the output, as a fraction of the window, in [0, 1].
    like : array, optional
        Array that gives the library, the device and the precision; NumPy float64 by default.
    dtype : dtype, optional
        float32 or float64 of that library.

    Returns
    -------
    StateSpace
        Continuous, `legt` with an output.

    Raises
    ------
    TypeError
        `order` is not an integer, `theta` or `r` not a number, or `dtype` not a real floating type.
    ValueError
        `order` is below 1, `theta` not positive, or `r` not in [0, 1].

    Notes
    -----
    With ``r = 1`` the transfer function is exactly the Pade approximant of :math:`e^{-\theta s}` with a
    numerator of degree N - 1 and a denominator of degree N [1]_. Its error at low frequencies is
    :math:`\frac{N!\,(N-1)!}{(2N)!\,(2N-1)!} (\omega\theta)^{2N}`. Choose ``N > omega * theta / 1.5``. At this
    limit the error is 0.28, 0.013 and 4e-8 for 4, 16 and 64 states; at ``omega * theta = N`` it is 0.026,
    5e-7 and rounding. Ages inside the window are less accurate. For 16 states and ``omega * theta = N`` the
    error is 1e-4 at ``r = 1/2`` and 1e-3 at the present, ``r = 0``.

    High orders are safe. The matrix is dissipative, :math:`A + A^\mathsf{T} \le 0`, so `bilinear` and `zoh`
    keep the state bounded at every order and step; 256 states match the approximant to 5e-14. The companion
    form of the same transfer function, which other packages use, fails from about 10 states on.

    Sampling changes the delay by half a sample:

    - ``policy="s4"`` of `zoh` and `bilinear` holds a sample over the step that *ends* with it. The delay is
      half a step shorter: m samples need ``theta = (m + 0.5) * dt``.
    - `zoh` with ``policy="scipy"`` holds it over the step that begins there. The delay is half a step longer
      (as in nengolib): m samples need ``theta = (m - 0.5) * dt``.
    - `bilinear` with ``policy="scipy"``, Tustin's rule, is symmetric and needs ``theta = m * dt``.

    References
    ----------
    .. [1] Voelker & Eliasmith (2018), Improving Spiking Dynamical Networks: Accurate Delays, Higher-Order
       Synapses, and Time Cells, eq. 3.6 and 3.12.

    Examples
    --------
    >>> import numpy as np
    >>> from diffmath import statespace as ss
    >>> dt = 1e-3
    >>> line = ss.zoh(ss.delay(16, theta=100.5 * dt), dt)
    >>> u = np.sin(20 * dt * np.arange(1000))
    >>> bool(np.abs(ss.simulate(line, u)[200:] - u[100:-100]).max() < 1e-3)
    True
    """
    r = check_parameter("r", r)
    if not 0.0 <= r <= 1.0:
        raise ValueError(f"r must be in [0, 1], a fraction of the window; got {r:g}")
    system = legt(order, theta, like=like, dtype=dtype)
    n = np.arange(system.order)
    basis = np.polynomial.legendre.legvander(np.array([1.0 - 2.0 * r]), system.order - 1)[0]
    return system.with_output(asarray_like(np.sqrt(2.0 * n + 1.0) * basis, system.A))
