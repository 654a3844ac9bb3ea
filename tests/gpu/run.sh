#!/usr/bin/env bash
# The tests of a machine with a GPU, without a network: each part under its own limit, eight minutes in all.
#
#   tests/gpu/run.sh WHEELS OUT     WHEELS: a folder of wheels; OUT: logs, results.json, results.md
#   tests/gpu/run.sh - OUT          with the packages of the Python at hand
#
# The folder is filled on a machine with a network, by the same version of Python and the same platform:
#   pip download -d WHEELS "cupy-cuda13x[ctk]>=14" numpy scipy sympy array-api-compat array-api-strict numba \
#       pytest pytest-xdist hypothesis matplotlib rich tqdm
# (cupy-cuda12x for a driver of CUDA 12: DIFFMATH_CUDA=12). Nothing here has run on a GPU yet.
set -uo pipefail
wheels=${1:?usage: run.sh WHEELS OUT} out=${2:?usage: run.sh WHEELS OUT}
root=$(cd "$(dirname "$0")/../.." && pwd)
mkdir -p "$out" && out=$(cd "$out" && pwd)
: >"$out/parts.tsv"
export PYTHONPATH=$root DIFFMATH_GPU=1 OMP_NUM_THREADS=1
python=python3

part() { # part NAME LIMIT COMMAND...: run it under its limit in seconds, keep its log, note how it ended
    local name=$1 limit=$2 begin=$SECONDS
    shift 2
    timeout "$limit" "$@" >"$out/$name.log" 2>&1
    printf '%s\t%s\t%s\t%s\n' "$name" "$?" "$((SECONDS - begin))" "$limit" >>"$out/parts.tsv"
}

suite() { # suite NAME LIMIT ARGUMENTS...: a part that is a run of pytest
    local name=$1 limit=$2
    shift 2
    part "$name" "$limit" "$python" -m pytest -p no:cacheprovider -q --junitxml "$out/$name.xml" "$@"
}

cd "$root" || exit 1
if [ "$wheels" != - ]; then
    python3 -m venv "$out/venv"
    python=$out/venv/bin/python
    part install 110 "$python" -m pip install --no-index --find-links "$wheels" --quiet \
        "cupy-cuda${DIFFMATH_CUDA:-13}x[ctk]>=14" numpy scipy sympy array-api-compat array-api-strict numba \
        pytest pytest-xdist hypothesis matplotlib rich tqdm
fi
part info 20 "$python" -m diffmath info
suite device 60 tests/gpu
if "$python" -c "import cupy; assert cupy.cuda.runtime.getDeviceCount()" 2>/dev/null; then
    # Every process compiles the small kernels of CuPy for itself, about two minutes of it.
    suite arrays 270 -n "${DIFFMATH_GPU_WORKERS:-8}" --dist worksteal -k "cupy" tests
else
    printf 'arrays\t77\t0\t270\n' >>"$out/parts.tsv" # the part before says why
fi
python3 "$root/tests/gpu/summary.py" "$out"
