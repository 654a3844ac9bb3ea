"""CPU arrays of PyTorch and JAX through the kernels: the bits of NumPy, no copy, and no derivative lost."""

from __future__ import annotations

import functools
import gc
import os
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import diffmath as dm
from diffmath import sde
from diffmath import statespace as ss
from diffmath._arrays.accelerate import Accelerated
from diffmath._arrays.host_sharing import aligned_empty, host_view, shared_views
from diffmath._arrays.namespace import to_numpy
from diffmath.random._distributions import normal_rows
from diffmath.statespace._recurrence.scan import linear_recurrence

INTEROP = bool(os.environ.get("DIFFMATH_INTEROP"))
interop = pytest.mark.skipif(not INTEROP, reason="frameworks are tested in interop")
KEY = dm.random.key(5)


def _draws(*shape, dtype="float64"):
    return dm.random.normal(dm.random.fold_in(KEY, len(shape)), shape, like=np.empty(0, dtype))


@pytest.fixture(params=["torch", "jax"])
def send(request):
    """How arrays are sent to a framework, if it is to be tested."""
    if not INTEROP:
        pytest.skip("frameworks are tested in interop")
    pytest.importorskip("numba")
    library = pytest.importorskip(request.param)
    if request.param == "torch":
        return lambda values: library.asarray(np.array(values))
    library.config.update("jax_enable_x64", True)
    return library.numpy.asarray


def _last_half(path):
    return path(0.25, 0.7)


SYSTEMS = {
    "legs": ss.legs(9), "jacs": ss.jacs(5, 0.5), "legt": ss.legt(6, theta=20.0),
    "fout": ss.fout(7, theta=20.0), "lagt": ss.lagt(5), "legs, one": ss.legs(1),
}  # fmt: skip


def _cases():
    """Everything that has a kernel, as functions of arrays."""
    for dtype in ("float64", "float32"):
        like = np.empty(0, dtype)
        for bits in (53, 32):
            law = functools.partial(dm.random.normal, KEY, (50, 3), bits=bits)
            yield f"normals, {bits} bits, {dtype}", lambda x, law=law: law(like=x), [like]
        yield f"uniforms, {dtype}", lambda x: dm.random.uniform(KEY, (50, 30), like=x), [like]
        u = _draws(40, 3, dtype=dtype)
        for name, system in SYSTEMS.items():
            yield f"{name}, {dtype}", lambda u, s=system: ss.memorize(s, u), [u]
        yield f"one channel, {dtype}", lambda u: ss.memorize(ss.legs(4), u, every=3), [u[:, 0]]
        state = _draws(3, 9, dtype=dtype)
        yield f"carried on, {dtype}", lambda u, c: ss.memorize(ss.legs(9), u, state=c, heard=7), [u, state]
        yield f"scan, {dtype}", lambda a, b, x: ss.scan(a, b, state=x), [0.5 * u, u, u[0]]
        yield f"complex, {dtype}", lambda a, b: ss.scan(a, b), [(0.5 + 0.5j) * u, 1j * u]
        yield f"path, {dtype}", lambda x: sde.BrownianPath(KEY, (7, 2), 0.0, 1.0, like=x)(0.25, 0.7), [like]


@pytest.mark.parametrize(("name", "function", "arrays"), list(_cases()), ids=[case[0] for case in _cases()])
def test_the_bits_are_those_of_numpy(send, name, function, arrays, monkeypatch):
    expected = function(*arrays)
    monkeypatch.setattr(Accelerated, "__call__", lambda self, *given: self.kernel_for(*given)(*given))
    lent = [send(values) for values in arrays]
    found = function(*lent)
    assert type(found) is type(lent[0])
    np.testing.assert_array_equal(to_numpy(found), expected, strict=True)
    for values, array in zip(arrays, lent, strict=True):
        np.testing.assert_array_equal(to_numpy(array), values)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("method", [sde.euler_maruyama, sde.slow_rk])
def test_an_sde_sees_one_path_on_every_library(send, method, dtype):
    calculus = method.calculi[0]
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.5 + 0.0 * x, noise="additive", calculus=calculus)
    x0, times = _draws(30, 3, dtype=dtype), np.linspace(0.0, 1.0, 13)
    expected = sde.solve(model, x0, times, method=method, key=KEY).x
    found = sde.solve(model, send(x0), times, method=method, key=KEY).x
    # XLA may contract products and sums; the noise is the same to the bit, see below.
    np.testing.assert_allclose(to_numpy(found), expected, rtol=20 * np.finfo(dtype).eps, strict=True)


@pytest.mark.parametrize("first_row", [0, 5])
def test_noise_is_made_on_the_host(send, first_row, monkeypatch):
    """The noise is made on the host; arrays of the caller's library are created only at the end."""
    clock, shape = np.array([0.0, 0.1, 0.4, 0.5, 1.0]), (11, 2)
    like, host = send(np.empty(0, np.float32)), np.empty(0, np.float32)

    def noise(like):
        parts = list(sde.brownian_increments(KEY, clock, shape, like=like, first_row=first_row))
        areas = list(sde.levy_increments("KA")(KEY, clock, shape, like=like, first_row=first_row))
        path = sde.BrownianPath(KEY, shape, 0.0, 1.0, like=like, terms="K", first_row=first_row)
        areas += list(path.increments(clock))
        parts += [path(0.7, 0.2), path(0.2, 0.2)]
        return parts + [part for found in areas for part in (found.W, found.H, found.K, found.A)]

    expected = noise(host)
    monkeypatch.setattr(Accelerated, "__call__", lambda self, *given: self.kernel_for(*given)(*given))
    wrapped, wrap = [], _library(like).wrap
    monkeypatch.setattr(_library(like), "wrap", lambda *given: wrapped.append(1) or wrap(*given))
    for part, values in zip(noise(like), expected, strict=True):
        assert (part is None) == (values is None)
        if values is not None:
            assert type(part) is type(like)
            np.testing.assert_array_equal(to_numpy(part), values, strict=True)
    # One a step, and one a term of a step; all but W over (s, s), which is made of nothing.
    assert len(wrapped) == 4 + 4 * 4 + 1 + 4 * 3


def _library(like):
    return type(shared_views([like])[0])


def test_noise_passes_gradients(send):
    """The state may require a derivative: the noise does not depend on it."""
    x0 = send(_draws(4, 2))
    if not hasattr(x0, "requires_grad_"):
        pytest.skip("JAX asks by tracing")
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.1 * x)
    x = sde.solve(model, x0.requires_grad_(), [0.0, 0.5, 1.0], method=sde.euler_maruyama, key=KEY).x[-1]
    x.sum().backward()
    # Linear in the state: every row is x0 times its derivative.
    np.testing.assert_allclose((x0.grad * x0).detach(), x.detach(), rtol=1e-13)


def test_reference_only_leaves_the_kernels_alone(send, monkeypatch):
    like = send(np.empty(0))
    arguments = (like, (7, 2), (0, 20), 4, 5)
    assert normal_rows.kernel_for(*arguments) is not None
    body = normal_rows.reference(*arguments)
    monkeypatch.setattr("diffmath._arrays.accelerate._find", None)
    with dm.reference_only():
        np.testing.assert_array_equal(to_numpy(normal_rows(*arguments)), to_numpy(body))
    # As on NumPy: the kernel's polynomials are within a few ulp of the library's functions.
    monkeypatch.undo()
    np.testing.assert_array_max_ulp(to_numpy(normal_rows(*arguments)), to_numpy(body), 6)


@pytest.mark.parametrize("function", [linear_recurrence, lambda a, b, x: ss.scan(a, b, state=x)])
def test_kernel_and_body_agree(send, function):
    arrays = [send(values) for values in (0.3 * _draws(60, 5), _draws(60, 5), _draws(5))]
    with dm.reference_only():
        body = to_numpy(function(*arrays))
    # Sums of products of factors around 0.3 against the recurrence: a few eps of states around 1.
    np.testing.assert_allclose(to_numpy(function(*arrays)), body, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("size", [3, 40_000])
def test_results_stay_what_they_were(send, size):
    """JAX shares the memory of large results, and never expects it to change."""
    a, b = send(_draws(size, 2)), send(_draws(size, 2, dtype="float64") + 1.0)
    kept = [ss.scan(0.1 * a, b), dm.random.normal(KEY, (size, 2), like=a), ss.memorize(ss.legs(3), b)]
    before = [np.array(to_numpy(result)) for result in kept]
    for number in range(5):
        gc.collect()
        ss.scan(0.2 * a, b)
        dm.random.normal(dm.random.fold_in(KEY, number), (size, 2), like=a)
        ss.memorize(ss.legs(3), a)
    for result, values in zip(kept, before, strict=True):
        np.testing.assert_array_equal(to_numpy(result), values)


def test_failures_carry_the_arrays_of_the_caller(send):
    a = send(np.full((3000, 1), 10.0))
    with pytest.raises(dm.SolveError, match="not finite from sample 309 on") as caught:
        ss.scan(a, send(np.ones((3000, 1))))
    x = caught.value.solution.x
    assert type(x) is type(a)
    assert x.shape == (309, 1)
    with pytest.raises(ValueError, match=r"b must be finite; b\[1, 0\] is nan"):
        ss.scan(a[:2], send(np.array([[1.0], [np.nan]])))


def test_dtypes_meet_as_the_library_has_them(send):
    """Integers become the default float of the library; float32 with float64 follows its promotion."""
    whole, single = send(np.array([[1], [2]])), send(np.ones((2, 1), np.float32))
    with dm.reference_only():
        expected = [ss.scan(whole, whole), ss.scan(single, send(np.ones((2, 1)))), ss.scan(single, whole)]
    found = [ss.scan(whole, whole), ss.scan(single, send(np.ones((2, 1)))), ss.scan(single, whole)]
    for values, other in zip(found, expected, strict=True):
        assert values.dtype == other.dtype
        np.testing.assert_array_equal(to_numpy(values), to_numpy(other))


def test_threads_do_not_matter(send):
    u = send(_draws(200, 40))
    alone = to_numpy(ss.memorize(ss.legs(16), u))
    with ThreadPoolExecutor(4) as pool:
        for found in pool.map(lambda _: ss.memorize(ss.legs(16), u), range(12)):
            np.testing.assert_array_equal(to_numpy(found), alone)


def test_results_begin_where_jax_can_share_them():
    for shape in ((1000,), (33, 77), (3, 5, 700)):
        for dtype in (np.float32, np.float64, np.complex128):
            found = aligned_empty(shape, dtype)
            assert found.shape == shape
            assert found.dtype == dtype
            assert found.flags.c_contiguous
            assert found.nbytes < 4096 or found.ctypes.data % 64 == 0
    assert aligned_empty((0, 3), np.float64).shape == (0, 3)


@pytest.mark.parametrize("name", ["normals", "memory", "scan", "steps"])
def test_arrays_of_pytorch_are_about_as_fast(name):
    """At most 5 times NumPy's time, where 1.0 to 1.7 were measured, and 12 to 200 with the array code."""
    if not INTEROP:
        pytest.skip("frameworks are tested in interop")
    torch, _ = pytest.importorskip("torch"), pytest.importorskip("numba")
    model, x0 = sde.SDE(lambda t, x: -x, lambda t, x: 0.1 * x), np.ones((100, 3))
    u = _draws(1000, 64)
    function, array = {
        "normals": (lambda like: dm.random.normal(KEY, (1000, 300), like=like), np.empty(0)),
        "memory": (lambda u: ss.memorize(ss.legs(32), u, every=100), u),
        "scan": (lambda u: ss.scan(u, u), u / 8),
        "steps": (
            lambda x: sde.solve(model, x, [0.0, 1.0], method=sde.euler_maruyama, key=KEY, substeps=60),
            x0,
        ),
    }[name]
    tensor, best = torch.asarray(array), {"numpy": np.inf, "torch": np.inf}
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        for _ in range(6):  # the first compiles
            for library, values in (("numpy", array), ("torch", tensor)):
                start = time.process_time()
                function(values)
                best[library] = min(best[library], time.process_time() - start)
    finally:
        torch.set_num_threads(threads)
    assert best["torch"] < 5.0 * best["numpy"]


def test_other_arrays_are_not_lent(xp):
    if xp.name not in ("torch", "jax"):
        assert shared_views([xp.asarray(np.ones(3))]) is None
    if xp.name == "strict":
        assert host_view(xp.asarray(np.ones(3))) is None


@interop
class TestTorch:
    @pytest.fixture(autouse=True)
    def _torch(self):
        self.torch = pytest.importorskip("torch")

    def test_results_share_no_memory_with_arguments(self):
        a, b = (
            self.torch.ones(50, 2, dtype=self.torch.float64),
            self.torch.ones(50, 2, dtype=self.torch.float64),
        )
        x = self.torch.ones(2, dtype=self.torch.float64)
        states = ss.scan(a, b, state=x)
        states += 1.0
        assert all(bool((values == 1.0).all()) for values in (a, b, x))

    @pytest.mark.parametrize("function", [
        lambda u: ss.memorize(ss.legs(4), u), lambda u: ss.memorize(ss.legt(4, theta=9.0), u),
        lambda u: ss.scan(0.5 + 0.0 * u, u),
    ])  # fmt: skip
    def test_gradients_and_tangents_pass(self, function):
        """The results are linear in u: <w, f(u)> is <grad, u>, and the tangent of f along v is f(v)."""
        u = self.torch.asarray(_draws(20, 2)).requires_grad_()
        found = function(u)
        weights = self.torch.asarray(_draws(*found.shape))
        (weights * found).sum().backward()
        # Sums of some 200 products of size 1.
        assert abs(float((u.grad * u).sum().detach() - (weights * found).sum().detach())) < 1e-11
        with self.torch.no_grad():
            plain = function(u)
        assert not plain.requires_grad
        forward, v = self.torch.autograd.forward_ad, self.torch.asarray(_draws(20, 2, 1)[..., 0])
        with forward.dual_level(), self.torch.no_grad():
            tangent = forward.unpack_dual(function(forward.make_dual(u.detach(), v))).tangent
            assert tangent is not None
            self.torch.testing.assert_close(tangent, function(v), rtol=1e-9, atol=1e-11)

    def test_plain_views_are_lent(self):
        torch = self.torch
        whole = torch.asarray(_draws(40, 6))
        for view in (whole.T, whole[::3], whole[:, 2:3], whole[:1].expand(40, 6), whole.to(torch.complex128)):
            (found,) = shared_views([view])[1]
            np.testing.assert_array_equal(found, view.numpy())
            expected = ss.scan(0.5 * view.numpy(), view.numpy())
            np.testing.assert_array_equal(ss.scan(0.5 * view, view).numpy(), expected)
        with torch.inference_mode():
            inside = 1.0 * whole
            assert shared_views([inside]) is not None
            np.testing.assert_array_equal(
                ss.memorize(ss.legs(3), inside), ss.memorize(ss.legs(3), _draws(40, 6))
            )
        np.testing.assert_array_equal(
            ss.memorize(ss.legs(3), inside).numpy(), ss.memorize(ss.legs(3), _draws(40, 6))
        )

    def test_what_is_not_plain_is_not_lent(self):
        torch = self.torch
        x = torch.ones(3, dtype=torch.float64)

        class Marked(torch.Tensor):
            pass

        complex_ = torch.ones(3, dtype=torch.complex128)
        for other in (
            x.clone().requires_grad_(), torch.nn.Parameter(x), x.as_subclass(Marked), x.to("meta"),
            complex_.conj(), complex_.conj().imag, x.to_sparse(), x.to(torch.bfloat16),
        ):  # fmt: skip
            assert shared_views([other]) is None
            assert shared_views([x, other]) is None
        assert shared_views([x, np.ones(3)]) is None
        assert shared_views([x]) is not None

    def test_what_is_traced_is_not_lent(self):
        from torch._subclasses import FakeTensorMode
        from torch.fx.experimental.proxy_tensor import make_fx

        torch, seen = self.torch, []
        x = torch.ones(3, dtype=torch.float64)

        def look(y):
            seen.append(shared_views([y]) is not None or host_view(y) is not None)
            return 2.0 * y.sum()

        torch.vmap(look)(torch.ones(2, 3))
        torch.func.grad(look)(x)
        torch.func.jvp(look, (x,), (x,))
        torch.func.functionalize(look)(x)
        torch.jit.trace(look, (x,), check_trace=False)  # a check would run it again, plainly
        make_fx(look)(x)
        with FakeTensorMode():
            look(torch.ones(3))
        assert len(seen) >= 7
        assert not any(seen)

    def test_a_trace_holds_for_other_numbers(self):
        from torch.fx.experimental.proxy_tensor import make_fx

        torch = self.torch
        first = [torch.asarray(values) for values in (_draws(9, 2), _draws(9, 2), _draws(2))]
        second = [0.3 * values for values in first]
        for trace in (torch.jit.trace(linear_recurrence, first), make_fx(linear_recurrence)(*first)):
            torch.testing.assert_close(trace(*second), linear_recurrence(*second), rtol=1e-12, atol=1e-14)


@interop
class TestJAX:
    @pytest.fixture(autouse=True)
    def _jax(self):
        self.jax = pytest.importorskip("jax")
        self.jax.config.update("jax_enable_x64", True)

    def test_tracers_go_to_the_body(self):
        jax = self.jax
        arrays = [jax.numpy.asarray(values) for values in (0.5 * _draws(9, 2), _draws(9, 2), _draws(2))]
        expected = linear_recurrence(*arrays)
        np.testing.assert_allclose(jax.jit(linear_recurrence)(*arrays), expected, rtol=1e-12, atol=1e-14)
        _, tangent = jax.jvp(linear_recurrence, arrays, [0.0 * arrays[0], *arrays[1:]])
        # Linear in b and x.
        np.testing.assert_allclose(tangent, expected, rtol=1e-12, atol=1e-14)
        gradient = jax.grad(lambda b: linear_recurrence(arrays[0], b, arrays[2]).sum())(arrays[1])
        assert gradient.shape == (9, 2)
        many = jax.vmap(linear_recurrence)(*(jax.numpy.stack([v, 2.0 * v]) for v in arrays))
        np.testing.assert_allclose(many[0], expected, rtol=1e-12, atol=1e-14)

    def test_large_results_are_not_copied(self):
        like = self.jax.numpy.zeros(1)
        library, _ = shared_views([like])
        values = aligned_empty((100, 100), np.float64)
        values[...] = 1.0
        assert library.wrap(values).unsafe_buffer_pointer() == values.ctypes.data
        small = library.wrap(np.ones(3))
        assert isinstance(small, self.jax.Array)
        assert small.devices() == like.devices()

    def test_devices_and_precision(self):
        """On two devices, and without x64, which both are chosen once a process."""
        script = """
            import numpy as np, jax, jax.numpy as jnp
            import diffmath as dm
            from diffmath import statespace as ss
            from diffmath._arrays.host_sharing import shared_views

            key, second = dm.random.key(0), jax.devices()[1]
            like = jax.device_put(np.ones(4, np.float32), second)
            for shape in ((3,), (2000, 3)):
                z = dm.random.normal(key, shape, like=like)
                assert z.devices() == {second} and z.dtype == jnp.float32
                np.testing.assert_array_equal(z, dm.random.normal(key, shape, like=np.empty(0, np.float32)))
            over = jax.sharding.NamedSharding(jax.make_mesh((2,), ("x",)), jax.sharding.PartitionSpec("x"))
            assert shared_views([jax.device_put(np.ones(4), over)]) is None
            assert shared_views([like, jnp.ones(4)]) is None

            with jax.enable_x64(True):
                double = jnp.ones(4, dtype=jnp.float64)
            assert double.dtype == jnp.float64 and shared_views([double]) is None
            for call in (
                lambda: dm.random.normal(key, 3, like=like, dtype=jnp.float64),
                lambda: dm.random.uniform(key, 3, like=double),
                lambda: ss.memorize(ss.legs(3), double),
                lambda: ss.scan(double, double),
                lambda: ss.legs(3, like=like, dtype=jnp.float64),
            ):
                try:
                    call()
                except TypeError as error:
                    assert "jax_enable_x64" in str(error), error
                else:
                    raise AssertionError("double precision became single")
            print("ran")
        """
        flags = {"XLA_FLAGS": "--xla_force_host_platform_device_count=2", "JAX_ENABLE_X64": "0"}
        run = subprocess.run(
            [sys.executable, "-W", "error", "-c", textwrap.dedent(script)],
            capture_output=True, text=True, check=False, env={**os.environ, **flags},
        )  # fmt: skip
        assert run.stdout == "ran\n", run.stderr
