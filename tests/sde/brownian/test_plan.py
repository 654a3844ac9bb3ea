"""Plans of a Brownian path: the kernel is the body bit for bit; marks are where they are documented to be."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diffmath import random, reference_only
from diffmath.sde import BrownianPath
from diffmath.sde._brownian.instructions import Do
from diffmath.sde._brownian.marks import all_clocks, one_clock
from diffmath.sde._brownian.plan import Keep, make_plan
from diffmath.sde._brownian.run_plan import run_plan
from diffmath.sde._noise.bridge import split

KEY = random.key(3)
MOTIONS = {"all": all_clocks(), "one": one_clock(3)}


def plan_of(marks, shares, order, keep=False):
    places = sorted({marks.nearest(share * marks.places, 0.0) for share in shares})
    return make_plan(
        marks,
        KEY,
        places,
        order,
        1.0 / marks.places,
        np.empty((0, 2), np.int64),
        Keep(0 if keep else marks.places + 1),
    )


@given(
    rows=st.integers(1, 5), columns=st.integers(1, 5), order=st.integers(1, 3), keep=st.booleans(),
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=6, unique_by=lambda share: round(share, 3)),
    motion=st.sampled_from(sorted(MOTIONS)), dtype=st.sampled_from(["float64", "float32"]),
    first_row=st.integers(0, 2**62),
)  # fmt: skip
def test_the_kernel_is_the_body_bit_for_bit_with_the_same_normals(
    rows, columns, order, keep, shares, motion, dtype, first_row
):
    plan, inputs, kept = plan_of(MOTIONS[motion], shares, order, keep)
    assert not inputs
    none = np.zeros((0, 3, rows, columns), dtype)
    # The body, with the normals of their kernel: only what this kernel adds is compared.
    expected = run_plan.reference(none, plan, first_row)
    for got, value in zip(run_plan(none, plan, first_row), expected, strict=True):
        assert got.dtype == none.dtype
        np.testing.assert_array_equal(got, value)
    assert expected[1].shape[0] == len(kept) == plan.kept


@pytest.mark.parametrize("shape", [(200, 257), (129, 2), (1, 3001), (70_000, 3), (3000, 64)])
def test_shapes_that_fill_many_lanes_or_threads(shape):
    plan, _, _ = plan_of(MOTIONS["one"], [0.1, 0.25, 0.5], 2)
    none = np.zeros((0, 3, *shape))
    for got, value in zip(run_plan(none, plan, 7), run_plan.reference(none, plan, 7), strict=True):
        np.testing.assert_array_equal(got, value)


@pytest.mark.parametrize("shape", [(3,), (4, 2), (2, 3, 3), (300, 1000), (0, 4), (2, 0)])
def test_paths_of_any_shape_are_those_of_the_body(shape):
    path = BrownianPath(random.key(2), shape, 0.0, 1.0, like=np.empty(0))
    got = path(0.1, 0.72)
    with reference_only():
        wanted = BrownianPath(random.key(2), shape, 0.0, 1.0, like=np.empty(0))(0.1, 0.72)
    assert got.shape == shape
    np.testing.assert_allclose(got, wanted, rtol=0, atol=1e-14)  # normals agree to some ulp


def test_a_register_is_written_before_it_is_read_and_not_while_it_is_needed():
    """Shared registers against one for each result: the same instructions, carried out without sharing."""
    plan, _, _ = plan_of(MOTIONS["all"], np.random.default_rng(0).random(12), 3, keep=True)
    alive = set()
    for kind, a, b, d, e, _, _ in plan.steps.tolist():
        if kind in (Do.DIVIDE, Do.JOIN, Do.EMIT, Do.KEEP):
            assert {a, b} - {-1} <= alive
        if kind in (Do.DIVIDE, Do.JOIN):
            assert not {a, b} & ({d, e} - {-1})
        if kind not in (Do.EMIT, Do.KEEP):
            alive |= {d, e} - {-1}
    assert max(alive) < plan.registers


@pytest.mark.parametrize("steps", [2, 10, 25, 64, 100, 250, 1000, 1024, 20_000])
def test_the_marks_of_common_clocks_are_exact_and_reached_early(steps):
    marks = all_clocks()
    assert marks.places % steps == 0
    for n in {1, steps // 2, steps - 1}:
        place = marks.nearest(n / steps * marks.places, 10.0)
        assert place == n * (marks.places // steps)
        node, depth = marks.cell(0), 0
        while node.middle != place:
            node, depth = node.halves[place > node.middle], depth + 1
        # At most two lattices an octave, the last of which has fewer than 4 (8 for 25, 250) marks a step.
        assert depth <= 2 * (np.log2(steps) + 3)


@pytest.mark.parametrize("marks", MOTIONS.values(), ids=MOTIONS)
def test_every_lattice_lies_on_places(marks):
    assert all(marks.size % count == 0 for count in marks.counts)
    assert marks.size // marks.resolution == max(marks.counts)
    assert marks.shortest >= 64 * marks.resolution


@pytest.mark.parametrize("marks", MOTIONS.values(), ids=MOTIONS)
def test_nodes_are_divided_well_inside_and_down_to_the_resolution(marks):
    rng = np.random.default_rng(1)
    for share in rng.random(20):
        place, node = marks.nearest(share * marks.places, 0.0), None
        node = marks.cell(place // marks.size)
        assert abs(place - share * marks.places) <= marks.resolution / 2
        depth = 0
        while node.low != place != node.high and node.middle != place:
            assert node.low < node.middle < node.high
            node, depth = node.halves[place > node.middle], depth + 1
        assert depth <= 45


def test_the_first_division_of_a_cell_is_its_bridge():
    """By hand, from the normals that a cell and its middle are documented to draw."""
    path = BrownianPath(KEY, (5, 2), 0.0, 1.0, like=np.empty(0), steps=1)
    key = random.fold_in(random.fold_in(random.fold_in(KEY, "sde.path"), "sde.levy"), 0)
    z0, z1 = (random.normal(random.fold_in(key, n), (5, 3, 2), like=np.empty(0)) for n in (0, 1))
    W, H = z0[:, 0], z0[:, 1] * np.sqrt(1 / 12)
    np.testing.assert_allclose(path(0.0, 1.0), W, atol=1e-15)
    np.testing.assert_allclose(path(0.0, 0.5), W / 2 + 1.5 * H + z1[:, 0] / 4, atol=1e-15)
    assert split(0.5).left_noise[0, 0] == 0.25


@given(
    shares=st.lists(st.floats(0, 1), min_size=2, max_size=6, unique_by=lambda share: round(share, 3)),
    before=st.lists(st.floats(0, 1), min_size=2, max_size=3, unique_by=lambda share: round(share, 3)),
    motion=st.sampled_from(sorted(MOTIONS)), order=st.integers(1, 3), aligned=st.booleans(),
    shortest=st.integers(0, 2**36), start=st.integers(0, 2**36), ends=st.booleans(),
)  # fmt: skip
def test_the_plan_written_with_integers_is_that_of_the_body(
    shares, before, motion, order, aligned, shortest, start, ends
):
    """Instructions, keys, weights to the last bit, and names; with nodes that another question left."""
    marks = MOTIONS[motion]

    def places_of(values):
        if aligned:
            values = [round(100 * value) / 100 for value in values]
        return sorted({0, *(marks.nearest(value * marks.places, 0.0) for value in values)})

    def both(places, known, keep):
        asked = (marks, KEY, places_of(places), order, 1.0 / marks.places, known, keep)
        got = make_plan(*asked)
        with reference_only():
            return got, make_plan(*asked)

    known = np.empty((0, 2), np.int64)
    for places, keep in ((before, Keep(0, ends=True)), (shares, Keep(shortest, start, ends))):
        if len(places_of(places)) < 2:
            return
        got, expected = both(places, known[::2], keep)
        assert got[1] == expected[1]
        np.testing.assert_array_equal(got[2], expected[2])
        for name in ("steps", "keys", "weights"):
            np.testing.assert_array_equal(getattr(got[0], name), getattr(expected[0], name))
        assert (got[0].registers, got[0].kept) == (expected[0].registers, expected[0].kept)
        known = got[2]
