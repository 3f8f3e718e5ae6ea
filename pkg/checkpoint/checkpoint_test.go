package checkpoint

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// state returns a small state whose values tell its step.
func state(step int) *State {
	data := make([]float32, 12)
	for i := range data {
		data[i] = float32(step) + float32(i)/16
	}
	return &State{
		Step: step,
		Tensors: []Tensor{
			{"scale1/step1/actnorm/loc", []int{1, 1, 1, 12}, data},
			{"adamax/m/scale1/step1/actnorm/loc", []int{3, 4}, data},
			{"count", nil, []float32{float32(step)}},
		},
		Meta: json.RawMessage(fmt.Sprintf(`{"step":%d,"seed":20201206}`, step)),
	}
}

// assertSame compares bit by bit: NaN equals itself here, and -0 is not 0.
func assertSame(t *testing.T, want, got *State) {
	t.Helper()
	require.NotNil(t, got)
	assert.Equal(t, want.Step, got.Step)
	assert.Equal(t, string(want.Meta), string(got.Meta))
	require.Len(t, got.Tensors, len(want.Tensors))
	for i, w := range want.Tensors {
		g := got.Tensors[i]
		assert.Equal(t, w.Name, g.Name)
		assert.Equal(t, w.Shape, g.Shape)
		require.Len(t, g.Data, len(w.Data))
		for j := range w.Data {
			if math.Float32bits(w.Data[j]) != math.Float32bits(g.Data[j]) {
				require.Failf(t, "values differ", "%s[%d]: %x, expected %x", w.Name, j, math.Float32bits(g.Data[j]),
					math.Float32bits(w.Data[j]))
			}
		}
	}
}

func names(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var all []string
	for _, entry := range entries {
		all = append(all, entry.Name())
	}
	return all
}

func assertOneLine(t *testing.T, err error) {
	t.Helper()
	assert.NotContains(t, err.Error(), "\n")
}

// special holds values whose bits a careless copy would change.
func special() []float32 {
	bits := []uint32{
		0, 1 << 31, // 0, -0
		0x7f800000, 0xff800000, // infinities
		0x7fc00000, 0xffc00001, 0x7f800001, 0x7fbfffff, 0xffffffff, // quiet and signalling NaNs with payloads
		1, 0x807fffff, 0x7f7fffff, // denormals, the largest
	}
	values := make([]float32, len(bits))
	for i, b := range bits {
		values[i] = math.Float32frombits(b)
	}
	return values
}

func TestRoundTrip(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	large := make([]float32, 3*20011) // more than one chunk, and no multiple of one
	for i := range large {
		large[i] = math.Float32frombits(rng.Uint32())
	}
	for name, want := range map[string]*State{
		"plain":      state(7),
		"special":    {Step: 1, Tensors: []Tensor{{"x", []int{12}, special()}}},
		"large":      {Step: 2, Tensors: []Tensor{{"a/b", []int{3, 20011}, large}, {"a", []int{len(large)}, large}}},
		"empty":      {Step: 0, Tensors: []Tensor{{"none", []int{0, 5}, nil}}},
		"no tensors": {Step: 3, Meta: json.RawMessage(`null`)},
		"large step": {Step: 1234567890, Meta: json.RawMessage(`[1e400,"<\u0000>"]`)},
		"unicode":    {Step: 4, Tensors: []Tensor{{"größe/σ 1", []int{1}, []float32{1}}}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "runs", "glow")
			require.NoError(t, Save(dir, want, 1))
			got, warnings, err := Latest(dir)
			require.NoError(t, err)
			assert.Empty(t, warnings)
			if name == "large step" { // JSON may be escaped differently, its content is the same
				assert.JSONEq(t, `["<\u0000>"]`, strings.Replace(string(got.Meta), "1e400,", "", 1))
				got.Meta = want.Meta
			}
			assertSame(t, want, got)
			assert.Equal(t, []string{fmt.Sprintf("step-%08d", want.Step)}, names(t, dir))
		})
	}
}

// NumPy is the judge of the format; where there is none, the test says so.
func TestNumPyReadsTensors(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	const python = "/usr/bin/python3"
	if err := exec.Command(python, "-c", "import numpy").Run(); err != nil {
		t.Skipf("%s with numpy is absent: %v", python, err)
	}
	dir := t.TempDir()
	s := state(7)
	s.Tensors = append(s.Tensors, Tensor{"special", []int{12}, special()}, Tensor{"none", []int{0, 5}, nil},
		Tensor{"größe", []int{1}, []float32{2.5}})
	require.NoError(t, Save(dir, s, 1))
	out, err := exec.Command(python, "-X", "utf8", "-c", `
import sys, numpy
z = numpy.load(sys.argv[1])
for k in z.files:
    a = z[k]
    print(k, a.dtype, a.shape, a.tobytes().hex())
`, filepath.Join(Path(dir, 7), tensorsName)).CombinedOutput()
	require.NoError(t, err, string(out))
	var want strings.Builder
	for _, x := range s.Tensors {
		shape := strings.Join(strings.Fields(strings.Trim(fmt.Sprint(x.Shape), "[]")), ", ")
		if len(x.Shape) == 1 {
			shape += ","
		}
		fmt.Fprintf(&want, "%s float32 (%s) ", x.Name, shape)
		for _, v := range x.Data {
			b := math.Float32bits(v)
			fmt.Fprintf(&want, "%02x%02x%02x%02x", b&255, b>>8&255, b>>16&255, b>>24)
		}
		want.WriteString("\n")
	}
	assert.Equal(t, want.String(), string(out))
}

func TestKeep(t *testing.T) {
	dir := t.TempDir()
	for step := 10; step <= 50; step += 10 {
		require.NoError(t, Save(dir, state(step), 3))
	}
	steps, err := Steps(dir)
	require.NoError(t, err)
	assert.Equal(t, []int{30, 40, 50}, steps)

	require.NoError(t, Save(dir, state(60), 1))
	assert.Equal(t, []string{"step-00000060"}, names(t, dir))

	// Going back in time does not delete what is newer.
	require.NoError(t, Save(dir, state(55), 1))
	assert.Equal(t, []string{"step-00000055", "step-00000060"}, names(t, dir))
}

// A damaged checkpoint must not push a whole one out.
func TestDamagedOnesDoNotCount(t *testing.T) {
	dir := t.TempDir()
	for step := 1; step <= 3; step++ {
		require.NoError(t, Save(dir, state(step), 3))
	}
	flipBit(t, filepath.Join(Path(dir, 3), tensorsName), 100)
	require.NoError(t, Save(dir, state(4), 2))
	assert.Equal(t, []string{"step-00000002", "step-00000004"}, names(t, dir))
}

func TestSameStepTwice(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Save(dir, state(5), 2))
	for i := range 3 {
		again := state(5)
		again.Tensors[0].Data[0] = float32(100 + i)
		require.NoError(t, Save(dir, again, 2))
		got, warnings, err := Latest(dir)
		require.NoError(t, err)
		assert.Empty(t, warnings)
		assertSame(t, again, got)
		assert.Equal(t, []string{"step-00000005"}, names(t, dir))
	}
	flipBit(t, filepath.Join(Path(dir, 5), manifestName), 30) // also when the first one is damaged
	require.NoError(t, Save(dir, state(5), 2))
	got, _, err := Latest(dir)
	require.NoError(t, err)
	assertSame(t, state(5), got)
}

// The states in which a kill between two renames leaves the folder.
func TestInterruptedReplacement(t *testing.T) {
	replaced := state(5)
	replaced.Tensors[0].Data[0] = -1

	t.Run("old one aside, new one not there yet", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, Save(dir, replaced, 1))
		require.NoError(t, os.Rename(Path(dir, 5), asidePath(dir, 5)))
		got, warnings, err := Latest(dir)
		require.NoError(t, err)
		assert.Empty(t, warnings)
		assertSame(t, replaced, got)
		steps, err := Steps(dir)
		require.NoError(t, err)
		assert.Equal(t, []int{5}, steps)

		require.NoError(t, Save(dir, state(6), 2)) // it counts as an older one
		assert.Equal(t, []string{"replaced-00000005", "step-00000006"}, names(t, dir))
		require.NoError(t, Save(dir, state(7), 2))
		assert.Equal(t, []string{"step-00000006", "step-00000007"}, names(t, dir))
	})
	t.Run("both there", func(t *testing.T) {
		dir := t.TempDir()
		require.NoError(t, Save(dir, replaced, 1))
		require.NoError(t, os.Rename(Path(dir, 5), asidePath(dir, 5)))
		require.NoError(t, save(dir, state(5))) // killed before pruning
		assert.Equal(t, []string{"replaced-00000005", "step-00000005"}, names(t, dir))
		got, _, err := Latest(dir)
		require.NoError(t, err)
		assertSame(t, state(5), got)
		steps, err := Steps(dir)
		require.NoError(t, err)
		assert.Equal(t, []int{5}, steps)

		again := state(5)
		again.Tensors[0].Data[0] = 100
		require.NoError(t, Save(dir, again, 1))
		assert.Equal(t, []string{"step-00000005"}, names(t, dir))
		got, _, err = Latest(dir)
		require.NoError(t, err)
		assertSame(t, again, got)
	})
}

func TestNone(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, os.Mkdir(filepath.Join(dir, "tmp-5-1"), 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "step-00000005"), nil, 0o644)) // a file is no checkpoint
	for _, d := range []string{dir, filepath.Join(dir, "absent")} {
		_, warnings, err := Latest(d)
		require.ErrorIs(t, err, ErrNone)
		assert.Contains(t, err.Error(), d)
		assert.Empty(t, warnings)
		steps, err := Steps(d)
		require.NoError(t, err)
		assert.Empty(t, steps)
	}
}

func TestAllDamagedIsNotNone(t *testing.T) {
	dir := t.TempDir()
	for step := 1; step <= 2; step++ {
		require.NoError(t, Save(dir, state(step), 2))
	}
	for step := 1; step <= 2; step++ {
		require.NoError(t, os.Remove(filepath.Join(Path(dir, step), manifestName)))
	}
	_, warnings, err := Latest(dir)
	require.Error(t, err)
	assert.NotErrorIs(t, err, ErrNone)
	assert.Contains(t, err.Error(), "none of the 2 checkpoints")
	assertOneLine(t, err)
	assert.Len(t, warnings, 2)
}

func TestRenamedFolderIsRefused(t *testing.T) {
	dir := t.TempDir()
	require.NoError(t, Save(dir, state(5), 1))
	require.NoError(t, os.Rename(Path(dir, 5), Path(dir, 6)))
	_, err := Load(Path(dir, 6))
	require.ErrorContains(t, err, "is of step 5")
	require.NoError(t, os.Rename(Path(dir, 6), filepath.Join(dir, "best"))) // a copy under a free name is fine
	got, err := Load(filepath.Join(dir, "best"))
	require.NoError(t, err)
	assertSame(t, state(5), got)
}

func TestWrongStates(t *testing.T) {
	tensor := func(name string, shape []int, n int) *State {
		return &State{Step: 1, Tensors: []Tensor{{name, shape, make([]float32, n)}}}
	}
	for name, c := range map[string]struct {
		s    *State
		keep int
		want string
	}{
		"keep":           {state(1), 0, "keep at least 1"},
		"step":           {&State{Step: -1}, 1, "negative"},
		"meta":           {&State{Meta: json.RawMessage(`{"a":`)}, 1, "not valid JSON"},
		"too few values": {tensor("a", []int{2, 3}, 5), 1, `tensor "a" of shape [2 3] has 5 values`},
		"negative":       {tensor("a", []int{-2, -3}, 6), 1, "of shape"},
		"overflow":       {tensor("a", []int{1 << 32, 1 << 32}, 0), 1, "of shape"},
		"rank":           {tensor("a", make([]int, 33), 0), 1, "33 axes"},
		"twice":          {&State{Tensors: []Tensor{{"a", []int{0}, nil}, {"a", []int{0}, nil}}}, 1, "two tensors"},
		"no name":        {tensor("", []int{1}, 1), 1, "tensor name"},
		"absolute":       {tensor("/a", []int{1}, 1), 1, "tensor name"},
		"dots":           {tensor("a/../b", []int{1}, 1), 1, "tensor name"},
		"newline":        {tensor("a\nb", []int{1}, 1), 1, "tensor name"},
		"not utf-8":      {tensor("a\xff", []int{1}, 1), 1, "tensor name"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := filepath.Join(t.TempDir(), "run")
			err := Save(dir, c.s, c.keep)
			require.ErrorContains(t, err, c.want)
			assertOneLine(t, err)
			assert.NoDirExists(t, dir, "refused before anything is written")
		})
	}
}

func ExampleSave() {
	dir, err := os.MkdirTemp("", "strata")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(dir)
	for step := 100; step <= 300; step += 100 {
		s := &State{
			Step:    step,
			Tensors: []Tensor{{Name: "scale1/step1/actnorm/loc", Shape: []int{3}, Data: []float32{0.5, 0.25, float32(step)}}},
			Meta:    json.RawMessage(`{"seed":1}`),
		}
		if err := Save(dir, s, 2); err != nil {
			fmt.Println(err)
			return
		}
	}
	s, warnings, err := Latest(dir)
	if err != nil {
		fmt.Println(err)
		return
	}
	steps, _ := Steps(dir)
	fmt.Println(steps, len(warnings))
	fmt.Println(s.Step, s.Tensors[0].Name, s.Tensors[0].Data, string(s.Meta))
	// Output:
	// [200 300] 0
	// 300 scale1/step1/actnorm/loc [0.5 0.25 300] {"seed":1}
}

// BenchmarkSave writes the paper's Glow with Adamax' two moments (about 530 MB).
func BenchmarkSave(b *testing.B) {
	s := &State{Step: 1}
	for i := range 66 {
		s.Tensors = append(s.Tensors, Tensor{fmt.Sprintf("t%d", i), []int{2_000_000}, make([]float32, 2_000_000)})
	}
	dir := b.TempDir()
	b.SetBytes(66 * 8_000_000)
	for b.Loop() {
		s.Step++
		if err := Save(dir, s, 1); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLatest reads the same.
func BenchmarkLatest(b *testing.B) {
	s := &State{Step: 1, Tensors: []Tensor{{"t", []int{132_000_000}, make([]float32, 132_000_000)}}}
	dir := b.TempDir()
	if err := Save(dir, s, 1); err != nil {
		b.Fatal(err)
	}
	s = nil
	b.SetBytes(4 * 132_000_000)
	for b.Loop() {
		if _, _, err := Latest(dir); err != nil {
			b.Fatal(err)
		}
	}
}
