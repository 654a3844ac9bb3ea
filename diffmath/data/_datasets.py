"""The two data sets as arrays, read from the package's own files; nothing is downloaded.

Source, licence and changes of each file are in LICENSES.md in this folder.
"""

from __future__ import annotations

import io
from importlib import resources
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = ["CO2Record", "Digits", "digits", "mauna_loa_co2"]


class Digits(NamedTuple):
    """Handwritten digits, returned by `digits`.

    Parameters
    ----------
    images : numpy.ndarray, shape (1797, 64)
        One image per row, pixels row by row, whole numbers from 0 (paper) to 16 (ink).
    labels : numpy.ndarray, shape (1797,)
        The digits shown.

    Examples
    --------
    >>> from diffmath import data
    >>> data.digits().labels[:3]
    array([0, 1, 2])
    """

    images: npt.NDArray[np.float64]
    labels: npt.NDArray[np.int64]


class CO2Record(NamedTuple):
    """A weekly record of carbon dioxide, returned by `mauna_loa_co2`.

    Parameters
    ----------
    year : numpy.ndarray, shape (2284,)
        Decimal years.
    ppm : numpy.ndarray, shape (2284,)
        Parts per million by volume.
    measured : numpy.ndarray, shape (2284,)
        False where `ppm` is interpolated.

    Examples
    --------
    >>> from diffmath import data
    >>> int(data.mauna_loa_co2().measured.sum())
    2225
    """

    year: npt.NDArray[np.float64]
    ppm: npt.NDArray[np.float64]
    measured: npt.NDArray[np.bool_]


def digits() -> Digits:
    """Load 1797 handwritten digits of 8 x 8 pixels.

    Returns
    -------
    Digits
        `images`, shape (1797, 64): one image per row, pixels row by row from the top left, whole numbers from
        0 (paper) to 16 (ink), as float64. `labels`, shape (1797,): the digits shown, 0 to 9.

    Notes
    -----
    CC BY 4.0. The test set of the source, written by 13 people. Every call returns new arrays.

    References
    ----------
    .. [1] Alpaydin & Kaynak (1998), Optical Recognition of Handwritten Digits, UCI Machine Learning
       Repository, doi:10.24432/C50P49.

    Examples
    --------
    >>> from diffmath import data
    >>> images, labels = data.digits()
    >>> images.shape, images.min(), images.max(), labels[:5]
    ((1797, 64), np.float64(0.0), np.float64(16.0), array([0, 1, 2, 3, 4]))
    """
    with np.load(io.BytesIO(_read("digits.npz")), allow_pickle=False) as stored:
        return Digits(stored["images"].astype(np.float64), stored["labels"].astype(np.int64))


def mauna_loa_co2() -> CO2Record:
    """Load the weekly carbon dioxide record of Mauna Loa, Hawaii, March 1958 to December 2001.

    Returns
    -------
    CO2Record
        `year`, shape (2284,): decimal years, seven days apart. `ppm`, shape (2284,): CO2 in parts per million
        by volume, weekly means. `measured`, shape (2284,): False where a week had no measurement and `ppm` is
        interpolated linearly between its neighbours (59 weeks).

    Notes
    -----
    Public domain. A date is its year plus the fraction of the year that has passed at its first instant.
    Every call returns new arrays.

    References
    ----------
    .. [1] Keeling & Whorf (2004), Atmospheric CO2 concentrations derived from flask air samples at sites in
       the SIO network, in Trends, CDIAC, Oak Ridge National Laboratory.

    Examples
    --------
    >>> from diffmath import data
    >>> year, ppm, measured = data.mauna_loa_co2()
    >>> round(year[0], 2), ppm[0], ppm[-1], int((~measured).sum())
    (np.float64(1958.24), np.float64(316.1), np.float64(371.5), 59)
    """
    text = _read("mauna_loa_co2.csv").decode("ascii").splitlines()[1:]
    dates, values = zip(*(line.split(",") for line in text), strict=True)
    year = _decimal_years(np.array(dates, dtype="datetime64[D]"))
    measured = np.array([value != "" for value in values])
    known = np.array([float(value) for value in values if value])
    weeks = np.arange(len(values), dtype=np.float64)
    return CO2Record(year, np.interp(weeks, weeks[measured], known), measured)


def _decimal_years(dates: npt.NDArray[np.datetime64]) -> npt.NDArray[np.float64]:
    years = dates.astype("datetime64[Y]")
    start, end = years.astype("datetime64[D]"), (years + 1).astype("datetime64[D]")
    fraction = (dates - start) / (end - start)
    return np.asarray(years.astype(np.int64) + 1970 + fraction, dtype=np.float64)


def _read(name: str) -> bytes:
    return resources.files("diffmath.data").joinpath(name).read_bytes()
