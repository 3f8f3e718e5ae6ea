package notebook

import (
	"fmt"
	"regexp"
	"strings"
)

// CellError is a cell that failed.
type CellError struct {
	Notebook string // file name
	Cell     int    // number of the code cell, from 1: Jupyter's In [Cell]
	Line     string // the cell's first line
	Reason   string // one line
	Details  string // what was printed; may be empty, may have many lines

	cause error // context error, if that is the reason
}

// Error returns one line with notebook, cell and reason, then the details.
func (e *CellError) Error() string {
	line := fmt.Sprintf("notebook %s, code cell %d (%s): %s", e.Notebook, e.Cell, e.Line, e.Reason)
	if e.Details == "" {
		return line
	}
	return line + "\n" + e.Details
}

// Unwrap returns the context's error for an execution that was stopped.
func (e *CellError) Unwrap() error { return e.cause }

// executeReply is the content of execute_reply.
type executeReply struct {
	Status string
	Evalue string
}

// What GoNB prints on standard error, each as a message of its own, where it
// then replies that all went well: after a shell line, %%bash, %%sh or %%script
// that failed (optionally after "^C"), after a %magic that it does not know, and
// for failures of its own. Read in GoNB v0.11.4: internal/jpyexec/jpyexec.go,
// internal/specialcmd/specialcmd.go, internal/jpyexec/namedpipes.go,
// internal/gxexec/execute.go.
var (
	shellFailed  = regexp.MustCompile(`^(?:\^C\n)?(exit status \d+|signal: [^\n]+)\n$`)
	unknownMagic = regexp.MustCompile(`^"%.*" unknown or not implemented yet\.$`)
	kernelFailed = regexp.MustCompile(`^(?:GoNB Error:\n|GX compile error: )`)
	kernelSays   = regexp.MustCompile(shellFailed.String() + "|" + unknownMagic.String() + "|" + kernelFailed.String())
)

// failure decides whether an executed cell failed. marks are those messages of
// its standard error that match kernelSays; a program may print such a line
// too, so they count only in cells with shell lines or magic.
func failure(cell *Cell, reply executeReply, marks []string) *CellError {
	output := text(cell.Outputs)
	evalue, failed := reply.Evalue, reply.Status != "ok"
	for _, out := range cell.Outputs {
		if out.Type == "error" {
			evalue, failed = out.Evalue, true
		}
	}
	if failed {
		return &CellError{Reason: errorReason(evalue, output), Details: details(output, traceback(cell.Outputs))}
	}
	shell, magic := special(cell.Source)
	for _, mark := range marks {
		switch match := shellFailed.FindStringSubmatch(mark); {
		case match != nil && len(shell) == 1:
			return &CellError{Reason: fmt.Sprintf("%q failed: %s", shell[0], match[1]), Details: details(output, "")}
		case match != nil && len(shell) > 1:
			return &CellError{Reason: "a shell line failed: " + match[1], Details: details(output, "")}
		case unknownMagic.MatchString(mark) && magic, kernelFailed.MatchString(mark):
			return &CellError{Reason: strings.Join(strings.Fields(mark), " "), Details: details(output, "")}
		}
	}
	return nil
}

// special returns the lines of a cell that run in a shell, and whether it has
// %magic. GoNB also takes both behind a //gonb: comment.
func special(source string) (shell []string, magic bool) {
	for i, line := range strings.Split(source, "\n") {
		line = strings.TrimPrefix(line, "//gonb:")
		switch {
		case i == 0 && (strings.HasPrefix(line, "%%bash") || strings.HasPrefix(line, "%%sh") ||
			strings.HasPrefix(line, "%%script")):
			return []string{strings.TrimSpace(line)}, true
		case strings.HasPrefix(line, "!"):
			shell = append(shell, line)
		case strings.HasPrefix(line, "%"):
			magic = true
		}
	}
	return shell, magic
}

var (
	// As the compiler places an error: "./main.go:8:22: undefined: x".
	goPosition = regexp.MustCompile(`(?m)^.*main(?:_test)?\.go:\d+(?::\d+)?:? *(.*)$`)
	goPanic    = regexp.MustCompile(`(?m)^(?:panic|fatal error): .*$`)
	goTestFail = regexp.MustCompile(`(?m)^ *--- FAIL: (\S+).*$`)
	goTestSays = regexp.MustCompile(`(?m)^ *main_test\.go:\d+: (.*\S)`)
)

// errorReason finds the line that says most about why a Go cell failed.
func errorReason(evalue, output string) string {
	evalue, output = plain(evalue), plain(output)
	if line := goPanic.FindString(output); line != "" {
		return line
	}
	if match := goTestFail.FindStringSubmatch(output); match != nil {
		reason := match[1] + " failed"
		if said := goTestSays.FindStringSubmatch(output); said != nil {
			reason += ": " + said[1]
		}
		return reason
	}
	if match := goPosition.FindStringSubmatch(evalue); match != nil {
		return "does not compile: " + match[1]
	}
	reason := firstLine(evalue)
	if last := lastLine(output); last != "" && shellFailed.MatchString(reason+"\n") {
		reason += ": " + last
	}
	return reason
}

var escapes = regexp.MustCompile(`\x1b\[[0-9;]*[A-Za-z]`)

// plain removes terminal colours.
func plain(s string) string { return escapes.ReplaceAllString(s, "") }

// text returns all that was printed on both streams.
func text(outputs []Output) string {
	var b strings.Builder
	for _, o := range outputs {
		b.WriteString(o.Text)
	}
	return b.String()
}

func traceback(outputs []Output) string {
	var all []string
	for _, o := range outputs {
		all = append(all, o.Traceback...)
	}
	return strings.Join(all, "\n")
}

// details is what was printed, then the compiler's errors: GoNB repeats the
// exit status as a traceback, which says nothing new.
func details(output, traceback string) string {
	output, traceback = strings.TrimRight(plain(output), "\n"), strings.TrimRight(plain(traceback), "\n")
	switch {
	case output == "":
		return tail(traceback)
	case strings.Contains(output, traceback):
		return tail(output)
	}
	return tail(output + "\n" + traceback)
}

// tailLines bounds the details of an error. A panic's first goroutine and a
// compiler's ten errors fit.
const tailLines = 40

func tail(s string) string {
	all := strings.Split(strings.TrimRight(s, "\n"), "\n")
	if len(all) > tailLines {
		all = append([]string{fmt.Sprintf("[%d lines before these]", len(all)-tailLines)}, all[len(all)-tailLines:]...)
	}
	return strings.Join(all, "\n")
}

// firstLine returns the first line that is not blank.
func firstLine(s string) string {
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			return line
		}
	}
	return ""
}

// title is how errors call a cell: its first line, or the next one after the
// bare %% that starts many.
func title(source string) string {
	line := firstLine(source)
	if line == "%%" || line == "%main" {
		if next := firstLine(source[strings.Index(source, line)+len(line):]); next != "" {
			line = next
		}
	}
	if runes := []rune(line); len(runes) > 60 {
		line = string(runes[:60]) + "..."
	}
	return line
}

// lastLine returns the last line that is not blank and no exit status.
func lastLine(s string) string {
	last := ""
	for line := range strings.Lines(s) {
		line = strings.TrimSpace(line)
		if line != "" && !shellFailed.MatchString(line+"\n") {
			last = line
		}
	}
	return last
}
