"""The number of planned iterations: one to spare, none where the need is steady, twice as many if too few."""

from diffmath._newton.plan import _FIRST, _STEADY, Plan


def _iterations(plan, stages):
    return [plan.iterations(k) for k in range(stages)]


def test_an_unknown_stage_gets_the_first_number():
    assert _iterations(Plan(), 2) == [_FIRST, _FIRST]
    assert _iterations(Plan().after([1], [3]), 2) == [2, _FIRST]


def test_the_spare_iteration_is_left_out_where_the_need_is_steady():
    plan = Plan()
    for n in range(_STEADY + 1):
        assert plan.iterations(0) == (_FIRST if n == 0 else 3)
        plan = plan.after([2, 2 + n % 2], _iterations(plan, 2) if n == 0 else [3, 4])
    assert _iterations(plan, 2) == [2, 3 + _STEADY % 2]


def test_too_few_iterations_are_doubled_until_they_suffice():
    steady = Plan((1,), (_STEADY,))
    assert steady.iterations(0) == 1
    made = []
    plan = steady
    while not made or made[-1] < 5:  # each attempt says that it was one too few
        made.append(plan.iterations(0))
        plan = plan.after([min(5, made[-1] + 1)], made[-1:])
    assert made == [1, 3, 6]  # the first time with one to spare
    assert plan.iterations(0) == 6


def test_stages_after_one_that_was_not_solved_get_no_fewer():
    assert _iterations(Plan().after([1, 4, 2, 3], [3, 3, 2, 3]), 4) == [2, 6, 6, 6]
    assert _iterations(Plan().after([1, 4, 8], [3, 3, 7]), 3) == [2, 6, 14]
