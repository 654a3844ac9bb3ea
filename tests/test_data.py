"""The shipped data sets: shapes, known values, and equality with the originals where those are installed."""

from __future__ import annotations

from importlib import resources

import numpy as np
import pytest

from diffmath import data


def test_digits_are_the_uci_test_set() -> None:
    images, labels = data.digits()
    assert images.shape == (1797, 64)
    assert images.dtype == np.float64
    assert labels.shape == (1797,)
    assert images.min() == 0
    assert images.max() == 16
    assert np.all(images == np.round(images))
    assert images.sum() == 561718
    assert np.bincount(labels).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert images[0, :8].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]  # the top row of the first zero


def test_digits_equal_the_original() -> None:
    original = pytest.importorskip("sklearn.datasets").load_digits()
    assert np.array_equal(data.digits().images, original.data)
    assert np.array_equal(data.digits().labels, original.target)


def test_co2_record_is_weekly_and_marks_what_was_interpolated() -> None:
    year, ppm, measured = data.mauna_loa_co2()
    assert year.shape == ppm.shape == measured.shape == (2284,)
    assert measured.sum() == 2225
    assert ppm[measured].sum() == pytest.approx(756816.5, abs=1e-6)  # sum of one-decimal numbers
    assert (ppm[0], ppm[-1]) == (316.1, 371.5)
    # 29 March 1958 is day 88 (counted from 0) of 365; 29 December 2001 is day 362.
    assert year[0] == 1958 + 87 / 365
    assert year[-1] == 2001 + 362 / 365
    assert np.all(np.abs(np.diff(year) - 7 / 365.25) < 2e-4)  # 7 days in years of 365 or 366 days
    # 10 May 1958 was not measured: halfway between its neighbours, 316.9 and 317.5.
    assert not measured[6]
    assert ppm[6] == pytest.approx((316.9 + 317.5) / 2, abs=1e-12)


def test_co2_equals_the_original() -> None:
    original = pytest.importorskip("statsmodels.datasets").co2.load_pandas().data
    year, ppm, measured = data.mauna_loa_co2()
    values = original["co2"].to_numpy()
    assert np.array_equal(measured, np.isfinite(values))
    assert np.array_equal(ppm[measured], values[measured])
    assert np.array_equal(np.floor(year), original.index.year.to_numpy())


def test_every_call_returns_its_own_arrays() -> None:
    data.digits().images[:] = -1
    data.mauna_loa_co2().ppm[:] = -1
    assert data.digits().images.min() == 0
    assert data.mauna_loa_co2().ppm.min() > 300


def test_files_are_small_and_documented() -> None:
    folder = resources.files("diffmath.data")
    notes = folder.joinpath("LICENSES.md").read_text(encoding="utf-8")
    for name in ("digits.npz", "mauna_loa_co2.csv"):
        assert len(folder.joinpath(name).read_bytes()) < 120_000
        assert name in notes
    for fact in ("10.24432/C50P49", "CC BY 4.0", "public domain", "Keeling", "Alpaydin", "Changed"):
        assert fact in notes
