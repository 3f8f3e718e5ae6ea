#!/usr/bin/env bash
# What a short loan of a GPU says of the paper: Glows of the paper's network (size gpu), of the general set, finetuned
# on CIFAR-10, and with the outlier loss; all test sets scored in float32; score files, curves, results and timings
# brought back. README.md here says how, call by call. The work begins as soon as the general set is there and goes on
# between calls, so that it waits for none.
#
#   STRATA_DATA=../shared/data experiments/gpu/evidence.sh pack
#                      # here: bin/evidence/1, 2, ..., each as much as a call takes
#   experiments/gpu/evidence.sh part N        # there, a call a part, in order, with bin/evidence/N carried
#   experiments/gpu/evidence.sh wait SECONDS  # there, again until it says that all is done: writes $OUT
#   experiments/gpu/evidence.sh land FOLDER   # here: what came back becomes figures/results/real-gpu and
#                                             # experiments/gpu/results/evidence-DATE
#
# SIZE, PRECISION, TARGETS and SECONDS_LENT change what is done, GOMLX_BACKEND=go or xla:cpu where; SETS= packs no set,
# and what strata draws is taken; BINARY is a strata that is built already, PRESET=0 to 9 how small it is packed. With
# SIZE=smoke PRECISION=float32 it is tried out without a GPU.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
SIZE=${SIZE:-gpu}
PRECISION=${PRECISION:-bfloat16}
TARGETS=${TARGETS:-glow-in-from-general glow-in-outlier-loss}
# So many of a loan's 15 minutes are left when the work begins, less what it takes to give the machine back; the last of
# them are for scoring and evaluation.
SECONDS_LENT=${SECONDS_LENT:-720} RESERVED=120
CALL_MIB=${CALL_MIB:-64} # what a call takes, the tree without ignored files among it
WORK=${WORK:-/tmp/strata-evidence}
PACKED=bin/evidence
# The zips of STRATA_DATA that travel; what is trained on first, for with it the work begins.
SETS=${SETS-tinyimagenet64 cifar10 svhn scenes cifar100 faces}

pack() {
  rm -rf "$PACKED"
  mkdir -p "$PACKED/all"
  if [[ -n ${BINARY:-} ]]; then
    cp "$BINARY" "$PACKED/strata"
  else
    GOEXPERIMENT=simd go build -trimpath -ldflags '-s -w' -o "$PACKED/strata" ./cmd/strata
  fi
  { git log -1 --format='commit %H' && git status --short; } > "$PACKED/all/commit.txt" 2>&1 || true
  local tree
  # shellcheck disable=SC2016 # $f is the inner shell's
  tree=$({ git ls-files -co --exclude-standard -z; [[ ! -d shared ]] || find shared -type f -print0; } |
    xargs -0 -r sh -c 'for f; do [ ! -e "$f" ] || stat -c %s "$f"; done' _ | awk '{ sum += $1 } END { print sum + 0 }')
  # shellcheck disable=SC2086 # one word a set
  python3 - "$PACKED" "$((CALL_MIB * 1024 * 1024 - tree))" "${PRESET:-6}" "${STRATA_DATA:-}" $SETS <<'PY'
import hashlib, lzma, os, shutil, sys, zipfile
packed, room, preset, data, *sets = sys.argv[1:]
room = int(room) - (1 << 20)  # a mebibyte less, for what a transfer adds
if room < 1 << 20:
    sys.exit("the tree alone is as much as a call takes: README.md in experiments/gpu says how to leave figures/ out")
# Nothing is trained on these: of their training images a hundredth travels, for a set has both splits.
tested_only = {"scenes", "cifar100"}
with open(f"{packed}/strata", "rb") as plain, lzma.open(f"{packed}/all/strata.xz", "wb", preset=int(preset)) as small:
    shutil.copyfileobj(plain, small)
names = ["strata.xz", "commit.txt"]
for name in sets:
    names.append(f"{name}.zip")
    source, target = f"{data}/{name}.zip", f"{packed}/all/{name}.zip"
    if name not in tested_only:
        shutil.copyfile(source, target)
        continue
    with zipfile.ZipFile(source) as all, zipfile.ZipFile(target, "w") as part:
        trained = [info for info in all.infolist() if info.filename.startswith("train/") and not info.is_dir()]
        left_here = {info.filename for i, info in enumerate(trained) if i % 100}
        for info in all.infolist():
            if info.filename not in left_here:
                part.writestr(info, all.read(info))
manifest, parts, left = "", 0, 0
for name in names:
    text = open(f"{packed}/all/{name}", "rb").read()
    manifest += f"{len(text)} {hashlib.sha256(text).hexdigest()} {name}\n"
    at = 0
    while at < len(text):
        if left == 0:
            parts, left = parts + 1, room
            os.makedirs(f"{packed}/{parts}")
        piece = text[at : at + left]
        # Called by its place in the file, so that nothing is taken twice.
        with open(f"{packed}/{parts}/{name}@{at}", "wb") as out:
            out.write(piece)
        at, left = at + len(piece), left - len(piece)
for part in range(1, parts + 1):
    with open(f"{packed}/{part}/manifest", "w") as out:
        out.write(manifest)
print(f"{parts} parts, {room / (1 << 20):.1f} MiB a call beside the tree")
PY
  rm -r "$PACKED/all"
}

# placed NAME is where a file lies once all of it is here: image sets by themselves.
placed() { if [[ $1 == *.zip ]]; then echo "$WORK/data/$1"; else echo "$WORK/$1"; fi; }

# part N takes the pieces of a part, and begins to work once it can.
part() {
  local from=$PACKED/$1 piece name at have size sum
  [[ -f $from/manifest ]] || { echo "$from is not here: carry it with this call" >&2; exit 1; }
  mkdir -p "$WORK/data"
  cp "$from/manifest" "$WORK/manifest"
  while read -r size sum name; do
    for piece in "$from/$name@"*; do
      [[ -f $piece && ! -e $(placed "$name") ]] || continue
      at=${piece##*@}
      have=$(stat -c %s "$WORK/$name.part" 2>/dev/null || echo 0)
      ((have <= at)) || continue # it was taken before
      if ((have != at)); then
        echo "$name: $have bytes are here and part $1 goes on at $at: a part before it is missing" >&2
        exit 1
      fi
      cat "$piece" >> "$WORK/$name.part"
    done
    if [[ ! -e $(placed "$name") && $(stat -c %s "$WORK/$name.part" 2>/dev/null || echo 0) == "$size" ]]; then
      echo "$sum  $WORK/$name.part" | sha256sum --check --quiet
      mv "$WORK/$name.part" "$(placed "$name")"
      echo "$name is here"
    fi
  done < "$WORK/manifest"
  if [[ -e $WORK/strata.xz && ! -x $WORK/strata ]]; then
    python3 -c 'import lzma, shutil, sys; shutil.copyfileobj(lzma.open(sys.argv[1]), open(sys.argv[2], "wb"))' \
      "$WORK/strata.xz" "$WORK/strata.new"
    chmod +x "$WORK/strata.new"
    mv "$WORK/strata.new" "$WORK/strata"
  fi
  begin
}

complete() { # all that was packed is here
  local name
  while read -r _ _ name; do [[ -e $(placed "$name") ]] || return 1; done < "$WORK/manifest"
}

working() { [[ -f $WORK/pid ]] && kill -0 "$(cat "$WORK/pid")" 2>/dev/null; }

# begin starts the work, or starts it again where it was ended: what was trained is not lost.
begin() {
  local first
  first=$(awk 'NR == 3 { print $3 }' "$WORK/manifest") # after the program and the commit
  if working || [[ -e $WORK/finished || ! -x $WORK/strata || -n $first && ! -e $WORK/data/$first ]]; then return; fi
  BACKEND=${GOMLX_BACKEND:-}
  # A copy, for the tree may be sent anew; with a go.mod, for strata looks for one. The first call's settings stay.
  cp experiments/gpu/evidence.sh experiments/gpu/cuda.sh go.mod "$WORK"
  [[ -f $WORK/settings ]] || declare -p SIZE PRECISION TARGETS SECONDS_LENT BACKEND > "$WORK/settings"
  # A session of its own outlives the call.
  export WORK
  setsid bash "$WORK/evidence.sh" work "${first:+tinyimagenet32}" >> "$WORK/log.txt" 2>&1 < /dev/null &
  echo $! > "$WORK/pid"
  sleep 1 # long enough to fail at once, if it does
}

# work GENERAL does all of it; GENERAL is the general set, empty for what strata draws.
work() {
  cd "$WORK"
  # shellcheck source=/dev/null
  . ./settings
  # setsid forks where it must, so the pid is this one's to say.
  echo $$ > pid
  [[ -f began ]] || date +%s > began
  mkdir -p runs figures cache
  export STRATA_DATA=$WORK/data STRATA_RUNS=$WORK/runs STRATA_FIGURES=$WORK/figures STRATA_CACHE=$WORK/cache
  export GOMLX_NO_AUTO_INSTALL=1
  if [[ -n $BACKEND ]]; then
    export GOMLX_BACKEND=$BACKEND
  else
    # shellcheck source=experiments/gpu/cuda.sh
    . ./cuda.sh
    nvidia-smi --query-gpu=timestamp,utilization.gpu,memory.used,power.draw,clocks.sm --format=csv -l 10 > gpu.csv &
    watcher=$!
    trap 'kill "$watcher" 2>/dev/null || true' EXIT
  fi
  {
    cat commit.txt
    ./strata version
    nproc
    nvidia-smi --query-gpu=name,driver_version,memory.total --format=csv
    python3 -m pip list 2>/dev/null | grep -i '^jax'
  } > machine.txt 2>&1 || true
  # The general Glow is looked at by no other set while it trains, so it can begin before they are here.
  step general "$(($(left) - RESERVED))" \
    ./strata train --in "${1:-leaves}" --size "$SIZE" --precision "$PRECISION" --resume || true
  until complete; do
    (($(left) > 0)) || { echo "the other sets did not come"; return 1; }
    sleep 1
  done
  # shellcheck disable=SC2086 # one word a target
  step train "$(($(left) - RESERVED))" \
    ./strata reproduce $TARGETS --size "$SIZE" --precision "$PRECISION" --stage train || true
  # shellcheck disable=SC2086
  step evaluate "$(left)" \
    ./strata reproduce $TARGETS --size "$SIZE" --precision "$PRECISION" --stage evaluate || true
  touch finished
}

left() { echo $(($(cat began) + SECONDS_LENT - $(date +%s))); }

# step NAME SECONDS COMMAND... notes how long a part of the work took and how it ended. What is stopped saves what it
# trained.
step() {
  local name=$1 limit=$2 rc=0 started
  shift 2
  if ((limit < 5)); then
    echo "$name: no time is left"
    return 1
  fi
  started=$(date +%s)
  echo "== $name, at most $limit s: $*"
  timeout --kill-after=20 "$limit" "$@" || rc=$?
  [[ -f timings.csv ]] || echo 'part,seconds,exit_code' > timings.csv
  echo "$name,$(($(date +%s) - started)),$rc" >> timings.csv
  return $rc
}

# wait_for SECONDS says how far the work is, and brings back what there is: no network, no image.
wait_for() {
  local end=$(($(date +%s) + $1)) out=${OUT:-experiments/gpu/results} file files=()
  [[ -f $WORK/manifest ]] || { echo "nothing was sent: $0 part 1" >&2; exit 1; }
  begin
  while working && (($(date +%s) < end)); do sleep 1; done
  mkdir -p "$out"
  tail -c 3000 "$WORK/log.txt" | tr '\r' '\n' | tail -n 15
  for file in timings.csv machine.txt; do [[ ! -f $WORK/$file ]] || cp "$WORK/$file" "$out"; done
  # Files of at most 15 MiB, for a call brings back no larger ones. What changes while it is read is of a run at work.
  rm -f "$out"/evidence.tar.gz.*
  for file in runs figures log.txt settings machine.txt began timings.csv gpu.csv finished; do
    [[ ! -e $WORK/$file ]] || files+=("$file")
  done
  (tar czf - -C "$WORK" --exclude=checkpoints --exclude='pictures*' --warning=no-file-changed "${files[@]}" ||
    [[ $? == 1 ]]) | split -b 15M -d - "$out/evidence.tar.gz."
  if [[ -e $WORK/finished ]]; then
    echo "all is done: give the machine back, and $0 land FOLDER"
  else
    echo "not done yet: $0 wait SECONDS"
  fi
}

# land FOLDER makes results of what came back. What was scored but not evaluated there is evaluated here, without the
# pictures that need a network.
land() {
  local landed=$PWD/$PACKED/landed name record file run results
  rm -rf "$landed"
  mkdir -p "$landed"
  cat "$1"/evidence.tar.gz.* | tar xzf - -C "$landed"
  # shellcheck source=/dev/null
  . "$landed/settings"
  if ! compgen -G "$landed/figures/results/*/results.json" > /dev/null; then
    echo "it was not evaluated there, so it is here"
    # shellcheck disable=SC2086
    STRATA_RUNS=$landed/runs STRATA_FIGURES=$landed/figures \
      "$PACKED/strata" reproduce $TARGETS --size "$SIZE" --precision "$PRECISION" --stage evaluate ||
      echo "some of it could not be, as it says above: pictures want networks, which stayed there"
  fi
  record=experiments/gpu/results/evidence-$(date -u -d "@$(cat "$landed/began")" +%F)
  if [[ $SIZE == smoke ]]; then record=$landed/record; fi
  mkdir -p "$record"
  for file in log.txt machine.txt timings.csv gpu.csv; do [[ ! -f $landed/$file ]] || cp "$landed/$file" "$record"; done
  for run in "$landed"/runs/*/run.json; do cp "$run" "$record/$(basename "$(dirname "$run")").json"; done
  for results in "$landed"/figures/results/*/; do
    name=$(basename "$results")
    mkdir -p figures/results
    rm -rf "figures/results/$name"
    cp -r "$results" "figures/results/$name"
    echo "figures/results/$name; draw it:"
    echo "  strata figures --results figures/results/$name --out figures/$name"
  done
  echo "$record"
}

usage() {
  echo "usage: $0 pack | part N | wait SECONDS | land FOLDER" >&2
  exit 2
}

case "${1:-} $#" in
'pack 1') pack ;;
'part 2') part "$2" ;;
'wait 2') wait_for "$2" ;;
'work 2') work "$2" ;;
'land 2') land "$2" ;;
*) usage ;;
esac
