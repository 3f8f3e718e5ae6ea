#!/usr/bin/env bash
# How figures/results/real-SIZE and what is drawn of it are made, from nothing: trains the family real, all of it with
# seed 1 and the core with seeds 2 and 3, evaluates, and lays the results and what is drawn of them into figures/ and docs/pages.
# Stopped at any moment it goes on where it was, as long as STRATA_RUNS is there. Cells and claims over seeds are computed of
# single images' scores, so that a seed cannot be added to results whose runs are gone: train all seeds on one machine.
#
#   STRATA_DATA=../shared/data experiments/evidence/real.sh               # demo: about 2 1/2 hours on two idle cores
#   SIZE=long TARGETS='glow-in-from-general glow-in' CORE= experiments/evidence/real.sh
#   experiments/evidence/real.sh publish                                  # only lay down what is evaluated already
#
# SIZE is the size, TARGETS what is trained with seed 1, CORE what with SEEDS more, "" for nothing; SHOWN is the size that figures/real
# is of: the largest that has all of the runs. A second training run
# beside it on two cores takes longer than one after the other.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
SIZE=${SIZE:-demo}
TARGETS=${TARGETS:-all}
CORE=${CORE-glow-general glow-in glow-smooth glow-near glow-in-from-general glow-smooth-from-general glow-near-from-general
  glow-in-outlier-loss glow-in-margin-loss}
SEEDS=${SEEDS:-2}
SHOWN=${SHOWN:-demo}
STRATA=${STRATA:-bin/strata}
# Apart from figures/, which git follows: results of real sets come with pictures of them.
export STRATA_RUNS=${STRATA_RUNS:-$PWD/runs} STRATA_FIGURES=${STRATA_FIGURES:-$PWD/runs/evidence}
made=$STRATA_FIGURES/results/real-$SIZE
landed=figures/results/real-$SIZE

# shellcheck disable=SC2086 # a word a target
train() {
  : "${STRATA_DATA:?names no folder: where the sets are that experiments/sets.yaml lists for the family real}"
  "$STRATA" reproduce $TARGETS --size "$SIZE" --stage train
  local seeds=1
  if [[ -n $CORE ]]; then
    "$STRATA" reproduce $CORE --size "$SIZE" --seed 2 --seeds "$SEEDS" --stage train
    seeds=$((SEEDS + 1))
  fi
  "$STRATA" reproduce $TARGETS --size "$SIZE" --seeds "$seeds" --stage evaluate
}

publish() {
  [[ -e $made/results.json ]] || { echo "$made is not complete: run $0 first" >&2; exit 1; }
  rm -rf "$landed.new" "$landed.old"
  cp -r "$made" "$landed.new"
  rm -rf "$landed.new"/pictures*
  [[ ! -e $landed ]] || mv "$landed" "$landed.old"
  mv "$landed.new" "$landed"
  rm -rf "$landed.old"
  unset STRATA_FIGURES STRATA_RUNS
  "$STRATA" figures --results "figures/results/real-$SHOWN" --out figures/real # and the tables of figures/results/README.md
  STRATA_FIGURES='' STRATA_RESULTS='' "$STRATA" pages --drawn --reports --results figures/results/procedural-quick --out docs/pages
}

case ${1:-all} in
all) train && publish ;;
publish) publish ;;
*) sed -n '2,/^set /{/^#/s/^# \{0,1\}//p}' "$0" && exit 2 ;;
esac
