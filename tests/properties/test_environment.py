"""The same numbers in every environment: strict, threaded, forked, short of memory, interrupted."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from diffmath import ode, random, sde

PREAMBLE = """
import hashlib, os, signal, sys, threading
import numpy as np
from diffmath import ode, random, sde

def f(t, x):
    return -np.sqrt(np.abs(x)) + np.sin(t)

def numbers():
    digest = hashlib.sha256()
    x0, key = np.linspace(0.1, 1.2, 12).reshape(6, 2), random.key(7)
    for method in (ode.dopri5, ode.dop853, ode.kvaerno5, ode.rodas5p, ode.tsit5):
        digest.update(ode.solve(f, x0, [0.0, 0.3, 1.0], method=method, rtol=1e-4).x.tobytes())
    model = sde.SDE(f, lambda t, x: 0.3 + 0 * x, noise="additive")
    for method in (sde.euler_maruyama, sde.sra1, sde.skencarp):
        digest.update(sde.solve(model, x0, [0.0, 0.5, 1.0], method=method, key=key, substeps=4).x.tobytes())
    run = sde.solve_adaptive(model, x0, [0.0, 1.0], method=sde.euler_maruyama, key=key, rtol=1e-1, atol=1e-2)
    digest.update(run.x.tobytes())
    return digest.hexdigest()

first = numbers()
"""

# What leaves a process usable shares one: a process takes a second to start and to take the first numbers.
ENVIRONMENTS = {
    "plain": "",
    "numpy raises": 'np.seterr(all="raise")\nassert numbers() == first',
    "forked, threaded, with a low recursion limit, interrupted, short of memory": """
# A process is forked before it has threads.
read, write = os.pipe()
if not os.fork():
    os.write(write, numbers().encode())
    os._exit(0)
assert os.read(read, 100).decode() == first
assert os.wait()[1] == 0

from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(4) as pool:
    assert set(pool.map(lambda _: numbers(), range(8))) == {first}

usual = sys.getrecursionlimit()
sys.setrecursionlimit(60)
assert numbers() == first
sys.setrecursionlimit(usual)

# A process that a shell starts in the background ignores Ctrl-C, and so do its children.
signal.signal(signal.SIGINT, signal.default_int_handler)

def endless(t, x):
    return np.sin(1e9 * t) + 0 * x

for call in (
    lambda: ode.solve(endless, np.ones((2, 1)), [0.0, 1e6], max_steps=10**9),
    lambda: ode.solve(endless, np.ones((2, 1)), [0.0, 1e6], method=ode.radau5, max_steps=10**9),
    lambda: sde.solve(sde.SDE(endless, f), np.ones((2, 1)), [0.0, 1.0], method=sde.euler_maruyama,
                      key=random.key(0), substeps=10**7),
):
    timer = threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    try:
        call()
    except KeyboardInterrupt:
        timer.join()
    else:
        sys.exit("it went on")
assert numbers() == first

import resource
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + 2**28, -1))
for batch in ({}, {"batch": "shared"}, {"substeps": 2}):
    try:
        ode.solve(f, np.ones((5_000_000, 4)), [0.0, 1.0], **batch)
    except MemoryError:
        pass
    else:
        sys.exit("a solve of 160 MB in 256 MB")
model, key = sde.SDE(f, f), random.key(0)
try:
    sde.solve(model, np.ones((5_000_000, 4)), [0.0, 1.0], method=sde.euler_maruyama, key=key)
except MemoryError:
    pass
else:
    sys.exit("a solve of 160 MB in 256 MB")
assert numbers() == first
""",
}


def run(script: str, *flags: str, cwd: Path) -> str:
    root = str(Path(ode.__file__).parents[2])
    environment = os.environ | {"PYTHONPATH": root, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, *flags, "-c", PREAMBLE + script + "\nprint(first)"],
        capture_output=True, text=True, timeout=600, cwd=cwd, env=environment, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stderr == ""
    assert not list(cwd.iterdir()), "nothing is written"
    return done.stdout.strip()


@pytest.mark.skipif(sys.platform != "linux", reason="limits and signals of Linux")
def test_the_same_numbers_in_every_environment(tmp_path: Path) -> None:
    flags = {"plain": ("-O",), "numpy raises": ("-W", "error")}
    digests = {name: run(script, *flags.get(name, ()), cwd=tmp_path) for name, script in ENVIRONMENTS.items()}
    assert len(set(digests.values())) == 1, digests


def solve_both(x0: Any) -> list[Any]:
    model = sde.SDE(lambda t, x: -x, lambda t, x: 0.3 + 0 * x, noise="additive")
    key = random.key(0)
    return [
        ode.solve(lambda t, x: -x, x0, [0.0, 1.0]).x,
        ode.solve(lambda t, x: -x, x0, [0.0, 1.0], method=ode.kvaerno3, batch="shared").x,
        sde.solve(model, x0, [0.0, 1.0], method=sde.sra1, key=key).x,
    ]


def test_a_memory_map_is_an_array(tmp_path: Path) -> None:
    values = np.linspace(0.1, 1.2, 12).reshape(6, 2)
    stored = np.memmap(tmp_path / "x0.bin", dtype=float, mode="w+", shape=(6, 2))
    stored[...] = values
    stored.flush()
    mapped = np.memmap(tmp_path / "x0.bin", dtype=float, mode="r", shape=(6, 2))
    for found, expected in zip(solve_both(mapped), solve_both(values), strict=True):
        assert type(found) is np.ndarray
        np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(mapped, values)


class Metres(np.ndarray):
    """Numbers with a unit, as several libraries have them."""


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_arrays_that_mean_more_than_their_numbers_are_refused_by_name() -> None:
    values = np.ones((2, 2))
    record = np.rec.array([(1.0, 2.0)], dtype=[("a", float), ("b", float)])
    for special in (values.view(Metres), np.ma.masked_less(values, 0), np.matrix(values), record):
        with pytest.raises(TypeError, match=r"x0 must (be|hold)"):
            solve_both(special)
    with pytest.raises(TypeError, match="plain array; got Metres"):
        ode.solve(lambda t, x: x.view(Metres), values, [0.0, 1.0])
