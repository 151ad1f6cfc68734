#!/usr/bin/env bash
# Everything that needs an NVIDIA device, in under 4 minutes: bash tools/gpu_check.sh [FOLDER]
# The log and the speed table go to FOLDER, build/gpu by default. The exit status is 1 if any bit differs.
# Needs python3 with torch built for CUDA, NumPy and pytest, and no network. NVRTC is the one that torch brings.
# JAX, CuPy, transformers and compute-sanitizer are used where they are. Where pyinit._core is not built,
# g++, CMake, Ninja, pybind11 and Cython build it.
set -uo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
results=${1:-$root/build/gpu}
# a relative folder is the caller's
mkdir -p "$results" && results=$(cd "$results" && pwd) && cd "$root" || exit 1
export PYTHONPATH=$root PYTHONUNBUFFERED=1 XLA_PYTHON_CLIENT_PREALLOCATE=false
# A cold cache, so that the first calls are measured; nothing of this machine's user is touched.
PYINIT_CACHE_DIR=$(mktemp -d)
export PYINIT_CACHE_DIR
trap 'rm -rf "$PYINIT_CACHE_DIR"' EXIT
status=0

section() { printf '\n==== %s (at %d s)\n' "$1" "$SECONDS"; }
# Runs a part for at most so many seconds; the others go on when it fails.
part() {
  local limit=$1
  shift
  timeout "$limit" "$@" || {
    echo "!!!! failed ($?): $*"
    status=1
  }
}

main() {
  section "the core"
  if ! python3 -c 'import pyinit._core' 2>/dev/null; then
    cmake -S . -B build/gpu/core -G Ninja -DCMAKE_BUILD_TYPE=Release \
      -Dpybind11_DIR="$(python3 -m pybind11 --cmakedir)" -DPython_EXECUTABLE="$(command -v python3)" >/dev/null &&
      cmake --build build/gpu/core --parallel "$(nproc)" --target _core | tail -1 &&
      cp build/gpu/core/_core*.so pyinit/ || return 1
  fi
  nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv,noheader || true
  python3 -m pyinit.cli info || return 1

  section "golden digests and 1,000 random windows past 2^32 and 2^40"
  # the rules of the whole suite need what these tests do not: hypothesis, and other packages' warnings
  PYINIT_CUDA_DEVICE=0 part 70 python3 -m pytest -q -x -p no:cacheprovider --confcutdir=tests/cuda \
    tests/cuda/test_bits.py tests/cuda/test_windows.py

  section "first calls with a cold cache, and warm ones"
  rm -rf "${PYINIT_CACHE_DIR:?}"/*
  part 30 python3 -m tools.gpu latency

  section "large tensors against the CPU; torch, CUDA graphs, CuPy, JAX"
  part 60 python3 -m tools.gpu adapters

  section "a model of 8 B in bfloat16"
  part 60 python3 -m tools.gpu model

  section "speed"
  part 60 python3 -m tools.gpu speed --table "$results/speed.md"

  if command -v compute-sanitizer >/dev/null; then
    for tool in memcheck racecheck; do
      section "compute-sanitizer $tool"
      part 40 compute-sanitizer --tool "$tool" --error-exitcode 9 python3 -m tools.gpu small
    done
  else
    echo "compute-sanitizer is not here: memcheck and racecheck were not run"
  fi
  printf '\n%s after %d s\n' "$([[ $status == 0 ]] && echo "all as it should be" || echo "SOMETHING FAILED")" "$SECONDS"
}

main > >(tee "$results/gpu_check.log") 2>&1 || status=1
wait
exit "$status"
