package benchtest

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSteps(t *testing.T) {
	calls := 0
	result := testing.Benchmark(func(b *testing.B) {
		clock := Begin()
		clock.Steps(b, 8, func() {
			calls++
			time.Sleep(time.Millisecond)
		})
	})
	require.Equal(t, result.N+2, calls, "a compiling step and one to warm up are not counted, and nothing runs twice")
	for _, name := range []string{"min-ms", "q1-ms", "median-ms", "q3-ms", "max-ms"} {
		require.GreaterOrEqual(t, result.Extra[name], 1.0, name)
	}
	require.LessOrEqual(t, result.Extra["min-ms"], result.Extra["median-ms"])
	require.Less(t, result.Extra["images/s"], 8000.0)
	require.GreaterOrEqual(t, result.Extra["ready-s"], 0.001)
	if runtime.GOOS == "linux" {
		require.Greater(t, result.Extra["peakMB"], 1.0)
		require.Contains(t, result.Extra, "process-s") // in hundredths of a second, which this test's start does not take
		time.Sleep(20 * time.Millisecond)
		require.Greater(t, sinceProcessStart(), 0.01)
	}
}

func TestQuantile(t *testing.T) {
	require.Equal(t, time.Duration(5), quantile([]time.Duration{5}, 0.5))
	sorted := []time.Duration{10, 20, 30, 40}
	require.Equal(t, time.Duration(25), quantile(sorted, 0.5))
	require.Equal(t, time.Duration(10), quantile(sorted, 0))
	require.Equal(t, time.Duration(40), quantile(sorted, 1))
}
