package lab

import (
	"fmt"
	"html"
	"io"
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/janpfeifer/gonb/gonbui"
)

// display turns the plain lines of pkg/progress into one place of the notebook that is redrawn: a bar for what has an end, and the last other
// lines under it. A log that scrolls by is no progress display.
type display struct {
	update func(html string)

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

// counted matches a line of pkg/progress: LABEL: DONE/TOTAL (SHARE%), rest.
var counted = regexp.MustCompile(`^(.*): (\d+)/(\d+) \(\d+%\)(.*)$`)

func (d *display) Write(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	lines := strings.Split(d.rest+string(p), "\n")
	d.rest = lines[len(lines)-1]
	for _, line := range lines[:len(lines)-1] {
		if match := counted.FindStringSubmatch(line); match != nil {
			done, _ := strconv.Atoi(match[2])
			total, _ := strconv.Atoi(match[3])
			d.bar = fmt.Sprintf(`<div style="font-family:sans-serif;font-size:13px"><b>%s</b><br><progress max="%d" value="%d" style="width:60%%;height:1em"></progress> %d of %d%s</div>`,
				html.EscapeString(match[1]), total, done, done, total, html.EscapeString(match[4]))
			continue
		}
		if line = strings.TrimSpace(line); line != "" {
			d.notes = append(d.notes, line)
			d.notes = d.notes[max(0, len(d.notes)-notesKept):]
		}
	}
	text := d.bar
	if len(d.notes) > 0 {
		text += `<pre style="font-size:12px">` + html.EscapeString(strings.Join(d.notes, "\n")) + "</pre>"
	}
	if text != "" {
		d.update(text)
	}
	return len(p), nil
}
