"""Floor 0, the rest: callables at the edge, solutions and their failures, twins, progress, lazy names."""

from __future__ import annotations

import functools
import pickle
import subprocess
import sys
import textwrap
import types

import array_api_strict as strict
import numpy as np
import pytest

import diffmath as dm
from diffmath._arrays.accelerate import Accelerated, _find, accelerated
from diffmath._arrays.callables import check_dynamics, check_model, check_result, guarded
from diffmath._arrays.models import SDE
from diffmath._core.progress import progress_bar
from diffmath._core.solution import Solution, finish


def _partial_failure() -> Solution:
    return Solution(t=np.zeros(1), x=np.ones((1, 2, 1)), status="max_steps", message="raise max_steps")


class TestCallables:
    @pytest.mark.parametrize("f", [lambda x, t: x, lambda y, time: y, lambda state, tau: state])
    def test_a_swapped_drift_is_refused_with_the_fix(self, f):
        with pytest.raises(
            TypeError, match=r"a drift is called as drift\(t, x\).*wrap it: lambda t, x: drift\(x, t\)"
        ):
            check_dynamics(f)

    @pytest.mark.parametrize("f", [lambda t, x: x, lambda sigma, x: x, lambda time, sample: sample])
    def test_a_swapped_score_is_refused_with_the_fix(self, f):
        with pytest.raises(
            TypeError, match=r"a score is called as score\(x, t\).*wrap it: lambda x, t: score\(t, x\)"
        ):
            check_model(f)

    def test_right_or_unreadable_orders_pass(self):
        check_dynamics(lambda t, x: x)
        check_dynamics(lambda a, b: b)
        check_model(lambda x, t: x)
        check_model(lambda x, sigma, scale=1.0: x)
        check_model(lambda *arguments: arguments[0])
        check_model(functools.partial(lambda net, x, t: x, None))
        check_model(np.add)

    def test_not_callable_or_wrong_count(self):
        with pytest.raises(TypeError, match="drift must be a callable; got float"):
            check_dynamics(1.0)
        with pytest.raises(TypeError, match=r"score must take two arguments; its signature is \(x\)"):
            check_model(lambda x: x)
        with pytest.raises(TypeError, match="must take two arguments"):
            check_model(lambda x, t, label: x)

    def test_results_are_checked(self, xp):
        x = xp.asarray(np.zeros((3, 2)))
        assert check_result("drift(t, x)", x, x) is x
        with pytest.raises(ValueError, match=r"drift\(t, x\) must return shape \(3, 2\); got \(3, 1\)"):
            check_result("drift(t, x)", x[:, :1], x)
        with pytest.raises(TypeError, match="got list"):
            check_result("drift(t, x)", [0.0], x)
        with pytest.raises(TypeError, match="must return floating numbers"):
            check_result("drift(t, x)", xp.asarray(np.zeros((3, 2)), "int64"), x)

    def test_results_of_another_library_or_kind(self):
        with pytest.raises(TypeError, match="one array library"):
            check_result("score(x, t)", strict.zeros((3, 2)), np.zeros((3, 2)))
        with pytest.raises(
            TypeError, match="must return real numbers for a real state; got dtype complex128"
        ):
            check_result("score(x, t)", np.zeros((3, 2), complex), np.zeros((3, 2)))

    def test_a_users_exception_passes_with_a_note(self):
        def broken(t, x):
            raise KeyError("weights")

        with pytest.raises(KeyError, match="weights") as caught:
            guarded(broken, "drift(t, x)", 0.25, 0.25, np.zeros(1))
        assert caught.value.__notes__ == ["raised by drift(t, x) at t=0.25"]


class TestSolution:
    def test_repr_names_status_and_costs(self):
        text = repr(Solution(t=np.zeros(0), x=np.zeros((0, 2)), stats={"evaluations": np.array([3, 5])}))
        assert text == "Solution(ok, t: none (0 times), x: (0, 2) float64, evaluations=3..5)"
        assert "max_steps" in repr(_partial_failure())
        assert "raise max_steps" in repr(_partial_failure())

    def test_status_comes_from_a_closed_set(self):
        with pytest.raises(ValueError, match="status must be one of"):
            Solution(t=np.zeros(0), x=np.zeros((0, 2)), status="fine")
        with pytest.raises(ValueError, match="status must be one of"):
            Solution(t=np.zeros(0), x=np.zeros((0, 2)), row_status=("ok", "odd"))

    def test_failures_raise_or_return(self):
        failed = _partial_failure()
        with pytest.raises(dm.SolveError, match="raise max_steps") as caught:
            finish(failed, "raise")
        assert caught.value.solution is failed
        assert finish(failed, "return") is failed
        with pytest.raises(ValueError, match="on_failure must be 'raise' or 'return'; got 'ignore'"):
            finish(failed, "ignore")

    def test_a_solve_error_survives_a_worker_process(self):
        error = pickle.loads(pickle.dumps(dm.SolveError("no", _partial_failure())))
        assert str(error) == "no"
        np.testing.assert_array_equal(error.solution.x, np.ones((1, 2, 1)))


class TestSDE:
    def test_it_is_validated(self):
        with pytest.raises(TypeError, match="a diffusion is called as"):
            SDE(drift=lambda t, x: x, diffusion=lambda x, t: x)
        with pytest.raises(ValueError, match="noise must be one of"):
            SDE(drift=lambda t, x: x, diffusion=lambda t, x: x, noise="white")
        with pytest.raises(ValueError, match="calculus must be one of"):
            SDE(drift=lambda t, x: x, diffusion=lambda t, x: x, calculus="backward")
        assert "general" in repr(
            SDE(drift=lambda t, x: x, diffusion=lambda t, x: x, noise="general", noise_dim=2)
        )


class TestAccelerated:
    def test_without_a_twin_the_body_runs(self):
        @accelerated
        def double(x):
            return 2 * x

        double_in_random = Accelerated(double.reference)
        double_in_random._package = "nowhere"
        assert double_in_random(np.ones(1))[0] == 2.0
        assert double_in_random.kernel_for(np.ones(1)) is None

    @pytest.mark.parametrize("hidden", [("numba", "llvmlite"), ("numba",), ("llvmlite",)], ids="+".join)
    def test_without_an_engine_everything_runs(self, hidden):
        """A plain install has no numba and no llvmlite; random numbers and memories need neither."""
        script = f"""
            import sys

            class Hidden:
                def find_spec(self, name, path=None, target=None):
                    if name.split(".")[0] in {hidden!r}:
                        raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

            sys.meta_path.insert(0, Hidden())
            import numpy as np
            import diffmath as dm
            from diffmath import ode, sde, statespace as ss
            from diffmath.random._distributions import normal_rows

            z = dm.random.normal(dm.random.key(0), (3, 2), like=np.empty(0))
            assert normal_rows.kernel_for(np.empty(0), (0, 0), (0, 3), 2, 5) is None
            ss.memorize(ss.legs(4), z[:, 0])
            model = sde.SDE(lambda t, x: -x, lambda t, x: 0.1 + 0.0 * x)
            sde.solve(model, z, [0.0, 0.5, 1.0], method=sde.euler_maruyama, key=dm.random.key(1))
            ode.solve(lambda t, x: -x, z, [0.0, 1.0])
            print("ran")
        """
        run = subprocess.run(
            [sys.executable, "-c", textwrap.dedent(script)], capture_output=True, text=True, check=False
        )
        assert run.stdout == "ran\n", run.stderr

    @pytest.mark.parametrize(
        ("missing", "optional"),
        [
            ("numba", True), ("llvmlite", True), ("cupy_backends", True), ("diffmath.kernels.cuda", True),
            ("diffmath.kernels.cuda.random", True), ("diffmath.kernels.cuda._words", False),
            ("diffmath.random._key", False), ("diffmath", False), ("cupy.missing_part", False),
            ("json", False), (None, False),
        ],
    )  # fmt: skip
    def test_a_missing_engine_is_forgiven_and_a_bug_is_not(self, monkeypatch, missing, optional):
        def fail(name):
            raise ModuleNotFoundError("no such module", name=missing)

        monkeypatch.setattr("diffmath._arrays.accelerate.importlib.import_module", fail)
        find = _find.__wrapped__  # without its memory
        if optional:
            assert find("cuda", "random", "normal_rows") is None
        else:
            with pytest.raises(ModuleNotFoundError, match="no such module"):
                find("cuda", "random", "normal_rows")

    def test_a_name_that_a_kernel_does_not_find_is_a_bug(self, monkeypatch):
        def fail(name):
            raise ImportError("cannot import name 'typo'", name="numba")

        monkeypatch.setattr("diffmath._arrays.accelerate.importlib.import_module", fail)
        with pytest.raises(ImportError, match="typo"):
            _find.__wrapped__("numba", "random", "normal_rows")


class TestProgress:
    def test_off_is_the_iterable_itself(self):
        steps = [1, 2]
        assert progress_bar(steps, enabled=False) is steps

    def test_on_goes_to_standard_error_of_a_terminal(self, capsys, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        assert list(progress_bar(range(3), enabled=True, description="steps")) == [0, 1, 2]
        out, err = capsys.readouterr()
        assert out == ""
        assert "steps" in err

    def test_a_file_or_a_pipe_gets_no_bar(self, capsys, monkeypatch):
        """Standard error of a test is no terminal; under a windowed Python there is none."""
        steps = range(3)
        assert progress_bar(steps, enabled=True) is steps
        monkeypatch.setattr(sys, "stderr", None)
        assert progress_bar(steps, enabled=True) is steps
        assert capsys.readouterr() == ("", "")

    def test_a_notebook_gets_a_bar(self, capsys, monkeypatch):
        base = type("ZMQInteractiveShell", (), {})
        shell = type("Shell", (base,), {})()
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: shell))
        assert list(progress_bar(range(3), enabled=True, description="steps")) == [0, 1, 2]
        assert "steps" in capsys.readouterr().err
        monkeypatch.setitem(sys.modules, "IPython", types.SimpleNamespace(get_ipython=lambda: None))
        assert isinstance(progress_bar(range(3), enabled=True), range)

    def test_without_tqdm_it_says_what_to_install(self, monkeypatch):
        monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)
        with pytest.raises(ImportError, match=r"pip install \"diffmath\[cli\]\""):
            progress_bar(range(3), enabled=True)
