package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReadGo(t *testing.T) {
	m, err := readGo("goos: linux\ncpu: AMD EPYC\n" +
		"BenchmarkTrainStep/K4_H64_B32-2 \t 20\t 224000000 ns/op\t 60.0 %ceiling\t 142.9 images/s\t 343.6 max-ms\t 224.4 median-ms\t " +
		"193.3 min-ms\t 60.28 others-%\t" + " 176.9 peakMB\t 0.46 process-s\t 206.3 q1-ms\t 308.3 q3-ms\t 0.4485 ready-s\nPASS\n")
	require.NoError(t, err)
	require.Equal(t, measurement{Steps: 20, MedianMS: 224.4, MinMS: 193.3, Q1MS: 206.3, Q3MS: 308.3, MaxMS: 343.6,
		ReadyS: 0.4485, ProcessS: 0.46, PeakMB: 176.9, Others: 0.6028}, m)
	_, err = readGo("PASS\n")
	require.ErrorContains(t, err, "no figures")
}

func TestReadPython(t *testing.T) {
	m, err := readPython("some library's warning\n" + `{"task": "train", "images": 32, "timed": 5, "median_ms": 89.3, "ready_s": 54.4, "peak_mb": 780.4, "import_mb": 502.5, "others": 0.01, "extrapolated": true, "parameters": 374544, "versions": {"torch": "2.9.1"}}` + "\n")
	require.NoError(t, err)
	require.Equal(t, measurement{Images: 32, Steps: 5, MedianMS: 89.3, ReadyS: 54.4, PeakMB: 780.4, ImportMB: 502.5,
		Others: 0.01, Extrapolated: true, Parameters: 374544, Versions: map[string]string{"torch": "2.9.1"}}, m)
	for _, broken := range []string{"", "{", `{"median_ms": 0}`} {
		_, err = readPython(broken)
		require.Error(t, err, broken)
	}
}

func TestChoose(t *testing.T) {
	all := allCases()
	names := map[string]bool{}
	for _, c := range all {
		require.False(t, names[c.name], "two cases are called %s", c.name)
		names[c.name] = true
		require.Positive(t, c.steps, c.name)
		for _, p := range c.peers {
			_, err := os.Stat(filepath.Join("peers", p.script))
			require.NoError(t, err, c.name)
		}
	}
	standard, err := choose(all, "")
	require.NoError(t, err)
	require.False(t, slices.ContainsFunc(standard, func(c benchmark) bool { return strings.HasPrefix(c.name, "growth") }),
		"how cost grows takes long: only when asked for")
	everything, err := choose(all, "all")
	require.NoError(t, err)
	require.Len(t, everything, len(all))
	some, err := choose(all, "glow/train wide-resnet/train/WRN10-1_B32,growth/K1_ growth/K8_H128_B1")
	require.NoError(t, err)
	require.Len(t, some, 3+1+1+1, "growth/K8_H128_B1 is not growth/K8_H128_B16")
	_, err = choose(all, "glow/trane")
	require.ErrorContains(t, err, `"glow/trane"`)
}

// Every case names a benchmark that there is: its name is found in the package's source.
func TestCasesNameBenchmarks(t *testing.T) {
	for _, c := range allCases() {
		function, _, _ := strings.Cut(strings.TrimPrefix(c.pattern, "^"), "$")
		text, err := os.ReadFile(filepath.Join("..", "..", "pkg", c.pkg, "bench_test.go"))
		require.NoError(t, err)
		require.Contains(t, string(text), "func "+function+"(b *testing.B)", c.name)
	}
}

func TestTurn(t *testing.T) {
	entryOf := func(name string) entry { return entry{benchmark: benchmark{name: name}} }
	plan := []entry{entryOf("a"), entryOf("a"), entryOf("a"), entryOf("b"), entryOf("b")}
	order := func(round int) (order []int) {
		for i := range plan {
			order = append(order, turn(plan, i, round))
		}
		return order
	}
	require.Equal(t, []int{0, 1, 2, 3, 4}, order(0))
	require.Equal(t, []int{1, 2, 0, 4, 3}, order(1))
	require.Equal(t, []int{0, 1, 2, 4, 3}, order(3))
}

func TestTables(t *testing.T) {
	const name = "glow/train/K4_H64_B32"
	of := func(competitor string, round int, ms, others float64) measurement {
		return measurement{Case: name, Competitor: competitor, Round: round, Images: 32, MedianMS: ms, PeakMB: 100, Others: others}
	}
	r := &report{Rounds: 2, Threads: 2, Measurements: []measurement{
		of("strata", 1, 90, 0), of(torchEager, 1, 100, 0), of(torchCompiled, 1, 80, 0),
		of("strata", 2, 110, 0), of(torchEager, 2, 100, 0.2), of(torchCompiled, 2, 120, 0),
		{Case: name, Competitor: jaxScanned, Round: 1, Error: "it broke"},
	}}
	require.Equal(t, []string{"strata", torchEager, torchCompiled, jaxScanned}, r.competitors())
	require.Equal(t, "100 (90.0-110)", r.time(name, "strata"))
	require.Equal(t, "100 (100-100) !", r.time(name, torchEager))
	// Both forms have the same median: the first is taken. Of single rounds 90/100 and 110/100.
	require.Equal(t, "1.00 (0.90-1.10) !", r.ratio(name, "strata", torchEager, torchCompiled))
	require.Empty(t, r.ratio(name, "strata", jaxUnrolled, jaxScanned))
	require.Contains(t, r.tables(), "- "+name+", jax scanned: it broke")

	folder := t.TempDir()
	r.Machine.Host = "here"
	path, err := r.file(folder)
	require.NoError(t, err)
	require.NoError(t, r.write(path))
	var back report
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &back))
	require.Equal(t, r.Measurements, back.Measurements)
	next, err := r.file(folder)
	require.NoError(t, err)
	require.NotEqual(t, path, next, "earlier results are kept")
}

func TestNamesOfBackends(t *testing.T) {
	require.Equal(t, "strata", strata([]string{"go"}, "go"))
	backends := []string{"go", "xla:/a/first.so", "xla:/a/second.so"}
	require.Equal(t, "strata go", strata(backends, "go"))
	require.Equal(t, "strata xla", strata(backends, "xla:/a/first.so"))
	require.Equal(t, "strata xla second.so", strata(backends, "xla:/a/second.so"))
}
