package fetch

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func tarOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var packed bytes.Buffer
	gz := gzip.NewWriter(&packed)
	w := tar.NewWriter(gz)
	for _, h := range headers {
		content := h.Uname // carried here, for short tables
		h.Uname = ""
		if h.Typeflag != tar.TypeXGlobalHeader {
			h.Mode = 0o644
		}
		if h.Typeflag == tar.TypeReg {
			h.Size = int64(len(content))
		}
		require.NoError(t, w.WriteHeader(&h))
		if h.Typeflag == tar.TypeReg {
			_, err := io.WriteString(w, content)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	require.NoError(t, gz.Close())
	return packed.Bytes()
}

func file(name, content string) tar.Header {
	return tar.Header{Name: name, Typeflag: tar.TypeReg, Uname: content}
}

func folder(name string) tar.Header { return tar.Header{Name: name, Typeflag: tar.TypeDir} }

func zipOf(t testing.TB, headers ...tar.Header) []byte {
	t.Helper()
	var packed bytes.Buffer
	w := zip.NewWriter(&packed)
	for _, h := range headers {
		header := &zip.FileHeader{Name: h.Name, Method: zip.Deflate}
		switch h.Typeflag {
		case tar.TypeSymlink:
			header.SetMode(fs.ModeSymlink | 0o777)
		case tar.TypeChar:
			header.SetMode(fs.ModeDevice | fs.ModeCharDevice | 0o666)
		case tar.TypeDir:
			header.SetMode(fs.ModeDir | 0o755)
		default:
			header.SetMode(0o644)
		}
		f, err := w.CreateHeader(header)
		require.NoError(t, err)
		if h.Typeflag == tar.TypeReg {
			_, err = io.WriteString(f, h.Uname)
			require.NoError(t, err)
		}
	}
	require.NoError(t, w.Close())
	return packed.Bytes()
}

// small are limits that tests can reach.
var small = limits{entries: 20, entryBytes: 1 << 20, totalBytes: 3 << 20, ratio: 100}

func unpackBytes(t testing.TB, name string, archive []byte, l limits) (temp string, files []Fetched, err error) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, name)
	require.NoError(t, os.WriteFile(path, archive, 0o644))
	temp = filepath.Join(dir, "temp")
	files, err = unpack(t.Context(), path, temp, l, nil)
	return temp, files, err
}

func TestUnpack(t *testing.T) {
	entries := []tar.Header{folder("set/"), file("set/a.bin", "aaa"), folder("set/deep/er/"), file("set/deep/b.bin", ""),
		file("top.txt", "top")}
	for name, archive := range map[string][]byte{"x.tar.gz": tarOf(t, entries...), "x.zip": zipOf(t, entries...)} {
		temp, files, err := unpackBytes(t, name, archive, small)
		require.NoError(t, err)
		require.Equal(t, []Fetched{
			{Name: "set/a.bin", Size: 3, SHA256: hexSHA([]byte("aaa"))},
			{Name: "set/deep/b.bin", SHA256: hexSHA(nil)},
			{Name: "top.txt", Size: 3, SHA256: hexSHA([]byte("top"))},
		}, files)
		got, err := os.ReadFile(filepath.Join(temp, "set", "a.bin"))
		require.NoError(t, err)
		require.Equal(t, "aaa", string(got))
		require.DirExists(t, filepath.Join(temp, "set", "deep", "er"))
	}
	// As git archive and tar -C folder . write them.
	_, files, err := unpackBytes(t, "x.tar.gz", tarOf(t,
		tar.Header{Typeflag: tar.TypeXGlobalHeader, PAXRecords: map[string]string{"comment": "x"}},
		folder("./"), folder("./a/"), file("./a/b", "b")), small)
	require.NoError(t, err)
	require.Equal(t, "a/b", files[0].Name)
}

func TestHostileArchives(t *testing.T) {
	var many []tar.Header
	for i := range small.entries + 1 {
		many = append(many, file(fmt.Sprint(i), "x"))
	}
	zeros := strings.Repeat("\x00", 1<<20)
	for name, c := range map[string]struct {
		entries []tar.Header
		says    string
	}{
		"parent":          {[]tar.Header{file("../evil", "x")}, `entry "../evil": the name is not a plain path`},
		"parent within":   {[]tar.Header{file("a/../../evil", "x")}, "not a plain path"},
		"parent harmless": {[]tar.Header{file("a/../b", "x")}, "not a plain path"},
		"parent folder":   {[]tar.Header{folder("../evil/")}, "not a plain path"},
		"absolute":        {[]tar.Header{file("/tmp/evil", "x")}, "not a plain path"},
		"backslash":       {[]tar.Header{file(`..\evil`, "x")}, "not a plain path"},
		"empty part":      {[]tar.Header{file("a//b", "x")}, "not a plain path"},
		"symlink": {[]tar.Header{{Name: "l", Linkname: "/etc/passwd", Typeflag: tar.TypeSymlink}, file("l", "x")},
			`entry "l": expected a file or folder`},
		"device":         {[]tar.Header{{Name: "d", Typeflag: tar.TypeChar}}, "expected a file or folder"},
		"twice":          {[]tar.Header{file("a", "x"), file("a", "y")}, `entry "a": is there twice`},
		"folder twice":   {[]tar.Header{folder("a/"), folder("a/")}, "is there twice"},
		"file, folder":   {[]tar.Header{file("a", "x"), file("a/b", "y")}, "is both a file and a folder"},
		"file, folder 2": {[]tar.Header{file("a", "x"), folder("a/b/")}, "is both a file and a folder"},
		"folder, file":   {[]tar.Header{file("a/b", "y"), file("a", "x")}, "is both a file and a folder"},
		"many":           {many, "more than 20"},
		"nothing":        {nil, "holds no files"},
		"only folders":   {[]tar.Header{folder("a/")}, "holds no files"},
		"bomb":           {[]tar.Header{file("a", zeros), file("b", zeros)}, "unpacks to far more"},
		"large entry":    {[]tar.Header{file("a", string(data)+"x")}, `entry "a": more than 1048576 bytes`},
		"large": {[]tar.Header{file("a", string(data)), file("b", string(data)), file("c", string(data)),
			file("d", "x")}, "unpacks to far more"},
	} {
		for kind, archive := range map[string][]byte{"x.tar.gz": tarOf(t, c.entries...), "x.zip": zipOf(t, c.entries...)} {
			t.Run(name+" "+kind, func(t *testing.T) {
				temp, _, err := unpackBytes(t, kind, archive, small)
				require.ErrorContains(t, err, c.says)
				require.ErrorContains(t, err, kind)
				require.ElementsMatch(t, []string{kind, "temp"}, names(t, filepath.Dir(temp)))
			})
		}
	}
	_, _, err := unpackBytes(t, "x.tar.gz",
		tarOf(t, file("a", "x"), tar.Header{Name: "b", Linkname: "a", Typeflag: tar.TypeLink}), small)
	require.ErrorContains(t, err, `entry "b": expected a file or folder`, "hard link")
	_, _, err = unpackBytes(t, "x.tar.gz", tarOf(t, tar.Header{Name: "p", Typeflag: tar.TypeFifo}), small)
	require.ErrorContains(t, err, "expected a file or folder", "pipe")
}

func TestDamagedArchives(t *testing.T) {
	good := tarOf(t, file("a", string(data[:5000])))
	zipped := zipOf(t, file("a", string(data[:5000])))
	twice := append(bytes.Clone(good), tarOf(t, file("b", string(data)))...)
	flipped, encrypted := bytes.Clone(zipped), bytes.Clone(zipped)
	flipped[2000] ^= 1
	central := bytes.Index(encrypted, []byte("PK\x01\x02"))
	encrypted[central+8] |= 1
	for name, c := range map[string]struct {
		kind    string
		archive []byte
		says    string
	}{
		"gzip cut":       {"x.tar.gz", good[:2000], "unexpected EOF"},
		"checksum cut":   {"x.tar.gz", good[:len(good)-4], "unexpected EOF"},
		"checksum wrong": {"x.tar.gz", append(bytes.Clone(good[:len(good)-8]), make([]byte, 8)...), "invalid checksum"},
		"more behind":    {"x.tar.gz", twice, "more data behind"},
		"no gzip":        {"x.tar.gz", []byte("<html>"), "not a readable .tar.gz"},
		"empty":          {"x.tar.gz", nil, "not a readable .tar.gz"},
		"zip cut":        {"x.zip", zipped[:2000], "not a readable .zip"},
		"zip flipped":    {"x.zip", flipped, `entry "a"`},
		"zip encrypted":  {"x.zip", encrypted, `entry "a": is encrypted`},
		"no zip":         {"x.zip", []byte("<html>"), "not a readable .zip"},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, err := unpackBytes(t, c.kind, c.archive, small)
			require.ErrorContains(t, err, c.says)
		})
	}
}

// archiveSet is a set of one archive, served from a folder.
func archiveSet(t *testing.T, name, unpack string, archive []byte) (set Set, from string) {
	t.Helper()
	from = t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(from, name), archive, 0o644))
	return Set{Name: "numbers", Title: "Numbers", Terms: "free",
		Files: []File{{Name: name, Unpack: unpack, Size: int64(len(archive)), SHA256: hexSHA(archive)}}}, from
}

func TestGetUnpacks(t *testing.T) {
	for _, c := range []struct {
		entries []tar.Header
		where   string
	}{
		{[]tar.Header{folder("top/"), file("top/a.bin", "a"), file("top/b/c.bin", "c")}, "the archive's own folder"},
		{[]tar.Header{file("a.bin", "a"), file("b/c.bin", "c")}, "a new folder"},
	} {
		for _, keep := range []bool{false, true} {
			dir := t.TempDir()
			target := filepath.Join(dir, "numbers")
			set, from := archiveSet(t, "x.zip", "top", zipOf(t, c.entries...))
			_, err := get(t, dir, set, func(o *Options) { o.From, o.Keep = from, keep })
			require.NoError(t, err)
			want := []string{"top", manifestName}
			if keep {
				want = append(want, "x.zip")
			}
			require.ElementsMatch(t, want, names(t, target), c.where)
			got, err := os.ReadFile(filepath.Join(target, "top", "b", "c.bin"))
			require.NoError(t, err)
			require.Equal(t, "c", string(got))
			problems, err := verify(target, set)
			require.NoError(t, err)
			require.Empty(t, problems)

			said, err := get(t, dir, set, func(o *Options) { o.From = t.TempDir() })
			require.NoError(t, err)
			require.Contains(t, said, "already there")

			require.NoError(t, os.WriteFile(filepath.Join(target, "top", "a.bin"), []byte("b"), 0o644))
			require.NoError(t, os.Truncate(filepath.Join(target, "top", "b", "c.bin"), 0))
			problems, err = verify(target, set)
			require.NoError(t, err)
			require.Len(t, problems, 2)
			assert.Contains(t, problems[0], "a.bin: changed: sha256 is "+hexSHA([]byte("b"))+", was "+hexSHA([]byte("a")))
			assert.Contains(t, problems[1], "c.bin: truncated: 0 bytes, were 1")
			_, err = get(t, dir, set, func(o *Options) { o.From = from })
			require.ErrorContains(t, err, "(2 of 2 files are not as they were); move it away to get it anew")
		}
	}
}

// A folder of the user's own is not touched, and a damaged archive leaves none.
func TestGetUnpacksNothingOverOthers(t *testing.T) {
	dir := t.TempDir()
	target := filepath.Join(dir, "numbers", "top")
	set, from := archiveSet(t, "x.zip", "top", zipOf(t, file("top/a.bin", "a")))
	require.NoError(t, os.MkdirAll(target, 0o755))
	_, err := get(t, dir, set, func(o *Options) { o.From = from })
	require.ErrorContains(t, err, "top: is there, but strata data get did not put it there")
	require.Empty(t, names(t, target))
	require.NoError(t, os.Remove(target))

	hostile, from := archiveSet(t, "x.zip", "top", zipOf(t, file("top/a.bin", "a"), file("top/../../../b", "b")))
	_, err = get(t, dir, hostile, func(o *Options) { o.From = from })
	require.ErrorContains(t, err, "not a plain path")
	require.Equal(t, []string{"x.zip"}, names(t, filepath.Dir(target)))
}

// Wherever a call is killed, the next one completes the set.
func TestUnpackingStartsAgainAfterAKill(t *testing.T) {
	archive := zipOf(t, file("top/a.bin", "a"))
	for name, leave := range map[string]func(folder string, set Set){
		"before unpacking": func(folder string, set Set) {},
		"while unpacking": func(folder string, set Set) {
			require.NoError(t, os.MkdirAll(filepath.Join(folder, ".unpacking", "top"), 0o755))
			require.NoError(t, os.WriteFile(filepath.Join(folder, ".unpacking", "top", "a.bin"), nil, 0o644))
		},
		"before renaming": func(folder string, set Set) {
			require.NoError(t, os.MkdirAll(filepath.Join(folder, ".unpacking", "top"), 0o755))
			m := &Manifest{Set: set.Name}
			require.NoError(t, m.record(folder, Source{Name: "x.zip"}, []Fetched{{Name: "top/a.bin", Size: 1, Source: "x.zip"}}))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			folder := filepath.Join(dir, "numbers")
			set, from := archiveSet(t, "x.zip", "top", archive)
			require.NoError(t, os.Mkdir(folder, 0o755))
			require.NoError(t, os.Rename(filepath.Join(from, "x.zip"), filepath.Join(folder, "x.zip")))
			leave(folder, set)
			said, err := get(t, dir, set)
			require.NoError(t, err)
			require.Contains(t, said, "x.zip is there, to be unpacked")
			require.ElementsMatch(t, []string{"top", manifestName}, names(t, folder))
			problems, err := verify(folder, set)
			require.NoError(t, err)
			require.Empty(t, problems)
		})
	}
}

func TestUnpackStops(t *testing.T) {
	path := filepath.Join(t.TempDir(), "x.zip")
	require.NoError(t, os.WriteFile(path, zipOf(t, file("a", "a")), 0o644))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := unpack(ctx, path, filepath.Join(t.TempDir(), "temp"), small, nil)
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "the next call starts it again")
}

// FuzzUnpack holds both readers to their bounds whatever the archive: nothing
// outside the folder, only plain files in it, as many bytes as reported.
func FuzzUnpack(f *testing.F) {
	for _, entries := range [][]tar.Header{
		{folder("a/"), file("a/b", "content"), file("c", "")},
		{file("../evil", "x")},
		{{Name: "l", Linkname: "..", Typeflag: tar.TypeSymlink}, file("l/evil", "x")},
		{file("a", strings.Repeat("\x00", 5000)), {Name: "a", Linkname: "b", Typeflag: tar.TypeLink}},
	} {
		packed := tarOf(f, entries...)
		f.Add(packed, false)
		unzipped, err := gzip.NewReader(bytes.NewReader(packed))
		require.NoError(f, err)
		plain, err := io.ReadAll(unzipped)
		require.NoError(f, err)
		f.Add(plain, false)
		f.Add(zipOf(f, entries...), true)
	}
	tiny := limits{entries: 50, entryBytes: 1 << 16, totalBytes: 1 << 18, ratio: 100}
	f.Fuzz(func(t *testing.T, archive []byte, zipped bool) {
		dir := t.TempDir()
		path, temp := filepath.Join(dir, "x.tar.gz"), filepath.Join(dir, "temp")
		if zipped {
			path = filepath.Join(dir, "x.zip")
		} else if len(archive) > 1 && archive[0] != 0x1f { // tar itself, so that the fuzzer gets behind gzip's checksum
			var packed bytes.Buffer
			w := gzip.NewWriter(&packed)
			w.Write(archive)
			w.Close()
			archive = packed.Bytes()
		}
		if err := os.WriteFile(path, archive, 0o644); err != nil {
			t.Fatal(err)
		}
		files, err := unpack(context.Background(), path, temp, tiny, nil)
		if outside := names(t, dir); len(outside) != 2 {
			t.Fatalf("outside of the folder: %v", outside)
		}
		var total int64
		count := 0
		walking := filepath.WalkDir(temp, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			info, err := d.Info()
			if err != nil {
				return err
			}
			if !info.Mode().IsRegular() {
				return errors.New(path + " is no file")
			}
			total += info.Size()
			count++
			return nil
		})
		if walking != nil || total > tiny.totalBytes || count > tiny.entries {
			t.Fatal(walking, total, count)
		}
		if err == nil && count != len(files) {
			t.Fatalf("%d files, %d reported", count, len(files))
		}
	})
}
