#!/usr/bin/env bash
# The peers' best on an NVIDIA GPU, a line of JSON each: PyTorch with compiled steps and the whole training step as one CUDA graph,
# JAX with a loop over the steps of a scale. Each takes 20 to 90 seconds, the most of it to compile; name what you need.
#
#   experiments/gpu/peers.sh [torch|jax]... [f32|tf32|bf16]... [K_HIDDEN_BATCH]...
#   experiments/gpu/peers.sh torch tf32 32_512_64       # one of them; without arguments all 18, ten minutes or more
#   experiments/gpu/peers.sh try                        # all of it on a CPU, tiny, without graphs: does it run?
#
# Lines are appended to $OUT/peers.jsonl (default experiments/gpu/results). PYTHON (default python3) is one with PyTorch and JAX
# for CUDA; STEPS (default 30) are timed.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
OUT=${OUT:-experiments/gpu/results} PYTHON=${PYTHON:-python3} STEPS=${STEPS:-30}
device=cuda mode=compile+graph limit=120
frameworks=() precisions=() sizes=()
for word in "$@"; do
  case $word in
  torch | jax) frameworks+=("$word") ;;
  f32 | tf32 | bf16) precisions+=("$word") ;;
  [0-9]*_[0-9]*_[0-9]*) sizes+=("$word") ;;
  try) device=cpu mode=compile limit=600 STEPS=3 sizes=(2_16_4) ;;
  *)
    echo "$0: what is '$word'? torch, jax, f32, tf32, bf16, a size such as 32_512_64, or try" >&2
    exit 2
    ;;
  esac
done
((${#frameworks[@]})) || frameworks=(torch jax)
((${#precisions[@]})) || precisions=(tf32 f32 bf16)
((${#sizes[@]})) || sizes=(32_512_64 32_512_256 8_128_32)
mkdir -p "$OUT"
failed=0
for size in "${sizes[@]}"; do
  IFS=_ read -r k hidden batch <<< "$size"
  for precision in "${precisions[@]}"; do
    for framework in "${frameworks[@]}"; do
      form=$mode
      if [[ $framework == jax ]]; then form=scan; fi
      # One that fails, for want of memory for instance, does not keep the others from being measured.
      timeout "$limit" "$PYTHON" "experiments/bench/peers/${framework}_glow.py" train --k "$k" --hidden "$hidden" --batch "$batch" \
        --mode "$form" --device "$device" --precision "$precision" --steps "$STEPS" --budget 20 2> "$OUT/peers.err" | tee -a "$OUT/peers.jsonl" ||
        { failed=1; echo "$framework $size $precision: no result within $limit s; last words: $(tail -n 1 "$OUT/peers.err")" | tee -a "$OUT/peers.failed" >&2; }
    done
  done
done
exit $failed
