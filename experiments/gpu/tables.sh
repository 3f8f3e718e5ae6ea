#!/usr/bin/env bash
# The CIFAR-10 rows of Tables 1 to 4 with the paper's networks, for as many steps as a short loan of a GPU allows (size gpu). Such a machine
# keeps nothing after the loan and takes 64 MiB a call: every third training image and all test images travel, and what comes back
# is the tables, not the runs.
#
#   STRATA_DATA=../shared/data SETS="..." experiments/gpu/tables.sh build   # here: writes bin/gpu/{strata.gz,data}; carry bin/gpu
#   experiments/gpu/tables.sh run 560          # there, again until it says that all is trained: 560 s of training a call
#   experiments/gpu/tables.sh tables           # there: writes $OUT (default experiments/gpu/results)
#
# SETS are the zips of STRATA_DATA, without .zip, that a family of experiments/sets.yaml needs.
# SIZE=smoke and GOMLX_BACKEND=go try it out without a GPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
SIZE=${SIZE:-gpu}
TARGETS=(glow-in-from-general glow-in-outlier-loss glow-in-margin-loss glow-in-labels glow-general-against-in)
WORK=${WORK:-/tmp/strata-gpu}

prepare() {
  mkdir -p "$WORK/runs" "$WORK/figures"
  [[ -x $WORK/strata ]] || { gunzip -c bin/gpu/strata.gz > "$WORK/strata.new" && chmod +x "$WORK/strata.new" && mv "$WORK/strata.new" "$WORK/strata"; }
  export STRATA_DATA=$PWD/bin/gpu/data STRATA_RUNS=$WORK/runs STRATA_FIGURES=$WORK/figures
  if [[ -z ${GOMLX_BACKEND:-} ]]; then
    SITE=$(python3 -c 'import jax_plugins.xla_cuda13 as m, os; print(os.path.dirname(os.path.dirname(m.__path__[0])))')
    export GOMLX_BACKEND=xla:$SITE/jax_plugins/xla_cuda13/xla_cuda_plugin.so,preallocate=false
    export XLA_FLAGS=--xla_gpu_cuda_data_dir=$SITE/nvidia/cu13 GOPJRT_CUDA_CHECKS=0 GOMLX_NO_AUTO_INSTALL=1
    LD_LIBRARY_PATH=$(printf '%s:' "$SITE"/nvidia/*/lib)${LD_LIBRARY_PATH:-}
    export LD_LIBRARY_PATH
  fi
}

case "${1:-}" in
build)
  : "${STRATA_DATA:?the folder of the image sets}" "${SETS:?the zips there that travel, without .zip}"
  rm -rf bin/gpu/data && mkdir -p bin/gpu/data
  GOEXPERIMENT=simd go build -trimpath -ldflags '-s -w' -o bin/gpu/strata.full ./cmd/strata
  gzip -9 -c bin/gpu/strata.full > bin/gpu/strata.gz && rm bin/gpu/strata.full
  # shellcheck disable=SC2086 # one word a set
  python3 - "$STRATA_DATA" bin/gpu/data $SETS <<'PY'
import sys, zipfile
source, target, *names = sys.argv[1:]
for name in names:
    with zipfile.ZipFile(f"{source}/{name}.zip") as all, zipfile.ZipFile(f"{target}/{name}.zip", "w") as part:
        train = 0
        for info in all.infolist():
            if info.filename.startswith("train/") and not info.is_dir():
                train += 1
                if train % 3:
                    continue
            part.writestr(info, all.read(info))
PY
  du -sh bin/gpu
  ;;
run)
  prepare
  # An interrupt saves a checkpoint; the next call goes on from there.
  rc=0
  timeout --signal=INT "${2:-560}" "$WORK/strata" reproduce "${TARGETS[@]}" --size "$SIZE" --stage train || rc=$?
  [[ $rc == 0 ]] && echo "all is trained: $0 tables" || echo "stopped with $rc: call again"
  ;;
tables)
  prepare
  OUT=${OUT:-experiments/gpu/results}
  mkdir -p "$OUT"
  "$WORK/strata" reproduce "${TARGETS[@]}" --size "$SIZE" --stage evaluate > "$OUT/tables.txt"
  "$WORK/strata" report --out "$WORK/report"
  cp -r "$WORK"/figures/results/*/* "$OUT"
  cp "$WORK/report/index.html" "$OUT"
  { nvidia-smi --query-gpu=name,driver_version --format=csv || true; "$WORK/strata" version; } > "$OUT/machine.txt"
  ;;
*)
  echo "usage: $0 build | run [SECONDS] | tables" >&2
  exit 2
  ;;
esac
