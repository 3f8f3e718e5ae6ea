package statedict

import (
	"archive/zip"
	"bytes"
	"encoding/hex"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"strata/internal/importer/npy"
)

// counting are the values that testdata/make.py writes: 0, 1, 2, ... times a factor.
func counting(n int, factor float32) []float32 {
	values := make([]float32, n)
	for i := range values {
		values[i] = float32(i) * factor
	}
	return values
}

// plain is what plain.pt, plain_legacy.pt and plain.npz hold.
var plain = []Tensor{
	{"weight", []int{2, 3}, "float32", counting(6, 1)},
	{"transposed", []int{2, 3}, "float32", counting(6, 1)},
	{"permuted", []int{2, 3, 4}, "float32", counting(24, 1)},
	{"window", []int{2, 3}, "float32", counting(6, 1)},
	{"head", []int{2, 3}, "float32", counting(6, 1)},
	{"tail", []int{8}, "float32", counting(20, 1)[12:]},
	{"every_second", []int{10}, "float32", counting(10, 2)},
	{"expanded", []int{2, 3}, "float32", []float32{7, 7, 7, 7, 7, 7}},
	{"scalar", []int{}, "float32", []float32{3.5}},
	{"empty", []int{0, 3}, "float32", []float32{}},
	{"parameter", []int{2, 3}, "float32", counting(6, 1)},
	{"float64", []int{2, 3}, "float64", counting(6, -0.5)},
	{"float16", []int{2, 3}, "float16", counting(6, -0.5)},
	{"bfloat16", []int{2, 3}, "bfloat16", counting(6, -0.5)},
	{"int64", []int{2, 3}, "int64", counting(6, -1)},
	{"int32", []int{2, 3}, "int32", counting(6, -1)},
	{"uint8", []int{2, 3}, "uint8", counting(6, 1)},
	{"bool", []int{2}, "bool", []float32{1, 0}},
}

func TestRead(t *testing.T) {
	for _, file := range []string{"plain.pt", "plain_legacy.pt", "plain.npz", "compressed.npz"} {
		t.Run(file, func(t *testing.T) {
			got, err := Read(filepath.Join("testdata", file))
			require.NoError(t, err)
			require.Len(t, got, len(plain))
			for i, want := range plain {
				if strings.HasSuffix(file, ".npz") && want.DType == "bfloat16" {
					want.DType = "float32" // NumPy has none
				}
				require.Equal(t, want, got[i])
			}
		})
	}
}

// The state dict is found among what a training program keeps with it, and DataParallel's prefix is dropped.
func TestReadWrapped(t *testing.T) {
	for _, file := range []string{"wrapped.pt", "wrapped_legacy.pt"} {
		tensors, err := Read(filepath.Join("testdata", file))
		require.NoError(t, err)
		var names []string
		for _, tensor := range tensors {
			names = append(names, tensor.Name)
		}
		require.Equal(t, []string{"0.weight", "0.bias", "1.weight", "1.bias", "1.running_mean", "1.running_var",
			"1.num_batches_tracked"}, names)
		require.Equal(t, Tensor{"0.weight", []int{3, 2, 1, 1}, "float32", counting(6, 1)}, tensors[0])
	}
}

func TestReadRefuses(t *testing.T) {
	folder := t.TempDir()
	for _, c := range []struct{ file, content, want string }{
		{"testdata/model.pt", "", "refused: it wants Python's torch.nn.modules.container.Sequential"},
		{"testdata/several.pt", "", `2 state dicts, ["first" "second"]`},
		{"testdata/several_legacy.pt", "", `2 state dicts, ["first" "second"]`},
		{"testdata/list.pt", "", "holds a list, not a state dict"},
		{"testdata/list_legacy.pt", "", "holds a list, not a state dict"},
		{"testdata/objects.npz", "", "a.npy: holds values of the type |O"},
		{"testdata", "", "not a file of tensors"},
		{"testdata/absent.pt", "", "no such file"},
		{folder + "/empty.pt", "", "the file is empty"},
		{folder + "/page.pt", "<!DOCTYPE html><html>", `offset 0: begins with "<!DOCTYPE html><"`},
		{folder + "/other.pt", zipOf(t, "readme.txt", "hello"), "no data.pkl"},
	} {
		if strings.HasPrefix(c.file, folder) {
			require.NoError(t, os.WriteFile(c.file, []byte(c.content), 0o600))
		}
		tensors, err := Read(c.file)
		require.ErrorContains(t, err, c.want, c.file)
		require.ErrorContains(t, err, c.file)
		require.Nil(t, tensors)
	}
}

// zipOf makes an archive of names and contents.
func zipOf(t testing.TB, parts ...string) string {
	t.Helper()
	var out bytes.Buffer
	w := zip.NewWriter(&out)
	for i := 0; i < len(parts); i += 2 {
		entry, err := w.Create(parts[i])
		require.NoError(t, err)
		_, err = entry.Write([]byte(parts[i+1]))
		require.NoError(t, err)
	}
	require.NoError(t, w.Close())
	return out.String()
}

// legacyOf makes a file of the old format with an object's pickle.
func legacyOf(pickle string) string {
	magic, _ := hex.DecodeString(magicNumber)
	slices.Reverse(magic)
	return "\x80\x02\x8a\x0a" + string(magic) + "." + "\x80\x02M\xe9\x03." + "\x80\x02}." + pickle + "\x80\x02]."
}

// A pickle may name any function of Python. Nothing in Go could call one, but the file is not what it pretends to be.
func TestReadRunsNoCode(t *testing.T) {
	marker := filepath.Join(t.TempDir(), "was-here")
	for _, c := range []struct{ pickle, name string }{
		{"cos\nsystem\n(S'touch " + marker + "'\ntR.", "os.system"},
		{"cposix\nsystem\n(S'touch " + marker + "'\ntR.", "posix.system"},
		{"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.", "os.system"},
		{"(S'1'\nibuiltins\neval\n.", "builtins.eval"},
		{"ctorch.hub\nload\n)R.", "torch.hub.load"},
		{"ctorch\nload\n)R.", "torch.load"},
		{"c__main__\nGlow\n)\x81}b.", "__main__.Glow"},
	} {
		for _, content := range []string{legacyOf(c.pickle), zipOf(t, "archive/data.pkl", c.pickle)} {
			_, err := parse([]byte(content))
			require.ErrorContains(t, err, "refused: it wants Python's "+c.name+",", "%q", c.pickle)
		}
	}
	require.NoFileExists(t, marker)
}

// Every file is cut off at fifty places. None may be taken for a whole one, none may panic.
func TestReadCutOff(t *testing.T) {
	for _, file := range []string{"plain.pt", "plain_legacy.pt", "plain.npz", "compressed.npz", "wrapped.pt",
		"wrapped_legacy.pt"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		for i := range 50 {
			size := len(data) * i / 50
			require.NotPanics(t, func() { _, err = parse(data[:size]) })
			require.Error(t, err, "%s cut off after %d of %d bytes", file, size, len(data))
		}
	}
}

// Every byte of every file is damaged, by turns in two ways. Reading may succeed, where the byte is padding or a value
// without a checksum, but must not panic.
func TestReadDamaged(t *testing.T) {
	for _, file := range []string{"plain.pt", "plain_legacy.pt", "plain.npz", "wrapped.pt", "wrapped_legacy.pt"} {
		data, err := os.ReadFile(filepath.Join("testdata", file))
		require.NoError(t, err)
		for i := range data {
			damaged := slices.Clone(data)
			damaged[i] ^= []byte{0xff, 0x40}[i%2]
			require.NotPanics(t, func() { parse(damaged) }, "%s with byte %d damaged", file, i)
		}
	}
}

// tensorPickle is a state dict of one float32 tensor "w" with numbers as the pickle states them.
func tensorPickle(count, offset, shape, stride string) string {
	tuple := func(list string) string {
		text := "("
		for _, v := range strings.Fields(list) {
			text += "L" + v + "L\n"
		}
		return text + "t"
	}
	return "}S'w'\nctorch._utils\n_rebuild_tensor_v2\n((S'storage'\nctorch\nFloatStorage\nS'0'\nS'cpu'\nL" + count +
		"L\ntQ" +
		"L" + offset + "L\n" + tuple(shape) + tuple(stride) + "I00\nNtRs."
}

// What a file claims is compared with what is there before anything is allocated.
func TestReadRefusesClaims(t *testing.T) {
	values := strings.Repeat("\x00\x00\x80\x3f", 8)
	for _, c := range []struct{ count, offset, shape, stride, want string }{
		{"8", "0", "2 4", "4 1", ""},
		{"8", "7", "1", "99999", ""},
		{"9", "0", "2 4", "4 1", "has 32 bytes, too few for 9 values"},
		{"8", "1", "2 4", "4 1", "out of its storage of 8"},
		{"8", "-1", "2 4", "4 1", "out of its storage of 8"},
		{"8", "0", "2 4", "-4 1", "out of its storage of 8"},
		{"8", "0", "2 4", "9223372036854775807 1", "out of its storage of 8"},
		{"8", "9223372036854775807", "2 4", "4 1", "out of its storage of 8"},
		{"8", "0", "2 -4", "4 1", "shape [2 -4] is not possible"},
		{"8", "0", "4294967296 4294967296", "0 0", "is not possible"},
		{"8", "0", "1000000000", "0", "is not possible"},
		{"9223372036854775807", "0", "2", "1", "too few for 9223372036854775807 values"},
		{"-1", "0", "2", "1", "size -1"},
		{"8", "0", "2 4", "1", "a tensor of storage"},
		{"99999999999999999999", "0", "2", "1", "size 99999999999999999999"},
	} {
		tensors, err := parse([]byte(zipOf(t, "a/data.pkl", tensorPickle(c.count, c.offset, c.shape, c.stride), "a/data/0",
			values)))
		if c.want == "" {
			require.NoError(t, err, "%+v", c)
			require.Equal(t, float32(1), tensors[0].Data[0])
			continue
		}
		require.ErrorContains(t, err, c.want, "%+v", c)
	}
	for _, c := range []struct{ pickle, want string }{
		{"\x8e\xff\xff\xff\xff\xff\xff\xff\x7f.", "offset 0 of the pickle: says that 9223372036854775807 bytes follow"},
		{"N\x95\xff\xff\xff\xff\x00\x00\x00\x00.", "offset 1 of the pickle: says that 4294967295 bytes follow"},
		{"\x8a\xff" + strings.Repeat("1", 255) + ".", "an integer of 255 bytes"},
		{"\x8a\x00.", "damaged"},
		{"(((", "cut off"},
		{"S'no end", "cut off"},
		{"\xff", "byte 0xff begins no instruction"},
		{"t.", "the meta stack is empty"},
		{"(Nd.", "damaged"},
		{"}C\x01aNs.", "holds no tensors"},
		{"ccollections\nOrderedDict\n)RC\x01aNs.", "damaged"},
		{"I1\n.", "holds a value (int), not a state dict"},
		{strings.Repeat("]", maxPickle+2), "the pickle has more than the 16777216 bytes"},
	} {
		_, err := parse([]byte(zipOf(t, "a/data.pkl", c.pickle, "pad", noise(len(c.pickle)))))
		require.ErrorContains(t, err, c.want, "%.40q", c.pickle)
	}
	bomb := zipOf(t, "w.npy", strings.Repeat("\x00", 1<<22)) // deflates to a thousandth
	_, err := parse([]byte(bomb))
	require.ErrorContains(t, err, "entry w.npy: 4194304 bytes, where a file of")
}

// noise does not compress, so that an archive is as large as what is in it.
func noise(n int) string {
	out, state := make([]byte, n), uint32(1)
	for i := range out {
		state = state*1664525 + 1013904223
		out[i] = byte(state >> 24)
	}
	return string(out)
}

func TestNPYRefuses(t *testing.T) {
	header := func(version byte, length int, text string) string {
		h := "\x93NUMPY" + string([]byte{version, 0})
		if version == 1 {
			return h + string([]byte{byte(length), byte(length >> 8)}) + text
		}
		return h + string([]byte{byte(length), byte(length >> 8), byte(length >> 16), byte(length >> 24)}) + text
	}
	dict := func(descr, shape string) string {
		text := fmt.Sprintf("{'descr': '%s', 'fortran_order': False, 'shape': %s, }\n", descr, shape)
		return header(1, len(text), text)
	}
	for _, c := range []struct{ data, want string }{
		{dict("<f4", "(2,)") + "12345678", ""},
		{dict("<f4", "(2,)") + "1234567", "7 bytes of float32 values do not make an array of shape [2]"},
		{dict("<f4", "(-2,)"), "no NumPy header"},
		{dict("<f4", "(4294967296, 4294967296)"), "do not make"},
		{dict(">f4", "(2,)") + "12345678", "type >f4"},
		{dict("<c8", "(1,)") + "12345678", "type <c8"},
		{dict("<f4", "(x,)"), "no NumPy header"},
		{header(1, 3, "{}\n"), "no NumPy header"},
		{header(1, 2, "{}"), "no NumPy header"},
		{header(2, 1<<31-1, "{}\n"), "offset 8: a NumPy header of 2147483647 bytes"},
		{header(9, 3, "{}\n"), "no NumPy header"},
		{"\x93NUMPY", "no NumPy header"},
		{"", "no NumPy header"},
	} {
		_, err := readNPY([]byte(c.data))
		if c.want == "" {
			require.NoError(t, err)
			continue
		}
		require.ErrorContains(t, err, c.want, "%q", c.data)
	}
	_, err := parse([]byte(zipOf(t, "a.npy", dict("<f4", "()")+"1234", "a.npy", dict("<f4", "()")+"1234")))
	require.ErrorContains(t, err, `"a.npy" is there twice`)
}

// Known halves: the largest, the smallest normal and subnormal, one third, infinities.
func TestHalf(t *testing.T) {
	for bits, want := range map[uint16]float64{0x3c00: 1, 0xc000: -2, 0x7bff: 65504, 0x0400: math.Ldexp(1, -14),
		0x0001: math.Ldexp(1, -24),
		0x03ff: math.Ldexp(1023, -24), 0x3555: 0.333251953125, 0x7c00: math.Inf(1), 0xfc00: math.Inf(-1), 0x0000: 0} {
		require.Equal(t, float32(want), fromHalf(bits), "%04x", bits)
	}
	require.True(t, math.Signbit(float64(fromHalf(0x8000))))
	require.True(t, math.IsNaN(float64(fromHalf(0x7e00))))
}

func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/*.[pn][tp]*")
	require.NoError(f, err)
	require.NotEmpty(f, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(f, err)
		f.Add(data)
	}
	f.Add([]byte(zipOf(f, "a/data.pkl", tensorPickle("8", "0", "2 4", "4 1"), "a/data/0", strings.Repeat("1", 32))))
	f.Fuzz(func(t *testing.T, data []byte) {
		tensors, err := parse(data)
		if err != nil {
			require.Nil(t, tensors)
			return
		}
		values := 0
		for _, tensor := range tensors {
			n, ok := npy.Len(tensor.Shape, math.MaxInt)
			require.True(t, ok)
			require.Len(t, tensor.Data, n)
			values += n
		}
		require.LessOrEqual(t, values, maxExpansion*len(data))
	})
}

// FuzzPickle reaches the pickle reader without a checksum in the way.
func FuzzPickle(f *testing.F) {
	f.Add([]byte(tensorPickle("8", "0", "2 4", "4 1")))
	f.Add([]byte("\x80\x02}q\x00(X\x01\x00\x00\x00aq\x01K\x01u."))
	f.Add([]byte("ccollections\nOrderedDict\n)R}b."))
	f.Fuzz(func(t *testing.T, data []byte) {
		if value, _, err := unpickle(data, storages{}.persistent); err == nil {
			stateDict(value)
		}
	})
}
