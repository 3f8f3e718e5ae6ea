#!/usr/bin/env bash
# What to run first on a machine with an NVIDIA GPU, JAX and PyTorch (environment.md), seven minutes at most, the most valuable
# part first and each with a limit of its own: training steps of three Glows in three precisions, scoring, the reference parity
# suite in float32, and the peers' best (PyTorch with a compiled step in a CUDA graph, JAX). Needs no Go there.
#
#   experiments/gpu/check.sh build   # here: writes bin/gpu.tgz, to be carried: programs, and the cases of parity where there are any
#   experiments/gpu/check.sh run     # there: writes $OUT (default experiments/gpu/results)
#   experiments/gpu/check.sh try     # here: the same on XLA's CPU plugin, the smallest sizes: does it run?
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
OUT=${OUT:-experiments/gpu/results}
sizes=(K32_H512_B64 K32_H512_B256 K8_H128_B32) steps=20x parity=ReferenceParity
case "${1:-}" in
build)
  export GOEXPERIMENT=simd
  rm -rf bin/gpu bin/gpu.tgz
  mkdir -p bin/gpu
  go test -c -ldflags '-s -w' -o bin/gpu/parity.test ./tests
  go test -c -ldflags '-s -w' -o bin/gpu/glow.test ./pkg/glow
  cases=${STRATA_PARITY:-../shared/parity}
  if [[ -d $cases ]]; then cp -r "$cases" bin/gpu/parity; fi
  tar czf bin/gpu.tgz -C bin gpu
  exit
  ;;
run)
  . experiments/gpu/cuda.sh
  machine() { nvidia-smi --query-gpu=name,driver_version --format=csv; }
  ;;
try)
  sizes=(K4_H64_B32) steps=2x parity=ReferenceParity/glow_grey cuda=
  machine() { grep -m1 'model name' /proc/cpuinfo; }
  ;;
*)
  echo "usage: $0 build | run | try" >&2
  exit 2
  ;;
esac
mkdir -p "$OUT"
if [[ ! -d bin/gpu ]]; then tar xzf bin/gpu.tgz -C bin; fi
{ machine; date -u; git log -1 --format='commit %h' 2>/dev/null || true; } 2>&1 | tee "$OUT/machine.txt"

# bench NAME PATTERN: one benchmark, its line marked with NAME.
bench() {
  (cd pkg/glow && timeout 60 ../../bin/gpu/glow.test -test.run '^$' -test.bench "$2" -test.benchtime "$steps" 2>&1) |
    awk -v name="$1" '/^Benchmark/ { print name, $0; seen = 1 } { last = $0 } END { if (!seen) print name, "NO RESULT: " last }' | tee -a "$OUT/steps.txt"
}
for size in "${sizes[@]}"; do
  for precision in bfloat16 tf32 float32; do
    STRATA_BENCH_PRECISION=$precision bench "$precision" "^BenchmarkTrainStep\$/^$size\$"
  done
done
XLA_FLAGS=$cuda STRATA_BENCH_PRECISION=tf32 bench tf32-triton "^BenchmarkTrainStep\$/^${sizes[0]}\$"
bench float32 "^BenchmarkScore\$/^K${sizes[0]:1:1}.*_N256\$"

# In full float32 everything must pass.
if [[ -d bin/gpu/parity ]]; then export STRATA_PARITY=$PWD/bin/gpu/parity; fi
(cd tests && NVIDIA_TF32_OVERRIDE=0 timeout 150 ../bin/gpu/parity.test -test.run "$parity" -test.v > "$OUT/parity.txt" 2>&1) || echo "parity did NOT pass, or not in time: $OUT/parity.txt" >&2
grep -c '^ *--- PASS' "$OUT/parity.txt" | sed 's/$/ parity tests passed/'
grep '^ *--- FAIL' "$OUT/parity.txt" || true

if [[ $1 == run ]]; then
  OUT=$OUT timeout 120 experiments/gpu/peers.sh torch jax tf32 32_512_64 || true
fi
