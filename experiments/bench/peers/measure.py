"""What the peers share: their command line, how a step is timed, and the one line of JSON that each prints.

Imported before PyTorch or JAX, so that the time of their import can be told from that of the network.
"""
import argparse
import json
import os
import platform
import statistics
import time

THREADS = len(os.sched_getaffinity(0))  # the runner pins both sides to the same processors, as many as it has threads

TORCH_MODES = ["eager", "compile", "graph", "compile+graph"]  # graph: a training step is one CUDA graph


def since_process_start():
    """Seconds that this process has lived, its interpreter's start and all imports included."""
    with open("/proc/self/stat") as f:
        started = int(f.read().rpartition(")")[2].split()[19]) / os.sysconf("SC_CLK_TCK")
    return time.clock_gettime(time.CLOCK_BOOTTIME) - started


def peak_mb():
    """The most memory that the process has held, in MiB: VmHWM, which unlike getrusage does not count the parent's."""
    with open("/proc/self/status") as f:
        for line in f:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return 0.0  # some sandboxes do not say


def busy():
    """Seconds that all processors have worked, for anybody, since the machine started."""
    with open("/proc/stat") as f:
        user, nice, system, _idle, _iowait, irq, softirq, steal = map(int, f.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


def arguments(description, tasks, modes, **sizes):
    """The command line: a task, the sizes of the network with their defaults, and how to run it."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("task", choices=tasks)
    for name, default in sizes.items():
        parser.add_argument("--" + name.replace("_", "-"), type=int, default=default)
    parser.add_argument("--batch", type=int, default=32, help="images a step")
    parser.add_argument("--mode", choices=modes, default=modes[0])
    parser.add_argument("--steps", type=int, default=10, help="timed steps")
    parser.add_argument("--budget", type=float, default=60, help="seconds after which no further step is begun, once three are timed")
    parser.add_argument("--device", choices=["cpu", "cuda"], default="cpu")
    parser.add_argument("--precision", choices=["f32", "tf32", "bf16"], default="f32", help="bf16: the networks, not what a likelihood is summed from")
    return parser


class Run:
    """One measurement: made before the network is built, fed the step when it is."""

    def __init__(self, options, versions):
        self.options, self.versions = options, versions
        self.import_s, self.import_mb = since_process_start(), peak_mb()
        self.started = time.perf_counter()

    def measure(self, step, wait, images, result, warmup=2, repeats=1, peak=None, **more):
        """Times step() and the wait() until all its work is done, and prints the result.

        images are those of a step, result() a number that shows that the work was done: a loss. The first call makes the
        network ready, warmup - 1 more are not counted. Where a step is a known part of the whole, repeats says how many make
        it: times are multiplied by it, and the line says so.
        """
        step()
        wait()
        ready, process = time.perf_counter() - self.started, since_process_start()
        for _ in range(warmup - 1):
            step()
            wait()
        times, all_before, own_before, begun = [], busy(), time.process_time(), time.perf_counter()
        while len(times) < self.options.steps and (len(times) < 3 or time.perf_counter() - begun < self.options.budget):
            at = time.perf_counter()
            step()
            wait()
            times.append(1e3 * repeats * (time.perf_counter() - at))
        elapsed = time.perf_counter() - begun
        others = busy() - all_before - (time.process_time() - own_before)
        if self.options.device == "cuda":
            # A training run need not wait for each step: what one takes when they queue.
            begun = time.perf_counter()
            for _ in times:
                step()
            wait()
            more["queued_ms"] = 1e3 * repeats * (time.perf_counter() - begun) / len(times)
        quartiles = statistics.quantiles(times, n=4, method="inclusive") if len(times) > 1 else times * 3
        line = dict(
            vars(self.options), images=images, timed=len(times), median_ms=quartiles[1], min_ms=min(times), q1_ms=quartiles[0],
            q3_ms=quartiles[2], max_ms=max(times), images_per_s=1e3 * images / quartiles[1],
            others=max(0.0, others / elapsed / os.cpu_count()), ready_s=ready, process_s=process,
            import_s=self.import_s, peak_mb=peak() if peak else peak_mb(), import_mb=self.import_mb, extrapolated=repeats > 1,
            threads=THREADS, result=float(result()), versions=dict(self.versions, python=platform.python_version()), **more)
        print(json.dumps({k: round(v, 4) if isinstance(v, float) else v for k, v in line.items()}), flush=True)
