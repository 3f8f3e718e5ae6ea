package runs

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// A process that is stopped for an hour between two ticks has not worked for an hour.
func TestStopwatchLeavesOutGaps(t *testing.T) {
	start := time.Unix(1_000_000, 0)
	w := &stopwatch{last: start}
	for _, at := range []time.Duration{1, 2, 3602, 3603, 3613} { // the last tick is late
		w.tick(start.Add(at * time.Second))
	}
	require.Equal(t, 14*time.Second, w.tick(start.Add(3613*time.Second)))
}

// It counts what takes long without anybody asking it.
func TestStopwatchCountsLongWork(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := startStopwatch()
		defer w.stop()
		time.Sleep(200*time.Second + 300*time.Millisecond)
		require.InDelta(t, 200.3, w.seconds(), 1e-9)
	})
}
