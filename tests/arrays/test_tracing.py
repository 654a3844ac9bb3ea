"""Values that JAX traces are recognised, and nothing else is."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from diffmath._arrays import namespace as _arrays
from diffmath._arrays.tracing import all_true, is_traced, is_tracing, refuse_traced

interop = pytest.mark.skipif(not os.environ.get("DIFFMATH_INTEROP"), reason="only with DIFFMATH_INTEROP=1")


def test_nothing_is_traced_without_jax(xp):
    x = xp.asarray(np.ones(3))
    assert not is_traced(x, 1.0, None, [x])
    assert not is_tracing(x)
    assert all_true(x == 1.0)
    assert not all_true(x == 2.0)
    refuse_traced("x", "of no reason", "do nothing", x)


def test_the_question_imports_no_framework():
    code = (
        "import sys, numpy as np; from diffmath._arrays.tracing import is_tracing; is_tracing(np.ones(2)); "
        "sys.exit('jax' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@interop
def test_jax_values_under_a_trace_are_recognised():
    jax = pytest.importorskip("jax")
    concrete, seen = jax.numpy.ones(2), []

    def look(x):
        seen.append((is_traced(x), is_traced(concrete), is_tracing(concrete)))
        return jax.numpy.sum(x)

    jax.jit(look)(concrete)
    jax.grad(look)(concrete)
    jax.vmap(look)(concrete[None])
    # Constants are traced inside `jit` alone.
    assert seen == [(True, False, True), (True, False, False), (True, False, False)]
    assert not is_traced(concrete)
    assert not is_tracing(concrete)


@interop
def test_jax_checks_of_values_are_skipped_and_those_of_shapes_are_not():
    jax = pytest.importorskip("jax")
    assert jax.jit(lambda x: _arrays.check_array("x", x))(jax.numpy.full(2, np.nan)).shape == (2,)
    with pytest.raises(ValueError, match="x must have 2 dimensions"):
        jax.jit(lambda x: _arrays.check_array("x", x, ndim=2))(jax.numpy.ones(2))
    with pytest.raises(TypeError, match=r"JAX traces an array of shape \(2,\).*outside the transformation"):
        jax.jit(_arrays.to_numpy)(jax.numpy.ones(2))
    with pytest.raises(TypeError, match=r"x is traced by JAX .*, but it is read: wait"):
        jax.jit(lambda x: refuse_traced("x", "it is read", "wait", x))(jax.numpy.ones(2))


@interop
def test_jax_arrays_that_are_traced_live_beside_any_other():
    """What JAX traces has no device; one that it does not trace lives on cpu:0."""
    jax = pytest.importorskip("jax")
    concrete = jax.numpy.ones(2)
    _arrays.array_namespace(concrete)
    jax.grad(lambda x: jax.numpy.sum(x + 0.0 * _arrays.array_namespace(x, concrete).sum(x)))(concrete)
