package lab

import (
	"fmt"
	"html"
	"io"
	"strings"
	"sync"

	"strata/pkg/progress"

	"github.com/janpfeifer/gonb/gonbui"
)

// display is one place of the notebook that is redrawn: how far the job is (it is a [progress.Listener]), and under
// that the last lines that were written. A log that scrolls by is no progress display.
type display struct {
	update func(page string)

	mu    sync.Mutex
	rest  string // of a line that has not ended
	bar   string
	notes []string
}

// notesKept is how many lines stay under the bar.
const notesKept = 6

func newDisplay() io.Writer {
	if !gonbui.IsNotebook {
		return io.Discard
	}
	id := gonbui.UniqueId()
	return &display{update: func(text string) { gonbui.UpdateHTML(id, text) }}
}

// Progress shows the job that reports last.
func (d *display) Progress(e progress.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	count, share := fmt.Sprint(e.Done), "" // a bar without a value moves to and fro
	switch {
	case e.Total > 0:
		count, share = fmt.Sprintf("%d of %d", e.Done, e.Total), fmt.Sprintf(` max="%d" value="%d"`, e.Total, e.Done)
	case e.Ended:
		share = ` value="1"`
	}
	text := count + ", " + e.Times()
	if e.Info != "" {
		text += ", " + e.Info
	}
	d.bar = fmt.Sprintf(`<div style="font-family:sans-serif;font-size:13px"><b>%s</b><br>`+
		`<progress%s style="width:60%%;height:1em"></progress> %s</div>`,
		html.EscapeString(e.Label), share, html.EscapeString(text))
	d.redraw()
}

// Write adds lines to the notes.
func (d *display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := strings.Split(d.rest+string(p), "\n")
	d.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if line = strings.TrimSpace(line); line != "" {
			d.notes = append(d.notes, line)
		}
	}
	d.notes = d.notes[max(0, len(d.notes)-notesKept):]
	d.redraw()
	return len(p), nil
}

func (d *display) redraw() {
	text := d.bar
	if len(d.notes) > 0 {
		text += `<pre style="font-size:12px">` + html.EscapeString(strings.Join(d.notes, "\n")) + "</pre>"
	}
	if text != "" {
		d.update(text)
	}
}
