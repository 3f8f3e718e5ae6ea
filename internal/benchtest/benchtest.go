// Package benchtest is what the benchmarks of strata share: each step timed by itself, the time until the first one is
// done, and the most memory that the process held. experiments/bench reads these figures and sets them beside those of
// PyTorch and JAX, whose scripts measure the same.
package benchtest

import (
	"cmp"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Begin starts the clock of ready-s: call it before the backend is opened and the network is built.
func Begin() Clock { return Clock{time.Now()} }

// Clock is when a benchmark began to get ready.
type Clock struct{ began time.Time }

// Steps times step, which handles that many images and has done all its work when it returns. The first call, which
// compiles, and a second are not counted. It reports
//
//	median-ms, min-ms, q1-ms, q3-ms, max-ms   of a step: means suffer from whatever else the machine does
//	images/s                                  over all timed steps
//	ready-s                                   from Begin until the first step was done
//	process-s                                 the same from the start of the process
//	others-%                                  of the machine's processors, what other processes had
//	peakMB                                    the most memory, in MiB, that the process has held so far:
//	                                          run one size a process
//
// The benchmark may report more after it; b.Elapsed is then the time of the timed steps, and b.N their number.
func (c Clock) Steps(b *testing.B, images int, step func()) {
	b.Helper()
	step()
	ready, process := time.Since(c.began), sinceProcessStart()
	step()
	var took []time.Duration
	all, own := busy()
	// Loop, unlike counting to b.N, has the testing package run the benchmark once: it need not compile twice.
	for b.Loop() {
		started := time.Now()
		step()
		took = append(took, time.Since(started))
	}
	allAfter, ownAfter := busy()
	others := (allAfter - all - (ownAfter - own)) / b.Elapsed().Seconds() / float64(runtime.NumCPU())
	b.ReportMetric(100*max(0, others), "others-%")
	slices.Sort(took)
	b.ReportMetric(float64(images*len(took))/b.Elapsed().Seconds(), "images/s")
	for _, q := range []struct {
		name string
		at   float64
	}{{"min", 0}, {"q1", 0.25}, {"median", 0.5}, {"q3", 0.75}, {"max", 1}} {
		b.ReportMetric(quantile(took, q.at).Seconds()*1e3, q.name+"-ms")
	}
	b.ReportMetric(ready.Seconds(), "ready-s")
	b.ReportMetric(process, "process-s")
	b.ReportMetric(peakMB(), "peakMB")
}

// quantile is a quantile of sorted durations, between two neighbours where it falls between them.
func quantile(sorted []time.Duration, at float64) time.Duration {
	position := at * float64(len(sorted)-1)
	below := int(position)
	above := min(below+1, len(sorted)-1)
	return sorted[below] + time.Duration((position-float64(below))*float64(sorted[above]-sorted[below]))
}

// peakMB is the process's largest resident memory so far in MiB, 0 where the system does not say. It is VmHWM:
// getrusage's maximum also counts what the process was before it became this program.
func peakMB() float64 {
	text, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(text)) {
		var kilobytes float64
		if _, err := fmt.Sscanf(line, "VmHWM: %f kB", &kilobytes); err == nil {
			return kilobytes / 1024
		}
	}
	return 0
}

// sinceProcessStart is how many seconds the process has lived, 0 where the system does not say.
func sinceProcessStart() float64 {
	stat, err1 := os.ReadFile("/proc/self/stat")
	uptime, err2 := os.ReadFile("/proc/uptime")
	if cmp.Or(err1, err2) != nil {
		return 0
	}
	// The command's name, in parentheses, may hold anything; the start, in hundredths of a second, is the 20th field
	// after it.
	fields := strings.Fields(string(stat[strings.LastIndexByte(string(stat), ')')+1:]))
	first, _, _ := strings.Cut(string(uptime), " ")
	now, err := strconv.ParseFloat(first, 64)
	if err != nil || len(fields) < 20 {
		return 0
	}
	started, err := strconv.ParseFloat(fields[19], 64)
	if err != nil {
		return 0
	}
	return now - started/100
}

// busy is how many seconds all processors have worked for anybody since the machine started, and for this process;
// zeros where the system does not say.
func busy() (all, own float64) {
	text, err := os.ReadFile("/proc/stat")
	var user, nice, system, idle, wait, interrupts, soft, stolen float64
	if err == nil {
		_, err = fmt.Sscanf(string(text), "cpu %f %f %f %f %f %f %f %f", &user, &nice, &system, &idle, &wait, &interrupts,
			&soft, &stolen)
	}
	var usage syscall.Rusage
	if cmp.Or(err, syscall.Getrusage(syscall.RUSAGE_SELF, &usage)) != nil {
		return 0, 0
	}
	return (user + nice + system + interrupts + soft + stolen) / 100,
		time.Duration(usage.Utime.Nano() + usage.Stime.Nano()).Seconds()
}
