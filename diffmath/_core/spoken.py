"""Names with parameters, such as ``"ddim(eta=0.5)"``: how an object is named where only text can be given."""

from __future__ import annotations

import ast
from typing import Any

__all__ = ["name_and_parameters"]


def name_and_parameters(text: str) -> tuple[str, dict[str, Any]]:
    """Split ``"name(parameter=value, ...)"`` into the name and its parameters.

    Parameters
    ----------
    text : str
        A name, or a name with keyword arguments whose values are numbers, texts, True, False or None.

    Returns
    -------
    name : str
    parameters : dict

    Raises
    ------
    ValueError
        Text of another form.

    Examples
    --------
    >>> from diffmath._core.spoken import name_and_parameters
    >>> name_and_parameters("ddim(eta=0.5)")
    ('ddim', {'eta': 0.5})
    >>> name_and_parameters("heun")
    ('heun', {})
    """
    if "(" not in text:
        return text, {}
    problem = f"write a name with parameters as in 'ddim(eta=0.5)'; got {text!r}"
    try:
        call = ast.parse(text, mode="eval").body
    except SyntaxError:
        raise ValueError(problem) from None
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError(problem)
    try:
        values = {str(keyword.arg): ast.literal_eval(keyword.value) for keyword in call.keywords}
    except (ValueError, TypeError):
        raise ValueError(problem) from None
    if any(keyword.arg is None for keyword in call.keywords):
        raise ValueError(problem)
    return call.func.id, values
