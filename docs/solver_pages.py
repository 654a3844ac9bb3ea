"""A page for every method of `ode`, `sde` and `diffusion`: use, orders, cost, source.

The notes come from solver_notes.toml, all figures from the method itself.
"""

import tomllib
from pathlib import Path

import diffmath as dm

NOTES = tomllib.loads((Path(__file__).parent / "solver_notes.toml").read_text(encoding="utf-8"))


def methods(package):
    """The methods of a package by name: what has an order and is not a class."""
    values = {name: getattr(getattr(dm, package), name) for name in getattr(dm, package).__all__}
    return {
        name: value for name, value in values.items()
        if not isinstance(value, type) and (hasattr(value, "order") or hasattr(value, "orders"))
    }  # fmt: skip


def facts(method):
    """Rows (what, value) of a method of either package."""
    rows = []
    if hasattr(method, "orders"):
        for noise, order in method.orders.items():
            strong = "none" if order.strong is None else f"{order.strong:g}"
            rows.append((f"Order, {noise} noise", f"strong {strong}, weak {order.weak:g}"))
        rows.append(("Calculus", " or ".join(method.calculi)))
        rows.append(("Evaluations of the drift", f"{method.evaluations} a step"))
        rows.append(("Error estimate", "yes" if method.has_estimate else "no"))
    else:
        rows.append(("Order", f"{method.order:g}"))
        if hasattr(method, "needs_key"):
            rows += [
                ("Weak order", f"{method.weak_order:g}"),
                ("Evaluations of the model", f"{method.evaluations} a step"),
            ]
        for name, label in (("stiff_order", "Stiff order"), ("embedded_order", "Order of the estimate"),
                            ("dense_order", "Order of the dense output")):  # fmt: skip
            value = getattr(method, name, None)
            if value:
                rows.append((label, f"{value:g}"))
    return [*rows, ("Source", method.reference)]


def _links(package, text):
    """Turn names in code quotes into references; methods of the own package need no prefix."""
    parts = text.split("`")
    for i in range(1, len(parts), 2):
        own = hasattr(getattr(dm, package), parts[i])
        full = f"diffmath.{package}.{parts[i]}" if own else f"diffmath.{parts[i]}"
        role = ":py:mod:" if parts[i] in ("symbolic",) else ":py:obj:"
        parts[i] = f"{role}`{parts[i]} <{full}>`"
    return "".join(parts)


def page(package, name, method):
    """The reStructuredText of one page."""
    title, note = f"diffmath.{package}.{name}", NOTES[package][name]
    lines = [title, "=" * len(title), "", f".. py:currentmodule:: diffmath.{package}", "",
             f".. py:data:: {name}", "", f"   ``{method!r}``", "",
             f"**When to use it.** {_links(package, note['use'])}", "",
             f"**When not.** {_links(package, note['not'])}", "",
             ".. list-table::", ""]  # fmt: skip
    for what, value in facts(method):
        lines += [f"   * - {what}", f"     - {value}"]
    kind = type(method)
    public = kind.__name__ in getattr(dm, package).__all__
    lines += ["", f"An object of :py:class:`~diffmath.{package}.{kind.__name__}`." if public else ""]
    return "\n".join(lines) + "\n"


def write_pages(package, folder):
    """Write all pages of a package; return the lines of a list of them."""
    found = methods(package)
    if not found:
        return []
    lines = [".. rubric:: Methods", "", ".. toctree::", "   :hidden:", ""]
    lines += [f"   diffmath.{package}.{name}" for name in found]
    lines += ["", ".. list-table::", ""]
    for name, method in found.items():
        (folder / f"diffmath.{package}.{name}.rst").write_text(page(package, name, method), encoding="utf-8")
        lines += [
            f"   * - :py:obj:`{name} <diffmath.{package}.{name}>`",
            f"     - {_links(package, NOTES[package][name]['use'])}",
        ]
    return [*lines, ""]
