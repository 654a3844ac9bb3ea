"""The discrete system that the tests of kernel, convolution and recurrence share."""

from __future__ import annotations

import pytest

from diffmath import statespace as ss


@pytest.fixture(scope="session")
def discrete():
    """Return a maker of bilinear LegS systems with random outputs: (order, dt, rng, D=0.0, outputs=None)."""

    def make(order, dt, rng, D=0.0, outputs=None):
        C = rng.standard_normal(order if outputs is None else (outputs, order))
        return ss.bilinear(ss.legs(order).with_output(C, D), dt)

    return make
