// Package progress shows how far a long job is: one line that is redrawn on a terminal, and a plain line every now and
// then where there is none (CI logs, files), so that their readers see the same numbers without control characters.
//
//	glow-in ████████░░░░░░░░░░░░ 412/1000 41% 1:12 elapsed, 1:43 left · 312 images/s, 3.91 bits/dim
//	glow-in: 412/1000 (41%), 1:12 elapsed, 1:43 left, 312 images/s, 3.91 bits/dim
//
// A display of another kind, a notebook's for instance, is a [Listener]: it gets what there is to show as an [Event].
package progress

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/term"
)

const (
	firstLine  = 2 * time.Second        // a plain display speaks up early once,
	everyLine  = 10 * time.Second       // and then rarely enough for a log
	everyDraw  = 100 * time.Millisecond // a terminal is redrawn no faster than an eye follows,
	everyEvent = 500 * time.Millisecond // and a notebook more rarely: what it shows travels to a browser
	everyTick  = 500 * time.Millisecond // what has no parts is looked at so often
	window     = time.Minute            // the time left is estimated from the last minute,
	everyPoint = window / 100           // of which so many points are kept
	cells      = 20                     // width of the bar
	roomForBar = 70                     // narrower terminals do without the bar
)

// Event is how far a job is.
type Event struct {
	Label string
	// Done of Total parts (steps, images) are done. A Total of 0 is an unknown one.
	Done, Total int
	Info        string // a note such as "312 images/s, 3.91 bits/dim"
	Elapsed     time.Duration
	Left        time.Duration // an estimate; negative where there is none, as at the end
	// Ended says that no more events of the job will come.
	Ended bool
}

// Count is "412/1000", or "412" of an unknown total.
func (e Event) Count() string {
	if e.Total > 0 {
		return fmt.Sprintf("%d/%d", e.Done, e.Total)
	}
	return fmt.Sprint(e.Done)
}

// Times is "1:12 elapsed, 1:43 left", or only the former.
func (e Event) Times() string {
	text := clock(e.Elapsed) + " elapsed"
	if e.Left >= 0 {
		text += ", " + clock(e.Left) + " left"
	}
	return text
}

// percent rounds down: 100% is the end and nothing before it.
func (e Event) percent() string { return fmt.Sprintf("%d%%", 100*e.Done/e.Total) }

// String is the event as a line of a log.
func (e Event) String() string {
	line := e.Label + ": " + e.Count()
	if e.Total > 0 {
		line += " (" + e.percent() + ")"
	}
	line += ", " + e.Times()
	if e.Info != "" {
		line += ", " + e.Info
	}
	return line
}

// drawn is the event as a line of a terminal of so many columns.
func (e Event) drawn(columns int) string {
	parts := []string{e.Label}
	if e.Total > 0 && columns >= roomForBar {
		full := min(max(cells*e.Done/e.Total, 0), cells)
		parts = append(parts, strings.Repeat("█", full)+strings.Repeat("░", cells-full))
	}
	parts = append(parts, e.Count())
	if e.Total > 0 {
		parts = append(parts, e.percent())
	}
	line := strings.Join(append(parts, e.Times()), " ")
	if e.Info != "" {
		line += " · " + e.Info
	}
	// A line that reaches the last column wraps, and \r would not get it back.
	if runes := []rune(line); len(runes) >= columns {
		line = string(runes[:max(columns-1, 0)])
	}
	return line
}

// Listener is a writer that shows jobs in its own way: a [Bar] on it sends events and writes only the lines that are
// not about how far the job is. Progress is called by one goroutine at a time for each job.
type Listener interface {
	io.Writer
	Progress(Event)
}

// Bar shows the progress of one job. Its methods may be called from several goroutines. Errors of writing are ignored:
// no job should fail for its display.
type Bar struct {
	mu    sync.Mutex
	w     io.Writer
	width func() int // columns of the terminal; nil where there is none
	now   func() time.Time

	label       string
	total, done int
	info        string

	start    time.Time
	next     time.Time // not before this is anything shown
	points   []point   // oldest first; never empty
	unparted bool      // time went by that is no part's: the speed is counted from the next Set on
	drawn    bool      // the cursor stands behind a drawn line
	finished bool
}

// point is a moment of the moving window.
type point struct {
	at   time.Time
	done int
}

// New starts a display on w, which may be a [Listener], for a job of total parts (steps, images). A total of 0 is an
// unknown one: neither percent nor time left are shown. Nothing is written before the first [Bar.Set].
func New(w io.Writer, label string, total int) *Bar {
	var width func() int
	if file, ok := w.(*os.File); ok && term.IsTerminal(int(file.Fd())) && os.Getenv("TERM") != "dumb" {
		width = func() int {
			columns, _, err := term.GetSize(int(file.Fd()))
			if err != nil || columns <= 0 {
				return 80
			}
			return columns
		}
	}
	return newBar(w, label, total, width, time.Now)
}

func newBar(w io.Writer, label string, total int, width func() int, now func() time.Time) *Bar {
	b := &Bar{w: w, width: width, now: now, label: oneLine(label), total: max(total, 0)}
	b.startAt(0)
	return b
}

// StartAt says that n parts were done before, by the run that this one resumes:
// they count as done but not for the speed. Elapsed time starts anew.
func (b *Bar) StartAt(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.startAt(n)
}

func (b *Bar) startAt(n int) {
	b.done = n
	b.start = b.now()
	b.points, b.unparted = []point{{b.start, n}}, false
	b.next = b.start
	if _, listens := b.w.(Listener); b.width == nil && !listens {
		b.next = b.start.Add(firstLine)
	}
}

// Set says that done parts are done, with a note such as "312 images/s,
// 3.91 bits/dim, 2 skipped". It shows them when it is time to.
func (b *Bar) Set(done int, info string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.finished {
		return
	}
	now := b.now()
	if done < b.done || b.unparted { // a job that went back, or has only begun, has no speed yet
		b.points, b.unparted = []point{{now, done}}, false
	}
	b.done, b.info = done, oneLine(info)
	b.remember(now)
	if now.Before(b.next) {
		return
	}
	b.show(now)
}

// show brings the display up to date and says when to do so again.
func (b *Bar) show(now time.Time) {
	e := b.event(now)
	if listener, ok := b.w.(Listener); ok {
		b.next = now.Add(everyEvent)
		listener.Progress(e)
		return
	}
	if b.width != nil {
		b.next = now.Add(everyDraw)
		fmt.Fprint(b.w, clearLine+e.drawn(b.width())) // one write, so that it does not flicker
		b.drawn = true
		return
	}
	b.next = now.Add(everyLine)
	fmt.Fprintln(b.w, e)
}

// event is how far the job is at a time.
func (b *Bar) event(now time.Time) Event {
	e := Event{Label: b.label, Done: b.done, Total: b.total, Info: b.info, Elapsed: now.Sub(b.start), Left: -1,
		Ended: b.finished}
	if left, ok := b.left(); ok && !b.finished {
		e.Left = left
	}
	return e
}

// During shows what is done at the moment and how long that has taken so far, from two seconds on and until end is
// called: for work that has no parts, such as compiling. Its time counts as elapsed but not for the speed, nor do the
// parts of the first [Bar.Set] after it, which may have been its own. end may be called more than once.
func (b *Bar) During(what string) (end func()) {
	b.mu.Lock()
	b.info = oneLine(what)
	b.next = b.now().Add(firstLine)
	b.mu.Unlock()
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		tick := time.NewTicker(everyTick)
		defer tick.Stop()
		for {
			select {
			case <-stop:
				return
			case <-tick.C:
				b.again()
			}
		}
	}()
	return sync.OnceFunc(func() {
		close(stop)
		<-stopped
		b.mu.Lock()
		defer b.mu.Unlock()
		b.info, b.unparted = "", true
	})
}

// again shows the job as it was, later.
func (b *Bar) again() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := b.now(); !b.finished && !now.Before(b.next) {
		b.show(now)
	}
}

// Log writes a line of its own above the display.
func (b *Bar) Log(line string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	line = strings.TrimRight(line, "\n") + "\n"
	if !b.drawn {
		fmt.Fprint(b.w, line)
		return
	}
	fmt.Fprint(b.w, clearLine+line)
	fmt.Fprint(b.w, clearLine+b.event(b.now()).drawn(b.width()))
}

// Done ends the display with a last line or event that stays, at the number of parts that [Bar.Set] gave last: an
// interrupted job shows how far it came. An empty info leaves the last note. Later calls of Set and Done do nothing.
func (b *Bar) Done(info string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.finished {
		return
	}
	b.finished = true
	if info != "" {
		b.info = oneLine(info)
	}
	if listener, ok := b.w.(Listener); ok {
		listener.Progress(b.event(b.now()))
		return
	}
	if b.drawn {
		fmt.Fprint(b.w, clearLine)
		b.drawn = false
	}
	fmt.Fprintln(b.w, b.event(b.now()))
}

// clearLine goes to the start of the line and empties it.
const clearLine = "\r\x1b[K"

// remember adds a point to the window and drops what has left it. The last
// point always moves to now; a new one is begun only every so often, which
// bounds their number whatever the speed of the job.
func (b *Bar) remember(now time.Time) {
	last := len(b.points) - 1
	if last > 0 && now.Sub(b.points[last-1].at) < everyPoint {
		b.points[last] = point{now, b.done}
	} else {
		b.points = append(b.points, point{now, b.done})
	}
	old := 0
	for len(b.points)-old > 2 && now.Sub(b.points[old].at) > window {
		old++
	}
	b.points = append(b.points[:0], b.points[old:]...)
}

// left estimates the time left from the speed within the window.
func (b *Bar) left() (time.Duration, bool) {
	first, last := b.points[0], b.points[len(b.points)-1]
	parts, spent := last.done-first.done, last.at.Sub(first.at)
	if b.total <= 0 || b.done > b.total || parts <= 0 || spent <= 0 {
		return 0, false
	}
	seconds := spent.Seconds() / float64(parts) * float64(b.total-b.done)
	const century = 100 * 365 * 24 * time.Hour
	if seconds > century.Seconds() {
		return 0, false // no estimate, and no overflow either
	}
	return time.Duration(seconds * float64(time.Second)), true
}

// clock writes a duration as 1:23 or 1:02:03.
func clock(d time.Duration) string {
	s := int(max(d, 0).Round(time.Second) / time.Second)
	if s < 3600 {
		return fmt.Sprintf("%d:%02d", s/60, s%60)
	}
	return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
}

// oneLine keeps a text from breaking the display.
func oneLine(text string) string {
	return strings.Join(strings.Fields(text), " ")
}
