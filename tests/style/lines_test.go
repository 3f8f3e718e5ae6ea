package style

import (
	"go/scanner"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/folders"
)

// longest is how many columns a line may have, a tab being four.
const longest = 140

// notYet are packages whose lines are yet to be wrapped.
var notYet = []string{"pkg/claim", "pkg/evaluate", "pkg/metric", "pkg/result"}

// A line that leaves the window is not read. Raw strings, struct tags and texts for people, have what lines they have.
func TestNoLineIsTooLong(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	for _, dir := range []string{"cmd", "experiments", "internal", "pkg", "tests"} {
		err := filepath.WalkDir(filepath.Join(root, dir), func(file string, d fs.DirEntry, err error) error {
			name, _ := filepath.Rel(root, file)
			if err != nil || d.IsDir() || filepath.Ext(file) != ".go" || slices.Contains(notYet, filepath.ToSlash(filepath.Dir(name))) {
				return err
			}
			text, err := os.ReadFile(file)
			if err != nil {
				return err
			}
			for _, line := range tooLong(string(text)) {
				assert.Fail(t, "more than 140 columns", "%s:%d", name, line)
			}
			return nil
		})
		require.NoError(t, err)
	}
}

func TestTooLong(t *testing.T) {
	long := strings.Repeat("x", longest+1)
	require.Equal(t, []int{3, 5}, tooLong("package p\n\n// "+long+"\n\nvar "+long+" int\n"))
	require.Equal(t, []int{6}, tooLong("package p\n\nvar a = `"+long+"\n"+long+"`\n\nvar b = \""+long+"\"\n"))
	require.Equal(t, []int{2}, tooLong("package p\n//\t\t"+long[:longest-9]+"\n//\t\t"+long[:longest-10]+"\n"), "a tab has four columns")
	require.Empty(t, tooLong("package p\n\n// "+strings.Repeat("é", longest-3)+"\n"), "columns, not bytes")
}

// tooLong are the lines of a Go file that are too long, counted from 1, but for those with a raw string.
func tooLong(text string) (found []int) {
	raw := map[int]bool{}
	files := token.NewFileSet()
	file := files.AddFile("", files.Base(), len(text))
	var s scanner.Scanner
	s.Init(file, []byte(text), nil, 0)
	for {
		at, kind, literal := s.Scan()
		if kind == token.EOF {
			break
		}
		if kind == token.STRING && literal[0] == '`' {
			first := file.Line(at)
			for line := range strings.Count(literal, "\n") + 1 {
				raw[first+line] = true
			}
		}
	}
	line := 0
	for text := range strings.Lines(text) {
		line++
		columns := utf8.RuneCountInString(strings.TrimSuffix(text, "\n")) + 3*strings.Count(text, "\t")
		if columns > longest && !raw[line] {
			found = append(found, line)
		}
	}
	return found
}
