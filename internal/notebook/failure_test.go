package notebook

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// What GoNB v0.11.4 was seen to send, by the cell that caused it. The kernel
// itself is asked in tests/notebooks_test.go.
func TestFailure(t *testing.T) {
	stderr := func(text string) Output { return Output{Type: "stream", Name: "stderr", Text: text} }
	for name, c := range map[string]struct {
		source  string
		evalue  string // "" for a reply of status ok
		outputs []Output
		marks   []string
		reason  string // "" if the cell succeeded
	}{
		"success": {source: "%%\nfmt.Println(1)"},
		"shell line": {source: "!false", marks: []string{"exit status 1\n"},
			reason: `"!false" failed: exit status 1`},
		"shell in scratch": {source: "!*exit 4", marks: []string{"exit status 4\n"},
			reason: `"!*exit 4" failed: exit status 4`},
		"commented shell": {source: "//gonb:!false", marks: []string{"exit status 1\n"},
			reason: `"!false" failed: exit status 1`},
		"one of two": {source: "!true\n!false", marks: []string{"exit status 1\n"},
			reason: "a shell line failed: exit status 1"},
		"killed": {source: "!kill -9 $$", marks: []string{"signal: killed\n"},
			reason: `"!kill -9 $$" failed: signal: killed`},
		"bash cell": {source: "%%bash\nexit 5", marks: []string{"exit status 5\n"},
			reason: `"%%bash" failed: exit status 5`},
		"script cell": {source: "%%script awk x\n{", marks: []string{"exit status 2\n"},
			reason: `"%%script awk x" failed: exit status 2`},
		"unknown magic": {source: "%wat 1", marks: []string{`"%wat" unknown or not implemented yet.`},
			reason: `"%wat" unknown or not implemented yet.`},
		"program prints status": {source: "%%\nrun()", marks: []string{"exit status 1\n"}},
		"program prints magic":  {source: "run()", marks: []string{`"%x" unknown or not implemented yet.`}},
		"panic": {
			source: "%%\nf()", evalue: "exit status 2",
			outputs: []Output{stderr("before\npanic: boom\n\ngoroutine 1 [running]:\nexit status 2\n")}, reason: "panic: boom",
		},
		"fatal": {source: "%%\nf()", evalue: "exit status 1",
			outputs: []Output{stderr("2026/01/02 no paint\nexit status 1\n")}, reason: "exit status 1: 2026/01/02 no paint"},
		"silent": {source: "%%\nos.Exit(3)", evalue: "exit status 3", outputs: []Output{stderr("exit status 3\n")},
			reason: "exit status 3"},
		"compiler": {source: "%%\nf()", evalue: "# gonb_1\n./main.go:8:22: undefined: f\n",
			reason: "does not compile: undefined: f"},
		"in colour": {source: "%%\nf()", evalue: "\x1b[31m./main.go:8:22: undefined: f\x1b[0m\n",
			reason: "does not compile: undefined: f"},
		"test": {
			source: "%test", evalue: "exit status 1",
			outputs: []Output{{Type: "stream", Name: "stdout",
				Text: "=== RUN   TestA\n    main_test.go:8: too low\n--- FAIL: TestA (0.00s)\nFAIL\n"}},
			reason: "TestA failed: too low",
		},
	} {
		t.Run(name, func(t *testing.T) {
			reply := executeReply{Status: "ok"}
			if c.evalue != "" {
				reply = executeReply{Status: "error", Evalue: c.evalue}
			}
			for _, mark := range c.marks {
				require.Regexp(t, kernelSays, mark)
			}
			failed := failure(&Cell{Source: c.source, Outputs: c.outputs}, reply, c.marks)
			if c.reason == "" {
				assert.Nil(t, failed)
				return
			}
			require.NotNil(t, failed)
			assert.Equal(t, c.reason, failed.Reason)
		})
	}
	// An error message counts even where the reply claims success.
	assert.NotNil(t, failure(&Cell{Outputs: []Output{{Type: "error", Evalue: "x"}}}, executeReply{Status: "ok"}, nil))
}

func TestCellErrorReadsWell(t *testing.T) {
	err := &CellError{Notebook: "a.ipynb", Cell: 3, Line: "!false", Reason: "exit status 1", Details: "more\nlines"}
	assert.Equal(t, "notebook a.ipynb, code cell 3 (!false): exit status 1\nmore\nlines", err.Error())
}

func TestTitle(t *testing.T) {
	assert.Equal(t, "draw()", title("\n%%\n\ndraw()\nmore"))
	assert.Equal(t, "%%", title("%%"))
	assert.Equal(t, "%% --size=1", title("%% --size=1\nx"))
	assert.Len(t, []rune(title("// "+string(make([]rune, 100)))), 63)
}
