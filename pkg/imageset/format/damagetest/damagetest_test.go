package damagetest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// recorder is a test that may fail.
type recorder struct {
	testing.TB
	said []string
}

func (r *recorder) Helper() {}

func (r *recorder) Errorf(format string, args ...any) {
	r.said = append(r.said, fmt.Sprintf(format, args...))
}

func (r *recorder) Fatalf(format string, args ...any) {
	r.Errorf(format, args...)
	panic(r)
}

// complaints are those of Check.
func complaints(t testing.TB, f File) (said []string) {
	r := &recorder{TB: t}
	defer func() {
		if p := recover(); p != nil && p != any(r) {
			panic(p)
		}
		said = r.said
	}()
	f.Check(r)
	return r.said
}

// The format of these tests: a number of values, then the values.
func read(data []byte) (any, error) {
	if len(data) == 0 {
		return nil, fmt.Errorf("truncated at offset 0")
	}
	if n := int(data[0]); n != len(data)-1 {
		return nil, fmt.Errorf("offset 0: %d values: expected %d", n, len(data)-1)
	}
	return len(data) - 1, nil
}

var good = File{Whole: []byte("\x05abcde"), Headers: [][2]int{{0, 1}}, Read: read}

func TestAGoodReaderPasses(t *testing.T) {
	good.Check(t)
	long := good
	long.Whole = append([]byte{255}, strings.Repeat("x", 255)...)
	long.MaxAlloc = 1 << 16
	long.Check(t)
}

func TestEveryFaultIsFound(t *testing.T) {
	for name, want := range map[string]struct {
		change func(*File)
		says   string
	}{
		"whole": {func(f *File) { f.Whole = f.Whole[:3] }, "the whole file: offset 0: 5 values"},
		"panic at once": {func(f *File) {
			f.Read = func([]byte) (any, error) { panic("no") }
		}, "the whole file: panic: no"},
		"panic": {func(f *File) {
			f.Read = func(data []byte) (any, error) { return data[2], nil }
		}, "truncated to 0 of 6 bytes: panic: runtime error: index out of range"},
		"error": {func(f *File) {
			f.Read = func(data []byte) (any, error) {
				if len(data) < 6 {
					return nil, fmt.Errorf("bad")
				}
				return 1, nil
			}
		}, "truncated to 0 of 6 bytes: the error does not say where: bad"},
		"truncation": {func(f *File) {
			f.Read = func([]byte) (any, error) { return 5, nil }
		}, "truncated to 0 of 6 bytes: read 5 without an error"},
		"needed": {func(f *File) {
			f.Needed = 4
			f.Read = func(data []byte) (any, error) { return []int{5}, nil }
		}, "truncated to 3 of 6 bytes: read [5] without an error"},
		"shape": {func(f *File) {
			f.Read = func(data []byte) (any, error) {
				if len(data) < 6 {
					return nil, fmt.Errorf("offset 3")
				}
				return data[0], nil
			}
		}, "byte 0 turned from 0x05 into 0x04: read 4, not 5, without an error"},
		"bytes elsewhere": {func(f *File) {
			f.Read = func(data []byte) (any, error) {
				if data[0] != 5 || len(data) < 6 {
					return nil, fmt.Errorf("offset 3")
				}
				return string(data[1:]), nil
			}
			f.Needed = 1
		}, "without an error"},
		"allocation": {func(f *File) {
			f.MaxAlloc = 1 << 16
			f.Read = func(data []byte) (any, error) {
				if len(data) > 0 && data[0] == 4 {
					f.Whole = append(make([]byte, 1<<17), f.Whole...)[1<<17:]
				}
				return read(data)
			}
		}, "byte 0 turned from 0x05 into 0x04: allocated"},
	} {
		f := good
		want.change(&f)
		said := complaints(t, f)
		if assert.NotEmpty(t, said, name) {
			assert.Contains(t, strings.Join(said, "\n"), want.says, name)
		}
		assert.LessOrEqual(t, len(said), maxComplaints, name)
	}
}

func TestWhatACallerAllows(t *testing.T) {
	f := good
	f.Read = func(data []byte) (any, error) {
		if len(data) < 6 {
			return nil, fmt.Errorf("file.x: bad")
		}
		return int(data[0]), nil
	}
	f.Says = func(err error) bool { return strings.Contains(err.Error(), "file.x") }
	f.Declared = func(data []byte) any { return int(data[0]) }
	f.Flips = 10
	f.Check(t)
}

func TestNothingButHeaders(t *testing.T) {
	f := good
	f.Headers = [][2]int{{0, len(f.Whole)}}
	f.Check(t)
}

func TestFixture(t *testing.T) {
	shared := t.TempDir()
	t.Setenv("STRATA_SHARED", shared)
	require.NoError(t, os.Mkdir(filepath.Join(shared, "fixtures"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(shared, "fixtures", "manifest.json"), []byte(`{"a/b.mat": {"images": 24}}`), 0o644))
	var want struct{ Images int }
	assert.Equal(t, filepath.Join(shared, "fixtures", "a", "b.mat"), Fixture(t, "a/b.mat", &want))
	assert.Equal(t, 24, want.Images)
}

func TestCuts(t *testing.T) {
	f := File{Whole: make([]byte, 100_000), Headers: [][2]int{{10, 20}, {50_000, 50_010}}}
	all := f.cuts()
	for _, n := range []int{10, 19, 50_000, 50_009, 99_936, 99_999} {
		assert.Contains(t, all, n)
	}
	assert.IsIncreasing(t, all)
	assert.Less(t, len(all), 3000)
	assert.Equal(t, all, f.cuts())
	if !testing.Short() {
		assert.Len(t, File{Whole: make([]byte, 5000)}.cuts(), 5000)
	}
}

func TestAtMost(t *testing.T) {
	var kept []byte
	allocate := func() { kept = make([]byte, 1<<20) }
	AtMost(t, 2<<20, allocate)
	r := &recorder{TB: t}
	AtMost(r, 1<<19, allocate)
	assert.Len(t, r.said, 1)
	assert.Len(t, kept, 1<<20)
}
