"""Methods by their names: the same objects, and a message that helps."""

import pytest

from diffmath import ode, sde
from diffmath._core.named import named, names_of


def _has_order(value):
    return not isinstance(value, type) and hasattr(value, "order")


def test_a_name_is_the_object():
    assert named("dop853", "diffmath.ode", _has_order) is ode.dop853
    assert named(ode.rk4, "diffmath.ode", _has_order) is ode.rk4
    is_method = lambda value: isinstance(value, sde.Method)  # noqa: E731
    assert named("milstein", "diffmath.sde", is_method) is sde.milstein
    assert "milstein" in names_of("diffmath.sde", is_method)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("Dopri5", r"got 'Dopri5': did you mean 'dopri5'"),
        ("rk_4", "did you mean 'rk4'"),
        ("rk45", r"got 'rk45': use that one\. The names are bosh3, dop853, "),
        ("zzz", r"got 'zzz': The names are bosh3"),
        ("solve", "The names are"),
        ("_explicit", "The names are"),
    ],
)
def test_a_name_of_nothing_is_refused_with_the_names(name, words):
    with pytest.raises(ValueError, match=r"method must be an object of diffmath.ode or its name.*" + words):
        named(name, "diffmath.ode", _has_order, foreign={"RK45": "use that one."})
