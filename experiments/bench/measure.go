package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"strata/internal/machine"
)

// measurement is what one process said. Times of a step are in milliseconds, memory in MiB.
type measurement struct {
	Case       string   `json:"case"`
	Competitor string   `json:"competitor"`
	Round      int      `json:"round"`
	Command    []string `json:"command"`
	Images     int      `json:"images"`
	Steps      int      `json:"timed"`
	MedianMS   float64  `json:"median_ms"`
	MinMS      float64  `json:"min_ms"`
	Q1MS       float64  `json:"q1_ms"`
	Q3MS       float64  `json:"q3_ms"`
	MaxMS      float64  `json:"max_ms"`
	// ReadyS is from before the network is built (and, for strata, before the backend is opened) until the first step was
	// done; ProcessS from the start of the process, with its imports.
	ReadyS   float64 `json:"ready_s"`
	ProcessS float64 `json:"process_s"`
	PeakMB   float64 `json:"peak_mb"`
	// ImportMB is what the process held before it built anything.
	ImportMB float64 `json:"import_mb,omitempty"`
	// Others is the share of the machine's processors that other processes had during the timed steps.
	Others float64 `json:"others"`
	// Extrapolated: a part was timed and multiplied.
	Extrapolated bool              `json:"extrapolated,omitempty"`
	Parameters   int               `json:"parameters,omitempty"`
	Versions     map[string]string `json:"versions,omitempty"`
	Load         float64           `json:"load"` // of the machine, before
	WallS        float64           `json:"wall_s"`
	Error        string            `json:"error,omitempty"`
}

func (m measurement) String() string {
	name := m.Case + ", " + m.Competitor
	if m.Error != "" {
		return fmt.Sprintf("%s: FAILED, %s", name, m.Error)
	}
	note := ""
	if m.Others > disturbed {
		note = fmt.Sprintf(" (others had %.0f %% of the machine)", 100*m.Others)
	}
	return fmt.Sprintf("%s: %s ms a step, ready in %.1f s, %.0f MiB%s", name, milliseconds(m.MedianMS), m.ReadyS, m.PeakMB, note)
}

// disturbed is the share of others from which a measurement is not to be trusted.
const disturbed = 0.05

// entry is one competitor of one case.
type entry struct {
	benchmark  benchmark
	competitor string
	command    []string
	folder     string
	variables  []string
	read       func(output string) (measurement, error)
}

func (e entry) key() string { return e.benchmark.name + "\x00" + e.competitor }

// entries are all that is measured in a round.
func entries(o *options, root string, binaries map[string]string, caches string) []entry {
	python := o.python
	if !filepath.IsAbs(python) && strings.ContainsRune(python, '/') {
		python = filepath.Join(root, python)
	}
	var plan []entry
	for _, c := range o.cases {
		for _, backend := range o.backends {
			e := entry{
				benchmark: c, competitor: strata(o.backends, backend),
				command: []string{binaries[c.pkg], "-test.run", "^$", "-test.bench", c.pattern, "-test.benchtime",
					fmt.Sprintf("%dx", c.steps)},
				folder: filepath.Join(root, "pkg", c.pkg),
				read:   readGo,
			}
			if backend != "" {
				e.variables = []string{"GOMLX_BACKEND=" + backend}
			}
			plan = append(plan, e)
		}
		for _, p := range c.peers {
			if !o.peers.MatchString(p.name) {
				continue
			}
			e := entry{
				benchmark: c, competitor: p.name,
				command: append([]string{python, filepath.Join(root, "experiments/bench/peers", p.script)}, p.arguments...),
				folder:  root,
				read:    readPython,
			}
			// What PyTorch compiled is kept from round to round, so only the first has to compile: readiness is that of the
			// first round.
			cache := filepath.Join(caches, strings.NewReplacer("/", "-", " ", "-").Replace(c.name+" "+p.name))
			e.variables = []string{"OMP_NUM_THREADS=" + strconv.Itoa(o.threads), "TORCHINDUCTOR_CACHE_DIR=" + cache}
			plan = append(plan, e)
		}
	}
	return plan
}

// strata is the name of strata among the competitors, with its backend where there are several.
func strata(backends []string, backend string) string {
	if len(backends) == 1 {
		return ours
	}
	name, rest, _ := strings.Cut(backend, ":")
	if i := slices.Index(backends, backend); slices.ContainsFunc(backends[:i],
		func(b string) bool { return b == name || strings.HasPrefix(b, name+":") }) {
		name += " " + filepath.Base(rest)
	}
	return ours + " " + name
}

// ours begins the name of each competitor that is strata.
const ours = "strata"

// measure runs the process and reads what it says.
func (e entry) measure(ctx context.Context, o *options) measurement {
	m := measurement{Case: e.benchmark.name, Competitor: e.competitor, Load: machine.Load()}
	release, err := lock(o.lock)
	if err != nil {
		m.Error = err.Error()
		return m
	}
	defer release()
	command := e.command
	if o.threads < runtime.NumCPU() {
		// Go, OpenMP and XLA all take as many threads as they may run on processors.
		command = append([]string{"taskset", "-c", fmt.Sprintf("0-%d", o.threads-1)}, command...)
	}
	if o.nice != 0 {
		command = append([]string{"nice", "-n", strconv.Itoa(o.nice)}, command...)
	}
	limited, cancel := context.WithTimeout(ctx, o.timeout)
	defer cancel()
	process := exec.CommandContext(limited, command[0], command[1:]...)
	process.Dir = e.folder
	process.Env = append(os.Environ(), e.variables...)
	process.WaitDelay = 10 * time.Second // workers of PyTorch's compiler may hold on to the output for a moment
	var stdout, stderr bytes.Buffer
	process.Stdout, process.Stderr = &stdout, &stderr
	if o.nice != 0 {
		// Linux shares processors out between sessions first (autogroups), so that a priority counts within a session only.
		process.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	}
	began := time.Now()
	if err = process.Start(); err == nil {
		if o.nice != 0 {
			// Where there are no autogroups there is no such file, and nice has done it.
			_ = os.WriteFile(fmt.Sprintf("/proc/%d/autogroup", process.Process.Pid), []byte(strconv.Itoa(o.nice)), 0)
		}
		err = process.Wait()
	}
	wall := time.Since(began).Seconds()
	read, readErr := e.read(stdout.String())
	switch {
	case limited.Err() != nil && ctx.Err() == nil:
		m.Error = fmt.Sprintf("not done after %s (-timeout)", o.timeout)
	case err != nil:
		m.Error = fmt.Sprintf("%v: %s", err, lastLine(stderr.String()+stdout.String()))
	case readErr != nil:
		m.Error = readErr.Error()
	default:
		read.Case, read.Competitor, read.Load = m.Case, m.Competitor, m.Load
		read.Images = e.benchmark.images
		m = read
	}
	m.WallS = wall
	for _, word := range slices.Concat(e.variables, e.command) {
		m.Command = append(m.Command, strings.ReplaceAll(word, o.root+string(filepath.Separator), ""))
	}
	return m
}

// lastLine is the last line that says something: where Python and Go put what went wrong.
func lastLine(text string) string {
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for _, line := range slices.Backward(lines) {
		line = strings.TrimSpace(line)
		if line != "" && line != "FAIL" && !strings.HasPrefix(line, "--- FAIL") && !strings.HasPrefix(line, "For simplicity, JAX") &&
			strings.Trim(line, "-") != "" {
			return line
		}
	}
	return "nothing was printed"
}

// lock holds the file locked until release is called; no file is no lock.
func lock(path string) (release func(), err error) {
	if path == "" {
		return func() {}, nil
	}
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return nil, fmt.Errorf("-lock: %w", err)
	}
	if err := syscall.Flock(int(file.Fd()), syscall.LOCK_EX); err != nil {
		file.Close()
		return nil, fmt.Errorf("-lock %s: %w", path, err)
	}
	return func() { file.Close() }, nil
}

// readGo reads the line of a benchmark of package benchtest: pairs of a figure and its name.
func readGo(output string) (measurement, error) {
	for line := range strings.Lines(output) {
		fields := strings.Fields(line)
		if len(fields) < 4 || !strings.HasPrefix(fields[0], "Benchmark") || !strings.Contains(line, "median-ms") {
			continue
		}
		figures := map[string]float64{}
		for i := 2; i+1 < len(fields); i += 2 {
			v, err := strconv.ParseFloat(fields[i], 64)
			if err != nil {
				return measurement{}, fmt.Errorf("a benchmark's line cannot be read: %q", line)
			}
			figures[fields[i+1]] = v
		}
		steps, err := strconv.Atoi(fields[1])
		if err != nil {
			return measurement{}, fmt.Errorf("a benchmark's line cannot be read: %q", line)
		}
		return measurement{
			Steps: steps, MedianMS: figures["median-ms"], MinMS: figures["min-ms"], Q1MS: figures["q1-ms"], Q3MS: figures["q3-ms"],
			MaxMS:  figures["max-ms"],
			ReadyS: figures["ready-s"], ProcessS: figures["process-s"], PeakMB: figures["peakMB"], Others: figures["others-%"] / 100,
		}, nil
	}
	return measurement{}, errors.New("the benchmark printed no figures: it was skipped, or there is none of that name")
}

// readPython reads the line of JSON that a peer prints.
func readPython(output string) (measurement, error) {
	for _, line := range slices.Backward(strings.Split(output, "\n")) {
		if strings.HasPrefix(line, "{") {
			var m measurement
			if err := json.Unmarshal([]byte(line), &m); err != nil {
				return m, fmt.Errorf("the peer's line cannot be read: %w", err)
			}
			if !(m.MedianMS > 0) || math.IsInf(m.MedianMS, 0) {
				return m, fmt.Errorf("the peer's line has no time: %s", line)
			}
			return m, nil
		}
	}
	return measurement{}, errors.New("the peer printed no figures")
}

// estimate tells how far it is and how long the rest takes: what took a time in an earlier round takes it again, what is new
// the mean.
type estimate struct {
	finished, each, rounds int
	took                   map[string]float64
}

func newEstimate(each, rounds int) *estimate {
	return &estimate{each: each, rounds: rounds, took: map[string]float64{}}
}

func (e *estimate) done(key string, seconds float64) {
	e.finished++
	e.took[key] = seconds
}

func (e *estimate) String() string {
	all := e.each * e.rounds
	sum := 0.0
	for _, s := range e.took {
		sum += s
	}
	left := time.Duration(sum / float64(len(e.took)) * float64(all-e.finished) * float64(time.Second))
	return fmt.Sprintf("%d of %d, about %s left", e.finished, all, left.Round(time.Minute/6))
}
