package nifti

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/imageset/format/damagetest"
)

func load(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func gzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := w.Write(data)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.Bytes()
}

func gunzipped(t testing.TB, data []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(data))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return plain
}

// The files that tests/reference/image_files.py wrote with nibabel.
func TestFilesOfNibabel(t *testing.T) {
	var files map[string]struct {
		Shape  []int
		First  []float32
		SHA256 string `json:"sha256_float32"`
	}
	require.NoError(t, json.Unmarshal(load(t, "written.json"), &files))
	require.Len(t, files, 13)
	for name, want := range files {
		v, err := Read(iotest.HalfReader(bytes.NewReader(load(t, name))), 600)
		require.NoError(t, err, name)
		assert.Equal(t, want.Shape, []int{v.X, v.Y, v.Z}, name)
		assert.Equal(t, want.First, v.Values[:len(want.First)], name)
		sum := sha256.New()
		require.NoError(t, binary.Write(sum, binary.LittleEndian, v.Values))
		assert.Equal(t, want.SHA256, hex.EncodeToString(sum.Sum(nil)), name)
	}
}

func TestFixtures(t *testing.T) {
	for _, kind := range []string{"t1", "t1ce", "t2", "flair"} {
		var want struct {
			Shape []int `json:"shape_xyz"`
			Mean  float64
			Voxel float32 `json:"voxel_20_20_5"`
		}
		file, err := os.Open(damagetest.Fixture(t, "brats/BraTS_0001/BraTS_0001_"+kind+".nii.gz", &want))
		require.NoError(t, err)
		defer file.Close()
		x, y, z, err := Size(file, 48*48*12)
		require.NoError(t, err)
		assert.Equal(t, want.Shape, []int{x, y, z})
		_, err = file.Seek(0, io.SeekStart)
		require.NoError(t, err)
		v, err := Read(file, 48*48*12)
		require.NoError(t, err)
		assert.Equal(t, want.Shape, []int{v.X, v.Y, v.Z})
		assert.Equal(t, want.Voxel, v.At(20, 20, 5))
		sum := 0.0
		for _, x := range v.Values {
			sum += float64(x)
		}
		assert.InDelta(t, want.Mean, sum/float64(len(v.Values)), 1e-9)
	}
}

func TestRefuses(t *testing.T) {
	le := binary.LittleEndian
	good := load(t, "f8.nii") // 3x1x2
	change := func(at int, to ...byte) []byte {
		data := bytes.Clone(good)
		copy(data[at:], to)
		return data
	}
	short := func(at int, to int16) []byte { return change(at, le.AppendUint16(nil, uint16(to))...) }
	single := func(at int, to float64) []byte {
		return change(at, le.AppendUint32(nil, math.Float32bits(float32(to)))...)
	}
	double := func(at int, to float64) []byte { return change(at, le.AppendUint64(nil, math.Float64bits(to))...) }
	badSum := gzipped(t, good)
	badSum[len(badSum)-5] ^= 1
	for _, bad := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "truncated at offset 0: expected 348 more bytes"},
		{"half a header", good[:100], "truncated at offset 100: expected 248 more bytes"},
		{"no header", change(0, 1), "offset 0: expected the length 348 of a NIfTI-1 header, found 01 01 00 00"},
		{"NIfTI-2", load(t, "nifti2.nii"), "offset 0: a header of 540 bytes: NIfTI-2 is not read: convert the file to NIfTI-1"},
		{"NIfTI-2, big-endian", change(0, 0, 0, 2, 28), "NIfTI-2 is not read"},
		{"pair", load(t, "pair.hdr"), "offset 344: the mark ni1 of a pair of files .hdr and .img: expected n+1"},
		{"Analyze", change(344, 0, 0, 0), "offset 344: expected the mark n+1 of a NIfTI-1 file"},
		{"series", load(t, "series.nii"), "offset 48: axis 4 has 3 values: expected one volume"},
		{"complex", load(t, "complex.nii"), "offset 70: data type 32 is not read"},
		{"two axes", short(40, 2), "offset 40: 2 axes: expected a volume of 3"},
		{"eight axes", short(40, 8), "offset 40: 8 axes"},
		{"no voxels", short(44, 0), "offset 44: axis 2 has 0 voxels"},
		{"a negative side", short(46, -2), "offset 46: axis 3 has -2 voxels"},
		{"too many voxels", short(44, 10_000), "offset 46: axis 3 has 2 voxels: expected 1 or more, and at most 50000 voxels in all"},
		{"another type's bits", short(72, 32), "offset 72: 32 bits a voxel: expected the 64 of data type 64"},
		{"data in the header", single(108, 348), "offset 108: data from offset 348: expected a whole number from 352"},
		{"data nowhere", single(108, math.NaN()), "offset 108: data from offset NaN"},
		{"data very far", single(108, 1e30), "offset 108: data from offset 1.0"},
		{"data between two bytes", single(108, 352.5), "offset 108: data from offset 352.5"},
		{"data behind the end", single(108, 1000), "truncated at offset 400: expected 600 more bytes"},
		{"slope NaN", single(112, math.NaN()), "offset 112: slope NaN and intercept 0: expected finite numbers"},
		{"slope Inf", single(112, math.Inf(-1)), "offset 112: slope -Inf"},
		{"intercept NaN", single(116, math.NaN()), "offset 112: slope 1 and intercept NaN"},
		{"a value NaN", double(360, math.NaN()), "offset 360: the value NaN: expected a finite one"},
		{"a value Inf", double(376, math.Inf(1)), "offset 376: the value +Inf"},
		{"a value beyond float32", double(352, 1e39), "offset 352: the value 1e+39"},
		{"half the voxels", good[:370], "truncated at offset 370: expected 30 more bytes"},
		{"more bytes", append(bytes.Clone(good), 0), "offset 400: expected the end of the file, found more bytes than 3x1x2 voxels"},
		{"half of gzip's header", []byte("\x1f\x8b\x08"), "offset 0: expected gzip"},
		{"half of gzip", badSum[:60], "truncated at offset "},
		{"gzip without its end", badSum[:len(badSum)-4], "truncated at offset 400: expected 1 more bytes"},
		{"gzip's sum", badSum, "offset 400: gzip: invalid checksum"},
	} {
		_, err := Read(bytes.NewReader(bad.file), 50_000)
		assert.ErrorContains(t, err, bad.want, bad.name)
	}
	_, err := Read(io.MultiReader(bytes.NewReader(good[:380]), iotest.ErrReader(errors.New("broken"))), 6)
	assert.EqualError(t, err, "offset 380: broken")
}

// Size needs the header alone, and refuses what Read refuses there.
func TestSize(t *testing.T) {
	data := load(t, "f8.nii")
	for _, file := range [][]byte{data, data[:headerBytes], gzipped(t, data)} {
		x, y, z, err := Size(bytes.NewReader(file), 6)
		require.NoError(t, err)
		assert.Equal(t, []int{3, 1, 2}, []int{x, y, z})
	}
	_, _, _, err := Size(bytes.NewReader(data), 5)
	assert.ErrorContains(t, err, "offset 46: axis 3 has 2 voxels")
	_, _, _, err = Size(bytes.NewReader(data[:9]), 6)
	assert.ErrorContains(t, err, "truncated at offset 9")
	_, _, _, err = Size(strings.NewReader("\x1f\x8b"), 6)
	assert.ErrorContains(t, err, "offset 0: expected gzip")
}

func TestScaling(t *testing.T) {
	data := load(t, "f8.nii")
	values := func(slope, intercept float32) []float32 {
		changed := bytes.Clone(data)
		binary.LittleEndian.PutUint32(changed[112:], math.Float32bits(slope))
		binary.LittleEndian.PutUint32(changed[116:], math.Float32bits(intercept))
		v, err := Read(bytes.NewReader(changed), 6)
		require.NoError(t, err)
		return v.Values
	}
	plain := values(1, 0)
	assert.Equal(t, plain, values(0, float32(math.NaN())), "slope 0: not scaled")
	for i, x := range values(-2, 3) {
		assert.InDelta(t, -2*plain[i]+3, x, 1e-4)
	}
}

// Headers that promise much, plain and in a bomb, must not take memory for more than arrives.
func TestMemory(t *testing.T) {
	data := gunzipped(t, load(t, "int16.nii.gz"))
	binary.LittleEndian.PutUint16(data[42:], 32767)
	binary.LittleEndian.PutUint16(data[44:], 32767)
	bomb := gzipped(t, append(data, make([]byte, 8<<20)...))
	const most = 1 << 20
	damagetest.AtMost(t, most, func() {
		_, err := Read(bytes.NewReader(data), math.MaxInt)
		assert.ErrorContains(t, err, "truncated at offset")
	})
	damagetest.AtMost(t, most, func() {
		_, err := Read(bytes.NewReader(bomb), 1000)
		assert.ErrorContains(t, err, "offset 42: axis 1 has 32767 voxels")
	})
	binary.LittleEndian.PutUint16(data[42:], 100)
	binary.LittleEndian.PutUint16(data[44:], 2)
	bomb = gzipped(t, append(data, make([]byte, 8<<20)...))
	damagetest.AtMost(t, most, func() {
		_, err := Read(bytes.NewReader(bomb), 1000)
		assert.ErrorContains(t, err, "expected the end of the file")
	})
}

func shape(data []byte) (any, error) {
	v, err := Read(bytes.NewReader(data), 10_000)
	if err != nil {
		return nil, err
	}
	return fmt.Sprint(v.X, v.Y, v.Z, len(v.Values)), nil
}

func TestDamage(t *testing.T) {
	for _, name := range []string{"u2.nii", "f8.nii", "float32_big_endian.nii", "int16_scaled.nii.gz"} {
		damagetest.File{Whole: load(t, name), Headers: [][2]int{{0, 352}}, Read: shape, MaxAlloc: 1 << 19}.Check(t)
	}
}

func FuzzNIfTI(f *testing.F) {
	for _, name := range []string{"i1.nii", "u2.nii", "f8.nii", "float32_big_endian.nii", "int16_scaled.nii.gz", "nifti2.nii",
		"pair.hdr", "series.nii"} {
		f.Add(load(f, name))
	}
	f.Add(gzipped(f, load(f, "u4.nii")))
	const most = 4096
	f.Fuzz(func(t *testing.T, data []byte) {
		var v *Volume
		var err error
		damagetest.AtMost(t, 1<<20, func() { v, err = Read(bytes.NewReader(data), most) })
		switch {
		case err != nil:
			if !strings.Contains(err.Error(), "offset") {
				t.Fatalf("the error does not say where: %v", err)
			}
		case v.X < 1 || v.Y < 1 || v.Z < 1 || len(v.Values) > most || v.X*v.Y*v.Z != len(v.Values):
			t.Fatalf("%dx%dx%d voxels with %d values", v.X, v.Y, v.Z, len(v.Values))
		}
	})
}
