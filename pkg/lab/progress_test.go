package lab

import (
	"io"
	"strings"
	"testing"
	"time"

	"strata/pkg/progress"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A display keeps one bar and the last lines, whatever pieces the lines come in. What a line looks like does not
// matter: only events move the bar.
func TestDisplay(t *testing.T) {
	var shown []string
	var d progress.Listener = &display{update: func(text string) { shown = append(shown, text) }}
	write := func(text string) string {
		n, err := d.Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, len(text), n)
		return shown[len(shown)-1]
	}
	show := func(e progress.Event) string {
		d.Progress(e)
		return shown[len(shown)-1]
	}
	show(progress.Event{Label: "glow-in", Done: 412, Total: 1000, Elapsed: 72 * time.Second, Left: -1})
	write("plain <li")
	write("ne>\n")
	last := show(progress.Event{Label: "glow-in", Done: 500, Total: 1000, Elapsed: 90 * time.Second,
		Left: 90 * time.Second,
		Info: "3.91 bits/dim & falling"})
	assert.Contains(t, last, `<progress max="1000" value="500"`)
	assert.Contains(t, last, "500 of 1000, 1:30 elapsed, 1:30 left, 3.91 bits/dim &amp; falling")
	assert.Contains(t, last, "plain &lt;line&gt;")
	assert.NotContains(t, last, "412")
	assert.NotContains(t, write("glow-in: 412/1000 (41%), as a note\n"), `value="412"`)
	for range 20 {
		last = write("more\n")
	}
	assert.Equal(t, notesKept, strings.Count(last, "more"))

	assert.Contains(t, show(progress.Event{Label: "read", Done: 7, Left: -1}), "<progress style", "to and fro")
	assert.Contains(t, show(progress.Event{Label: "read", Done: 9, Left: -1, Ended: true}), `<progress value="1"`)
	assert.Equal(t, io.Discard, newDisplay(), "outside of a notebook")
}

// A Bar finds out that its writer listens.
func TestDisplayOfABar(t *testing.T) {
	var shown []string
	d := &display{update: func(text string) { shown = append(shown, text) }}
	bar := progress.New(d, "glow-in", 10)
	bar.Set(5, "")
	bar.Done("")
	require.Len(t, shown, 2)
	assert.Contains(t, shown[1], `<progress max="10" value="5"`)
}
