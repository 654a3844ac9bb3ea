"""Hypothesis strategies that draw problems with known solutions: structure and seeds, never data.

A failing example shrinks to the smallest structure that still fails (one dimension, no forcing, seed 0) and
prints as a call that rebuilds it.
"""

from __future__ import annotations

from typing import get_args

try:
    from hypothesis import strategies as st
    from hypothesis.errors import InvalidArgument
except ImportError as error:
    raise ImportError(
        'diffmath.testing.strategies needs Hypothesis; install it with: pip install "diffmath[testing]"'
    ) from error

from diffmath.testing._problems import ODEProblem, Spectrum, linear_ode

__all__ = ["linear_odes"]


def linear_odes(
    *, max_dim: int = 4, max_batch: int = 3, forced: bool | None = None
) -> st.SearchStrategy[ODEProblem]:
    r"""Return a strategy for linear problems with exact solutions.

    .. math:: \frac{dx}{dt} = A x + b \cos(\omega t)

    Parameters
    ----------
    max_dim : int
        Largest size of the state.
    max_batch : int
        Largest number of initial states.
    forced : bool, optional
        Whether b is nonzero; both cases are drawn by default. Without forcing, a method that does not advance
        t is not detected.

    Returns
    -------
    SearchStrategy
        Draws `diffmath.testing.ODEProblem`; see `diffmath.testing.linear_ode`.

    Raises
    ------
    InvalidArgument
        `max_dim` or `max_batch` is not a positive integer, or `forced` not a bool.

    Examples
    --------
    >>> from hypothesis import given
    >>> from diffmath import ode
    >>> from diffmath.testing import assert_order, strategies as dst
    >>> @given(problem=dst.linear_odes(max_dim=2))
    ... def test_heun_is_second_order(problem):
    ...     assert_order(ode.heun.step, problem, order=2)
    >>> test_heun_is_second_order()
    """
    for name, value in (("max_dim", max_dim), ("max_batch", max_batch)):
        if isinstance(value, bool) or not isinstance(value, int) or value < 1:
            raise InvalidArgument(f"{name} must be an integer, at least 1; got {value!r}")
    if forced not in (None, True, False):
        raise InvalidArgument(f"forced must be True, False or None; got {forced!r}")
    waves = st.sampled_from([1.0, 0.0, 2.0, 3.0] if forced is None else [1.0, 2.0, 3.0])
    frequencies = st.none() if forced is False else waves if forced else st.none() | waves
    return st.builds(
        linear_ode,
        dim=st.integers(1, max_dim),
        seed=st.integers(0, 2**32 - 1),
        spectrum=st.sampled_from(get_args(Spectrum)),
        frequency=frequencies,
        batch=st.integers(1, max_batch),
        t0=st.sampled_from([0.0, 1.0, -0.5]),
        duration=st.sampled_from([1.0, 2.0]),
    )
