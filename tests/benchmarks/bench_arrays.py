"""PyTorch and JAX arrays on the CPU against NumPy arrays, same work; steps of an SDE against torchsde.

Run it with ``python tests/benchmarks/bench_arrays.py [--rounds N] [--wall]``. Both sides of a ratio are timed
in turns in one process, best of rounds, on one thread, in the processor's time (that of XLA's threads counts,
too). What is not installed is left out.
"""

from __future__ import annotations

import argparse
import importlib.util
import time
from collections.abc import Callable
from typing import Any

import array_api_compat as compat
import numpy as np
from _timing import best_times

import diffmath as dm
from diffmath import sde
from diffmath import statespace as ss

Cases = dict[str, Callable[[], Any]]
KEY = dm.random.key(0)
STEPS, STOP = 100, 1.0


def libraries() -> dict[str, Callable[[Any], Any]]:
    """How NumPy arrays are sent to every library at hand, in double precision."""
    found: dict[str, Callable[[Any], Any]] = {"numpy": lambda values: values}
    if importlib.util.find_spec("torch"):
        import torch

        found["torch"] = torch.asarray
    if importlib.util.find_spec("jax"):
        import jax

        jax.config.update("jax_enable_x64", True)
        found["jax"] = jax.numpy.asarray
    return found


def finished(result: Any) -> Any:
    """Wait for a result: JAX returns before it has computed."""
    return result.block_until_ready() if hasattr(result, "block_until_ready") else result


def normals(rows: int, columns: int) -> Callable[[Any], Callable[[], Any]]:
    """Normals of an array of a shape."""

    def case(send: Any) -> Callable[[], Any]:
        like = send(np.zeros(1))
        return lambda: dm.random.normal(KEY, (rows, columns), like=like)

    return case


def memory(channels: int, samples: int, every: int) -> Callable[[Any], Callable[[], Any]]:
    """LegS memory of order 64."""

    def case(send: Any) -> Callable[[], Any]:
        u = send(dm.random.normal(KEY, (samples, channels), like=np.empty(0)))
        system = ss.legs(64)
        return lambda: ss.memorize(system, u, every=every)

    return case


def scan(samples: int, channels: int) -> Callable[[Any], Callable[[], Any]]:
    """A diagonal recurrence that varies in time."""

    def case(send: Any) -> Callable[[], Any]:
        a = send(dm.random.uniform(KEY, (samples, channels), like=np.empty(0)))
        b = send(dm.random.normal(KEY, (samples, channels), like=np.empty(0)))
        return lambda: ss.scan(a, b)

    return case


def lorenz(t: float, x: Any) -> Any:
    """The drift of Lorenz's equations, as a user writes it for any library."""
    a, b, c = x[:, 0], x[:, 1], x[:, 2]
    drift = [10.0 * (b - a), a * (28.0 - c) - b, a * b - (8.0 / 3.0) * c]
    return compat.array_namespace(x).stack(drift, axis=1)


def tenth(t: float, x: Any) -> Any:
    """Diagonal noise of a tenth of the state."""
    return 0.1 * x


def paths(batch: int, steps: int = STEPS) -> Callable[[Any], Callable[[], Any]]:
    """Euler-Maruyama steps, of which the last state is kept."""
    model = sde.SDE(lorenz, tenth)

    def case(send: Any) -> Callable[[], Any]:
        x0 = send(np.ones((batch, 3)))
        run: dict[str, Any] = {"method": sde.euler_maruyama, "key": KEY, "substeps": steps}
        return lambda: sde.solve(model, x0, [0.0, STOP], **run).x

    return case


def peer(batch: int, steps: int = STEPS) -> Callable[[], Any] | None:
    """The same steps with torchsde."""
    if not (importlib.util.find_spec("torch") and importlib.util.find_spec("torchsde")):
        return None
    import torch
    import torchsde

    class Lorenz(torch.nn.Module):
        noise_type, sde_type = "diagonal", "ito"

        def f(self, t: Any, x: Any) -> Any:
            a, b, c = x[:, 0], x[:, 1], x[:, 2]
            return torch.stack([10.0 * (b - a), a * (28.0 - c) - b, a * b - (8.0 / 3.0) * c], dim=1)

        def g(self, t: Any, x: Any) -> Any:
            return 0.1 * x

    model, x0 = Lorenz(), torch.ones((batch, 3), dtype=torch.float64)
    times = torch.tensor([0.0, STOP], dtype=torch.float64)

    def run() -> Any:
        with torch.no_grad():
            return torchsde.sdeint(model, x0, times, dt=STOP / steps, method="euler")

    return run


WORK = {
    "normals, 4,000 x 1,000": normals(4_000, 1_000),
    "normals, 300 x 400": normals(300, 400),
    "normals, 100 x 3": normals(100, 3),
    "memory, 1 channel, all rows": memory(1, 4_000, 1),
    "memory, 64 channels, all rows": memory(64, 1_000, 1),
    "memory, 64 channels, last row": memory(64, 4_000, 4_000),
    "scan, 4,000 x 1": scan(4_000, 1),
    "scan, 1,000 x 256": scan(1_000, 256),
    "scan, 4,000 x 256": scan(4_000, 256),
}
BATCHES = (100, 20_000)


def one_thread() -> None:
    """Let all libraries run on one thread, so that the processor's time says what each needs."""
    if importlib.util.find_spec("numba"):
        import numba

        numba.set_num_threads(1)
    if importlib.util.find_spec("torch"):
        import torch

        torch.set_num_threads(1)


def main() -> None:
    """Print the tables: NumPy's time, and how many times as long every other library takes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--wall", action="store_true", help="time by the wall's clock, on all threads")
    parser.add_argument("--without", nargs="*", default=[], help="libraries to leave out")
    given = parser.parse_args()
    clock = time.perf_counter if given.wall else time.process_time
    if not given.wall:
        one_thread()
    senders = {name: send for name, send in libraries().items() if name not in given.without}

    def best(case: Callable[[Any], Callable[[], Any]], more: Cases | None = None) -> dict[str, float]:
        calls: Cases = {name: case(send) for name, send in senders.items()} | (more or {})
        waiting = {name: lambda call=call: finished(call()) for name, call in calls.items()}
        return best_times(waiting, given.rounds, clock)

    print(f"{'':32}{'NumPy, ms':>12}" + "".join(f"{name:>10}" for name in senders if name != "numpy"))
    for what, case in WORK.items():
        times = best(case)
        ratios = "".join(f"{times[name] / times['numpy']:10.2f}" for name in senders if name != "numpy")
        print(f"{what:32}{1e3 * times['numpy']:12.3f}{ratios}", flush=True)
    print(f"\n{STEPS} Euler-Maruyama steps: times NumPy's time, and times torchsde's speed")
    for batch in BATCHES:
        theirs = peer(batch)
        times = best(paths(batch), {"torchsde": theirs} if theirs else {})
        for name, seconds in times.items():
            speed = f"{times['torchsde'] / seconds:8.2f}" if theirs else ""
            step = 1e6 * seconds / STEPS
            print(
                f"batch {batch:6} {name:10}{step:10.1f} us{seconds / times['numpy']:8.2f}{speed}", flush=True
            )


if __name__ == "__main__":
    main()
