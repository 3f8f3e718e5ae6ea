package progress

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// fakeClock stands still until it is moved.
type fakeClock struct{ t time.Time }

func (c *fakeClock) now() time.Time       { return c.t }
func (c *fakeClock) move(d time.Duration) { c.t = c.t.Add(d) }
func newClock() *fakeClock                { return &fakeClock{time.Unix(1_000_000, 0)} }
func columns(n int) func() int            { return func() int { return n } }
func lines(out *bytes.Buffer) (l []string) {
	return strings.Split(strings.TrimSpace(out.String()), "\n")
}

// A job of 100 parts, one a second, as a CI log shows it.
func TestPlain(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	b := newBar(&out, "glow-in", 100, nil, c.now)
	for i := 1; i <= 25; i++ {
		c.move(time.Second)
		b.Set(i, fmt.Sprintf("%d images/s", 32*i))
	}
	b.Log("step 25: 2 non-finite gradients, skipped")
	b.Done("stopped")
	b.Done("again")
	b.Set(26, "")
	assert.Equal(t, []string{
		"glow-in: 2/100 (2%), 0:02 elapsed, 1:38 left, 64 images/s",
		"glow-in: 12/100 (12%), 0:12 elapsed, 1:28 left, 384 images/s",
		"glow-in: 22/100 (22%), 0:22 elapsed, 1:18 left, 704 images/s",
		"step 25: 2 non-finite gradients, skipped",
		"glow-in: 25/100 (25%), 0:25 elapsed, stopped",
	}, lines(&out))
	assert.NotContains(t, out.String(), "\r")
	assert.NotContains(t, out.String(), "\x1b")
}

func TestShortJobIsOneLine(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	b := newBar(&out, "score", 3, nil, c.now)
	for i := 1; i <= 3; i++ {
		c.move(500 * time.Millisecond)
		b.Set(i, "7 images/s")
	}
	b.Done("")
	assert.Equal(t, []string{"score: 3/3 (100%), 0:02 elapsed, 7 images/s"}, lines(&out))
}

// Work without parts shows that it goes on: from two seconds on, and not once it has ended.
func TestDuring(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newBar(&out, "glow", 100, nil, time.Now)
		end := b.During("compiling the training step")
		time.Sleep(1900 * time.Millisecond)
		synctest.Wait()
		assert.Empty(t, out.String())
		time.Sleep(20 * time.Second)
		end()
		end()
		time.Sleep(time.Hour)
		b.StartAt(0)
		time.Sleep(3 * time.Second)
		b.Set(1, "7 images/s")
		b.Done("")
		assert.Equal(t, []string{
			"glow: 0/100 (0%), 0:02 elapsed, compiling the training step",
			"glow: 0/100 (0%), 0:12 elapsed, compiling the training step",
			"glow: 1/100 (1%), 0:03 elapsed, 4:57 left, 7 images/s",
			"glow: 1/100 (1%), 0:03 elapsed, 7 images/s",
		}, lines(&out))
	})
}

// What is computed first may take a compiler's time too: that says nothing about how long the rest takes. Parts come in batches.
func TestTimeLeftWithoutTheFirstParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		b := newBar(&out, "score", 640, nil, time.Now)
		end := b.During("the first images")
		for done := 32; done <= 192; done += 32 {
			time.Sleep(time.Second)
			if done == 32 {
				time.Sleep(10 * time.Second) // compiling
			}
			end()
			b.Set(done, "images")
		}
		synctest.Wait()
		b.Log("now: " + b.event(b.now()).Times())
		b.Done("")
		assert.Equal(t, []string{
			"score: 0/640 (0%), 0:02 elapsed, the first images",
			"score: 64/640 (10%), 0:12 elapsed, 0:18 left, images",
			"now: 0:16 elapsed, 0:14 left",
			"score: 192/640 (30%), 0:16 elapsed, images",
		}, lines(&out))
	})
}

// What is quick says nothing of it.
func TestDuringOfQuickWork(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	b := newBar(&out, "glow", 2, nil, c.now)
	b.During("compiling the training step")()
	b.Set(2, "")
	b.Done("")
	assert.Equal(t, []string{"glow: 2/2 (100%), 0:00 elapsed"}, lines(&out))
}

func TestUnknownTotal(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	b := newBar(&out, "read", 0, nil, c.now)
	c.move(3 * time.Second)
	b.Set(7, "")
	assert.Equal(t, []string{"read: 7, 0:03 elapsed"}, lines(&out))
}

// What an earlier run did is done, but says nothing about today's speed.
func TestResume(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	b := newBar(&out, "glow", 1000, nil, c.now)
	c.move(time.Hour) // reading the checkpoint
	b.StartAt(500)
	c.move(10 * time.Second)
	b.Set(510, "")
	assert.Equal(t, []string{"glow: 510/1000 (51%), 0:10 elapsed, 8:10 left"}, lines(&out))
}

// A slow start (compilation) is forgotten after a minute.
func TestEstimateFollowsTheWindow(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	b := newBar(&out, "glow", 10_000, nil, c.now)
	c.move(300 * time.Second)
	b.Set(1, "")
	for i := 2; i <= 1001; i++ {
		c.move(100 * time.Millisecond)
		b.Set(i, "")
	}
	left, ok := b.left()
	require.True(t, ok)
	assert.InDelta(t, 899.9, left.Seconds(), 0.1)                    // 8999 parts at 0.1 s
	assert.LessOrEqual(t, len(b.points), 2*int(window/everyPoint)+2) // any two gaps in a row last an everyPoint

	b.Set(10, "") // back to an earlier checkpoint
	_, ok = b.left()
	assert.False(t, ok, "no speed from going backwards")
}

// A step that takes longer than the window still gives an estimate.
func TestEstimateOfSlowParts(t *testing.T) {
	c := newClock()
	b := newBar(io.Discard, "glow", 10, nil, c.now)
	for i := 1; i <= 4; i++ {
		c.move(5 * time.Minute)
		b.Set(i, "")
	}
	left, ok := b.left()
	require.True(t, ok)
	assert.Equal(t, 30*time.Minute, left)
}

func TestTerminal(t *testing.T) {
	var out bytes.Buffer
	c := newClock()
	b := newBar(&out, "glow", 100, columns(100), c.now)
	c.move(20 * time.Second)
	b.Set(25, "3.91\nbits/dim")
	line := "glow █████░░░░░░░░░░░░░░░ 25/100 25% 0:20 elapsed, 1:00 left · 3.91 bits/dim"
	assert.Equal(t, clearLine+line, out.String())

	b.Set(26, "too soon to redraw")
	assert.Equal(t, clearLine+line, out.String())

	out.Reset()
	b.Log("a line")
	assert.True(t, strings.HasPrefix(out.String(), clearLine+"a line\n"+clearLine+"glow █████"), out.String())

	out.Reset()
	b.Set(100, "")
	b.Done("3.50 bits/dim")
	assert.Equal(t, clearLine+"glow: 100/100 (100%), 0:20 elapsed, 3.50 bits/dim\n", out.String())
}

func TestTerminalLineNeverWraps(t *testing.T) {
	for _, n := range []int{0, 1, 10, 69, 70, 200} {
		var out bytes.Buffer
		c := newClock()
		b := newBar(&out, "glow", 100, columns(n), c.now)
		c.move(time.Second)
		b.Set(250, strings.Repeat("ü", 80)) // more than all: the bar is full
		line := strings.TrimPrefix(out.String(), clearLine)
		assert.Less(t, utf8.RuneCountInString(line), max(n, 1))
		assert.Equal(t, n >= roomForBar, strings.Contains(line, strings.Repeat("█", cells)))
		assert.NotContains(t, line, "░")
	}
}

// listener keeps what it hears.
type listener struct {
	bytes.Buffer
	events []Event
}

func (l *listener) Progress(e Event) { l.events = append(l.events, e) }

// Whoever listens gets numbers, not text: often enough for an eye, and at the end. Other lines are written.
func TestListener(t *testing.T) {
	var l listener
	c := newClock()
	b := newBar(&l, "glow\nin", 100, nil, c.now)
	for i := 1; i <= 20; i++ {
		c.move(100 * time.Millisecond)
		b.Set(i, fmt.Sprint(i, "  images/s"))
	}
	b.Log("a line")
	b.Done("stopped")
	b.Done("again")
	b.Set(26, "")
	assert.Equal(t, "a line\n", l.String())
	require.Len(t, l.events, 5, "one in half a second, and the end")
	assert.Equal(t, Event{Label: "glow in", Done: 1, Total: 100, Info: "1 images/s", Elapsed: 100 * time.Millisecond,
		Left: 9900 * time.Millisecond}, l.events[0])
	assert.Equal(t, 6, l.events[1].Done)
	assert.Equal(t, Event{Label: "glow in", Done: 20, Total: 100, Info: "stopped", Elapsed: 2 * time.Second, Left: -1,
		Ended: true},
		l.events[4])
	assert.Equal(t, "glow in: 20/100 (20%), 0:02 elapsed, stopped", l.events[4].String())

	l = listener{}
	b = newBar(&l, "read", 0, nil, c.now)
	c.move(time.Second)
	b.Set(7, "")
	assert.Equal(t, []Event{{Label: "read", Done: 7, Elapsed: time.Second, Left: -1}}, l.events,
		"nobody knows the time left")
}

func TestClock(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second:             "0:00",
		0:                        "0:00",
		59500 * time.Millisecond: "1:00",
		3599 * time.Second:       "59:59",
		3600 * time.Second:       "1:00:00",
		100*time.Hour + 61e9:     "100:01:01",
	} {
		assert.Equal(t, want, clock(d))
	}
}

func TestFileIsNoTerminal(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "log")
	require.NoError(t, err)
	defer file.Close()
	New(file, "glow", 2).Done("")
	text, err := os.ReadFile(file.Name())
	require.NoError(t, err)
	assert.Equal(t, "glow: 0/2 (0%), 0:00 elapsed\n", string(text))
}

// Lines of several goroutines stay whole (and the race detector has its say).
func TestConcurrent(t *testing.T) {
	var out bytes.Buffer
	b := New(&out, "glow", 400)
	var group sync.WaitGroup
	for g := range 4 {
		group.Go(func() {
			for i := range 100 {
				b.Set(100*g+i, "x")
				b.Log("a line")
			}
		})
	}
	group.Wait()
	b.Done("end")
	all := lines(&out)
	require.Len(t, all, 401)
	for _, line := range all[:400] {
		assert.Equal(t, "a line", line)
	}
	assert.Contains(t, all[400], "end")
}

func ExampleNew() {
	b := New(os.Stdout, "glow-in", 1000) // go test's output is no terminal
	b.StartAt(400)
	b.Set(450, "312 images/s, 3.95 bits/dim")
	b.Log("checkpoint at step 450")
	b.Set(1000, "312 images/s, 3.91 bits/dim")
	b.Done("")
	// Output:
	// checkpoint at step 450
	// glow-in: 1000/1000 (100%), 0:00 elapsed, 312 images/s, 3.91 bits/dim
}
