"""Points in files: .npy, .npz and .csv, read without pickle; errors name the wrong row.

Rows are points. One-dimensional data are a column.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import numpy as np
import numpy.typing as npt

__all__ = ["FORMATS", "check_folder", "check_format", "load_points", "save_points", "write_csv"]

FORMATS = (".npy", ".npz", ".csv")
Points = npt.NDArray[np.float64]


def check_format(path: Path, role: str = "file") -> None:
    """Refuse a file name whose ending is not one of `FORMATS`."""
    if path.suffix.lower() not in FORMATS:
        raise ValueError(f"{role} must end in {', '.join(FORMATS)}; got {path.name!r}")


def check_folder(path: Path | None, role: str) -> None:
    """Refuse an output file in a folder that does not exist, before any work is done."""
    if path is not None and not path.parent.is_dir():
        raise FileNotFoundError(f"{role}: no folder {str(path.parent)!r}; make it first")
    if path is not None and path.is_dir():
        raise IsADirectoryError(f"{role} must name a file; {str(path)!r} is a folder")


def load_points(path: Path, array: str | None = None) -> Points:
    """Read points from a file.

    Parameters
    ----------
    path : Path
        A .npy, .npz or .csv file.
    array : str, optional
        Name of the array in an .npz file that holds several.

    Returns
    -------
    numpy.ndarray, shape (n, dim)
        At least two rows of finite float64 numbers.

    Raises
    ------
    ValueError
        An unknown file type, values that are not numbers or not rows, or rows that are not finite (named by
        index).
    FileNotFoundError
        No such file.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from diffmath.cli._files import load_points
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "points.csv")
    ...     _ = path.write_text("a,b\\n1,2\\n3,4\\n")
    ...     load_points(path)
    array([[1., 2.], [3., 4.]])
    """
    check_format(path, "the file of points")
    if not path.is_file():
        raise FileNotFoundError(f"no file {str(path)!r}")
    if array is not None and path.suffix.lower() != ".npz":
        raise ValueError(f"--array names an array of an .npz file; {path.name!r} is not one")
    values = _read_csv(path) if path.suffix.lower() == ".csv" else _read_numpy(path, array)
    return _as_points(path.name, values)


def _as_points(name: str, values: npt.NDArray[np.generic]) -> Points:
    if values.dtype.kind not in "fiub":
        raise ValueError(f"{name} must hold real numbers; got dtype {values.dtype}")
    if values.ndim == 1:
        values = values[:, None]
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"{name} must hold rows of points, shape (n, dim); got shape {values.shape}")
    points = values.astype(np.float64)
    bad = np.flatnonzero(~np.all(np.isfinite(points), axis=1))
    if bad.size:
        named = ", ".join(map(str, bad[:10])) + (", ..." if len(bad) > 10 else "")
        rows = f"row{'s' * (len(bad) > 1)} {named}"
        raise ValueError(f"{name} must be finite; NaN or infinite in {rows} (counted from 0): remove them")
    if len(points) < 2:
        raise ValueError(f"{name} must hold at least 2 points; got {len(points)}")
    return points


def _read_numpy(path: Path, array: str | None) -> npt.NDArray[np.generic]:
    try:
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return loaded
        with loaded:
            return np.asarray(loaded[_member(path, loaded.files, array)])
    except (ValueError, OSError, EOFError) as error:
        if isinstance(error, _ChoiceError):
            raise
        pickled = "it is not one, or holds objects: objects are not read (they may run code)"
        reason = pickled if "pickle" in str(error) else str(error)
        raise ValueError(f"{path.name} cannot be read as a NumPy file: {reason}") from None


class _ChoiceError(ValueError):
    """It is not clear which array of an .npz file is meant."""


def _member(path: Path, names: Sequence[str], array: str | None) -> str:
    listed = ", ".join(names) or "none"
    if array is not None and array not in names:
        raise _ChoiceError(f"{path.name} has no array {array!r}; it holds: {listed}")
    if array is None and len(names) != 1:
        raise _ChoiceError(f"{path.name} must hold one array; it holds: {listed}: choose by --array NAME")
    return names[0] if array is None else array


def _read_csv(path: Path) -> Points:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            lines = [line for line in csv.reader(file) if line]
    except (UnicodeDecodeError, csv.Error) as error:
        raise ValueError(f"{path.name} cannot be read as CSV text: {error}") from None
    rows = lines[_has_header(lines) :]
    if not rows:
        raise ValueError(f"{path.name} must hold at least 2 points; got none")
    for i, row in enumerate(rows):
        if len(row) != len(rows[0]):
            raise ValueError(f"{path.name}: row {i} has {len(row)} values, row 0 has {len(rows[0])}")
    return np.array([[_number(path.name, i, text) for text in row] for i, row in enumerate(rows)])


def _has_header(lines: Sequence[Sequence[str]]) -> bool:
    """Whether no field of the first line is a number; if one is, the line is a row."""
    return bool(lines) and not any(_is_number(text) for text in lines[0])


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return not text.strip()
    return True


def _number(name: str, row: int, text: str) -> float:
    if not text.strip():
        return float("nan")
    try:
        return float(text)
    except ValueError:
        raise ValueError(f"{name}: row {row} (counted from 0) holds {text!r}, not a number") from None


def save_points(path: Path, points: Points) -> None:
    """Write points to a .npy, .npz (as `samples`) or .csv file, chosen by its ending."""
    check_format(path, "--out")
    kind = path.suffix.lower()
    if kind == ".npy":
        np.save(path, points)
    elif kind == ".npz":
        np.savez_compressed(path, samples=points)
    else:
        with path.open("w", newline="", encoding="ascii") as file:
            write_csv(file, points)


def write_csv(file: TextIO, points: Points) -> None:
    """Write points as lines of numbers that read back exactly."""
    for row in points.tolist():
        file.write(",".join(map(repr, row)) + "\n")
