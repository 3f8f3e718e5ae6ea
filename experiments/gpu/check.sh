#!/usr/bin/env bash
# What to run first on a machine with an NVIDIA GPU, JAX and PyTorch (environment.md): the reference parity suite in full float32
# and in TF32, and a training step at each size against PyTorch's, eager, in the same run (peers.sh measures the best of PyTorch and
# JAX). Needs no Go there: build here, carry bin/gpu
# and, for all of the parity suite, a folder of cases in STRATA_PARITY.
#
#   experiments/gpu/check.sh build   # here: writes bin/gpu/{strata,parity.test,glow.test,pixelcnn.test}
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
  go test -c -o bin/gpu/pixelcnn.test ./pkg/pixelcnn
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
  # In full float32 everything must pass.
  (cd tests && ../bin/gpu/parity.test -test.run ReferenceParity -test.v) > "$OUT/parity.txt" || echo "parity FAILED, see $OUT/parity.txt" >&2
  grep -h 'error ' "$OUT/parity.txt" | awk '{print $(NF-6), $0}' | sort -g | tail -5
  # In TF32 it need not: the errors are the measure of what TF32 costs.
  (cd tests && NVIDIA_TF32_OVERRIDE=1 GOMLX_BACKEND="$GOMLX_BACKEND,tf32=true" ../bin/gpu/parity.test -test.run ReferenceParity -test.v) > "$OUT/parity_tf32.txt" || true
  # Steps, ours and PyTorch's by turns.
  for i in 1 2; do
    (cd pkg/glow && ../../bin/gpu/glow.test -test.run '^$' -test.bench 'TrainStep|Score' -test.benchtime 20x) | tee -a "$OUT/step.txt"
    (cd pkg/pixelcnn && ../../bin/gpu/pixelcnn.test -test.run '^$' -test.bench TrainStep -test.benchtime 20x) | tee -a "$OUT/step.txt"
    for size in '4 64 32' '8 128 32' '32 512 16' '32 512 64'; do
      read -r k hidden batch <<< "$size"
      for precision in f32 tf32; do
        python3 experiments/bench/peers/torch_glow.py train --k "$k" --hidden "$hidden" --batch "$batch" --device cuda --precision $precision --steps 20 | tee -a "$OUT/torch.txt"
      done
    done
  done
  (cd pkg/glow && NVIDIA_TF32_OVERRIDE=1 GOMLX_BACKEND="$GOMLX_BACKEND,tf32=true" ../../bin/gpu/glow.test -test.run '^$' -test.bench TrainStep -test.benchtime 20x) | tee "$OUT/step_tf32.txt"
  ;;
*)
  echo "usage: $0 build | run" >&2
  exit 2
  ;;
esac
