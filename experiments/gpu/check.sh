#!/usr/bin/env bash
# What to run first on a machine with an NVIDIA GPU and JAX (environment.md): the reference parity suite in full float32 and
# one training step at each size. Needs no Go there: build here, carry bin/.
#
#   experiments/gpu/check.sh build   # here: writes bin/gpu/{strata,parity.test,glow.test}
#   experiments/gpu/check.sh run     # there: writes $OUT (default experiments/gpu/results)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
case "${1:-}" in
build)
  export GOEXPERIMENT=simd
  mkdir -p bin/gpu
  go build -o bin/gpu/strata ./cmd/strata
  go test -c -o bin/gpu/parity.test ./tests
  go test -c -o bin/gpu/glow.test ./pkg/glow
  ;;
run)
  OUT=${OUT:-experiments/gpu/results}
  mkdir -p "$OUT"
  SITE=$(python3 -c 'import jax_plugins.xla_cuda13 as m, os; print(os.path.dirname(os.path.dirname(m.__path__[0])))')
  export GOMLX_BACKEND=xla:$SITE/jax_plugins/xla_cuda13/xla_cuda_plugin.so,preallocate=false
  export XLA_FLAGS=--xla_gpu_cuda_data_dir=$SITE/nvidia/cu13 GOPJRT_CUDA_CHECKS=0
  LD_LIBRARY_PATH=$(printf '%s:' "$SITE"/nvidia/*/lib)${LD_LIBRARY_PATH:-}
  export LD_LIBRARY_PATH
  nvidia-smi --query-gpu=name,driver_version --format=csv > "$OUT/machine.csv"
  bin/gpu/strata version | tee "$OUT/version.txt"
  (cd tests && ../bin/gpu/parity.test -test.run ReferenceParity -test.v) | tee "$OUT/parity.txt"
  (cd pkg/glow && ../../bin/gpu/glow.test -test.run '^$' -test.bench TrainStep -test.benchtime 20x) | tee "$OUT/step.txt"
  (cd pkg/glow && NVIDIA_TF32_OVERRIDE=1 GOMLX_BACKEND="$GOMLX_BACKEND,tf32=true" ../../bin/gpu/glow.test -test.run '^$' -test.bench TrainStep -test.benchtime 20x) | tee "$OUT/step_tf32.txt"
  ;;
*)
  echo "usage: $0 build | run" >&2
  exit 2
  ;;
esac
