package runs

import (
	"sync"
	"time"
)

// stopwatch counts the seconds that a process works. A clock would count on while it is stopped (SIGSTOP, Ctrl-Z) or the
// machine sleeps, and the time that is left is estimated from what runs took. So it ticks, and no tick counts for more
// than a few: what is longer is a gap in which nothing ran.
type stopwatch struct {
	mu    sync.Mutex
	sum   time.Duration
	last  time.Time
	ended chan struct{}
}

const (
	stopwatchTick = time.Second
	longestTick   = 10 * stopwatchTick // a machine at its limits is late, and works
)

func startStopwatch() *stopwatch {
	w := &stopwatch{last: time.Now(), ended: make(chan struct{})}
	go func() {
		ticker := time.NewTicker(stopwatchTick)
		defer ticker.Stop()
		for {
			select {
			case <-w.ended:
				return
			case <-ticker.C:
				w.tick(time.Now())
			}
		}
	}()
	return w
}

// stop ends its ticking.
func (w *stopwatch) stop() { close(w.ended) }

// seconds are those until now.
func (w *stopwatch) seconds() float64 { return w.tick(time.Now()).Seconds() }

func (w *stopwatch) tick(now time.Time) time.Duration {
	w.mu.Lock()
	defer w.mu.Unlock()
	if passed := now.Sub(w.last); passed > longestTick {
		w.sum += stopwatchTick
	} else {
		w.sum += passed
	}
	w.last = now
	return w.sum
}
