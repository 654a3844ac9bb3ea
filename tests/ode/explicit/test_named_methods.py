"""Methods of `ode` by name: the same objects; SciPy's names are answered with ours."""

import numpy as np
import pytest

from diffmath import ode
from diffmath._core.named import names_of
from diffmath.ode._explicit.named_methods import _has_step, check_method


@pytest.mark.parametrize("name", names_of("diffmath.ode", _has_step))
def test_every_method_has_its_name(name):
    method = getattr(ode, name)
    assert check_method(name) is method
    assert method.name == name


def test_classes_and_functions_have_no_name_here():
    names = names_of("diffmath.ode", _has_step)
    assert {"dopri5", "rk4", "radau5", "kencarp4", "etdrk4", "exact", "leapfrog"} <= set(names)
    assert not {"Method", "ExplicitRungeKutta", "solve", "expm_multiply", "Event"} & set(names)


@pytest.mark.parametrize("run", [ode.solve, lambda *a, **k: list(ode.steps(*a, **k))[-1]])
def test_a_name_solves_as_the_object_does(run):
    x0, times = np.ones((2, 1)), [0.0, 1.0]
    by_name = run(lambda t, x: -x, x0, times, method="tsit5")
    np.testing.assert_array_equal(by_name.x, run(lambda t, x: -x, x0, times, method=ode.tsit5).x)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("RK45", "'RK45': SciPy's RK45 is 'dopri5' here"),
        ("RK23", "'bosh3'"),
        ("DOP853", "'dop853' here"),
        ("Radau", "'radau5' here"),
        ("BDF", "there is no BDF method here: for stiff problems use 'kvaerno5'"),
        ("LSODA", "'dopri5'; for stiff problems"),
        ("lsoda", "'dopri5'; for stiff problems"),
        ("dopri", "did you mean 'dopri5'"),
    ],
)
def test_the_names_of_others_are_answered_with_ours(name, words):
    with pytest.raises(ValueError, match=f"^method must be an object of diffmath.ode or its name.*{words}"):
        ode.solve(lambda t, x: -x, np.ones((1, 1)), [0, 1], method=name)
