"""Host parameters are frozen copies, arrays on a device never share their memory, the softmax is stable."""

from __future__ import annotations

from typing import Any

import numpy as np

from diffmath.diffusion._exact.parameters import host_parameter, normalise, send


def test_parameters_are_frozen_copies_and_sent_as_copies(xp: Any) -> None:
    mine = np.ones((2, 3))
    kept = host_parameter("points", mine, "(n, d)", (2,))
    mine[0, 0] = 9.0
    assert not kept.flags.writeable
    np.testing.assert_array_equal(xp.numpy(send(kept, xp.empty())), np.ones((2, 3)))
    assert send(kept, xp.empty("float32")).dtype == xp.xp.float32
    assert not np.shares_memory(send(kept, np.empty(0)), kept)


def test_softmax_of_huge_logits(xp: Any) -> None:
    weights, total = normalise(xp.asarray([[1e5, 1e5, -1e5], [0.0, np.log(3.0), -np.inf]]), axis=1)
    np.testing.assert_allclose(xp.numpy(weights), [[0.5, 0.5, 0.0], [0.25, 0.75, 0.0]], rtol=1e-15)
    np.testing.assert_allclose(xp.numpy(total), [1e5 + np.log(2.0), np.log(4.0)], rtol=1e-15)


def test_no_weight_is_subnormal(xp):
    # A subnormal weight slows the product with the points tenfold.
    for dtype, span in (("float64", 750.0), ("float32", 105.0)):
        logits = xp.asarray(-np.linspace(0.0, span, 500)[None, :], dtype=dtype)
        weights = xp.numpy(normalise(logits, axis=1)[0])
        assert np.all((weights == 0) | (weights >= np.finfo(weights.dtype).smallest_normal))
        assert abs(weights.sum() - 1) < 100 * np.finfo(weights.dtype).eps  # 500 roundings of the sum
