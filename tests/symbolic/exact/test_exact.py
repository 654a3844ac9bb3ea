"""Exact numbers, real derivatives, and the package's laziness."""

from __future__ import annotations

import math
import subprocess
import sys

import pytest
import sympy

from diffmath import symbolic
from diffmath.symbolic._exact.exact import differentiate, exact, is_zero

x, y = sympy.symbols("x y")


def test_floats_are_read_as_decimals() -> None:
    assert exact(0.1, "a") == sympy.Rational(1, 10)
    assert exact(1e-300, "a") == sympy.Rational(1, 10**300)
    assert exact(0.25 * x + sympy.Float("0.3", 30), "a") == x / 4 + sympy.Rational(3, 10)


def test_floats_inside_formulas_keep_all_their_digits() -> None:
    """str(Float) drops two digits: pi would be off by 3e-15."""
    assert exact(math.pi * x, "a").coeff(x) == sympy.Rational("3.141592653589793")
    assert exact(0.7 * x, "a") == sympy.Rational(7, 10) * x
    assert exact(sympy.Float("1e400") * x, "a") == 10**400 * x
    assert exact(sympy.Float("0.1234567890123456789", 25) * x, "a").coeff(x) == sympy.Rational(
        "0.1234567890123456789"
    )


@pytest.mark.parametrize("value", ["x", None, True, [x], sympy.true, sympy.Matrix([x])])
def test_what_is_no_number_is_refused(value: object) -> None:
    with pytest.raises(TypeError, match="a must be a SymPy expression or a real number"):
        exact(value, "a")


def test_derivatives_are_those_of_real_variables() -> None:
    slope = differentiate(sympy.Abs(x) * y, x, (x, y))
    assert slope == y * sympy.sign(x)
    assert slope.free_symbols == {x, y}


def test_zero_is_proven_not_guessed() -> None:
    assert is_zero((x + 1) ** 2 - x**2 - 2 * x - 1)
    assert is_zero(sympy.sin(2 * x) - 2 * sympy.sin(x) * sympy.cos(x))
    assert not is_zero(x * sympy.Rational(1, 10**30))


def test_importing_the_package_does_not_import_sympy() -> None:
    code = "import sys, diffmath.symbolic; sys.exit('sympy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_every_public_name_loads() -> None:
    assert dir(symbolic) == sorted(symbolic.__all__)
    for name in symbolic.__all__:
        assert getattr(symbolic, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        symbolic.nothing  # noqa: B018
