package fetch

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestFrom(t *testing.T) {
	s := serve(t, status(500))
	dir, from := t.TempDir(), t.TempDir()
	local := func(o *Options) { o.From = from }
	_, err := get(t, dir, setOf(s.url()), local)
	require.ErrorContains(t, err, from+": does not hold data.bin of numbers")

	path := filepath.Join(from, "data.bin")
	require.NoError(t, os.WriteFile(path, data[:5], 0o644))
	_, err = get(t, dir, setOf(s.url()), local)
	require.ErrorContains(t, err,
		path+": not the published file: 5 bytes, expected 1048576 bytes with sha256 "+hexSHA(data))
	wrong := bytes.Clone(data)
	wrong[0] ^= 1
	require.NoError(t, os.WriteFile(path, wrong, 0o644))
	_, err = get(t, dir, setOf(s.url()), local)
	require.ErrorContains(t, err, "sha256 is "+hexSHA(wrong)+", expected "+hexSHA(data))
	require.Empty(t, names(t, filepath.Join(dir, "numbers")), "nothing of it stays")

	require.NoError(t, os.WriteFile(path, data, 0o644))
	said, err := get(t, dir, setOf(s.url()), local)
	require.NoError(t, err)
	require.Contains(t, said, "data.bin, 1.0 MB, from "+path)
	requireData(t, dir)
	require.Zero(t, s.count())
}

// Two files of a set, one of which is there: only the other is fetched.
func TestRestOfASet(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, whole([]byte("other"), `"a"`))
	set := setOf(s.url())
	set.Files = append(set.Files, File{Name: "other.bin", URLs: []string{s.URL + "/other.bin"}, Size: 5,
		SHA256: hexSHA([]byte("other"))})
	folder := filepath.Join(dir, "numbers")
	require.NoError(t, os.Mkdir(folder, 0o755))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "data.bin"), data, 0o644))
	said, err := get(t, dir, set)
	require.NoError(t, err)
	require.NotContains(t, said, "data.bin, ")
	require.Contains(t, said, "5 B to transfer")
	require.Equal(t, 1, s.count())
	m, err := readManifest(folder, "numbers")
	require.NoError(t, err)
	require.Len(t, m.Files, 2, "what was there is recorded too")
	assert.Empty(t, m.Sources[0].From)
	assert.Equal(t, s.URL+"/other.bin", m.Sources[1].From)
	assert.Equal(t, "sha256", m.Sources[1].Checked)
}

func TestManualSets(t *testing.T) {
	for _, name := range []string{"celeba", "imagenet32", "brats", "tiny"} {
		set, err := Find(name)
		require.NoError(t, err)
		_, err = get(t, t.TempDir(), set)
		require.ErrorContains(t, err, name+" cannot be downloaded by strata. "+set.Manual)
	}
	set, err := Find("imagenet32")
	require.NoError(t, err)
	dir, from := t.TempDir(), t.TempDir()
	_, err = get(t, dir, set, func(o *Options) { o.From = from })
	require.ErrorContains(t, err, "does not hold Imagenet32_train.zip")
	require.NoError(t, os.WriteFile(filepath.Join(from, "Imagenet32_val.zip"), zipOf(t, file("val_data", "pickle")),
		0o644))
	said, err := get(t, dir, set, func(o *Options) { o.From = from })
	require.NoError(t, err)
	require.Contains(t, said, "Imagenet32_val.zip: no published hash is known: the sha256 seen was ")
	require.FileExists(t, filepath.Join(dir, "imagenet32", "Imagenet32_val", "val_data"))
	said, err = get(t, dir, set)
	require.NoError(t, err)
	require.Contains(t, said, "already there")
}

// MNIST as it lies in shared/data was compressed anew; the images are the published ones.
func TestContent(t *testing.T) {
	images := bytes.Repeat([]byte("image"), 100)
	pack := func(level int) []byte {
		var b bytes.Buffer
		w, err := gzip.NewWriterLevel(&b, level)
		require.NoError(t, err)
		_, err = w.Write(images)
		require.NoError(t, err)
		require.NoError(t, w.Close())
		return b.Bytes()
	}
	published, anew := pack(gzip.BestCompression), pack(gzip.HuffmanOnly)
	set := Set{Name: "numbers", Files: []File{{Name: "i.gz", Size: int64(len(published)), SHA256: hexSHA(published),
		Content: hexSHA(images)}}}
	dir, from := t.TempDir(), t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(from, "i.gz"), anew, 0o644))
	said, err := get(t, dir, set, func(o *Options) { o.From = from })
	require.NoError(t, err)
	require.Contains(t, said, "i.gz: compressed anew, its content has the published sha256")
	problems, err := verify(filepath.Join(dir, "numbers"), set)
	require.NoError(t, err)
	require.Empty(t, problems)

	require.NoError(t, os.WriteFile(filepath.Join(from, "i.gz"), data[:50], 0o644))
	_, err = get(t, t.TempDir(), set, func(o *Options) { o.From = from })
	require.ErrorIs(t, err, errWrong)

	shared := "../../../shared/data"
	if _, err := os.Stat(shared); err != nil {
		t.Skip(shared, " is not there")
	}
	for _, name := range []string{"mnist", "fashion_mnist"} {
		set, err := Find(name)
		require.NoError(t, err)
		problems, err := verify(filepath.Join(shared, name), set)
		require.NoError(t, err)
		require.Empty(t, problems)
	}
}

func TestVerify(t *testing.T) {
	dir := t.TempDir()
	folder := filepath.Join(dir, "numbers")
	_, err := verify(folder, setOf(""))
	require.ErrorIs(t, err, ErrNothingToCheck)

	s := serve(t, whole(data, `"a"`))
	_, err = get(t, dir, setOf(s.url()))
	require.NoError(t, err)
	path := filepath.Join(folder, "data.bin")
	require.NoError(t, os.Truncate(path, 10))
	problems, err := verify(folder, setOf(""))
	require.NoError(t, err)
	require.Len(t, problems, 1)
	require.Contains(t, problems[0], "not the published file: 10 bytes")
	require.NoError(t, os.Remove(path))
	problems, err = verify(folder, setOf(""))
	require.NoError(t, err)
	require.Equal(t, []string{path + ": missing"}, problems)

	// A record that points elsewhere reads nothing there, and a damaged one is named.
	m := &Manifest{}
	require.NoError(t, m.record(folder, Source{Name: "data.bin", SHA256: hexSHA(data)},
		[]Fetched{{Name: "../../etc/passwd", Source: "data.bin"}}))
	problems, err = verify(folder, setOf(""))
	require.NoError(t, err)
	require.Contains(t, problems[0], "path escapes")
	require.NoError(t, os.WriteFile(filepath.Join(folder, manifestName), []byte("{"), 0o644))
	problems, err = verify(folder, setOf(""))
	require.NoError(t, err)
	require.Contains(t, problems[0], "not a record of strata data get")
	_, err = get(t, dir, setOf(s.url()))
	require.ErrorContains(t, err, "delete it to have the set checked anew")

	_, err = Verify(dir, "cifar11")
	require.ErrorContains(t, err, "choose from")
	_, err = Verify(dir, "cifar10")
	require.ErrorIs(t, err, ErrNothingToCheck)
}

// A set of which only a part was fetched is not the set.
func TestVerifyMissesFiles(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, whole(data, `"a"`))
	set := setOf(s.url())
	_, err := get(t, dir, set)
	require.NoError(t, err)
	more := set
	more.Files = append(slices.Clone(set.Files), File{Name: "other.bin", URLs: []string{s.url()}},
		File{Name: "c.zip", Unpack: "c"})
	folder := filepath.Join(dir, "numbers")
	problems, err := verify(folder, more)
	require.NoError(t, err)
	require.Len(t, problems, 2)
	require.Contains(t, problems[0], "other.bin: missing: strata data get numbers fetches it")
	require.NoError(t, os.Mkdir(filepath.Join(folder, "c"), 0o755)) // unpacked by hand
	problems, err = verify(folder, more)
	require.NoError(t, err)
	require.Len(t, problems, 1)
	more.Manual = "of several forms one will do"
	problems, err = verify(folder, more)
	require.NoError(t, err)
	require.Empty(t, problems)
}

func TestFoldersThatCannotBeUsed(t *testing.T) {
	s := serve(t, http.NotFound)
	_, err := get(t, filepath.Join(t.TempDir(), "absent"), setOf(s.url()))
	require.ErrorIs(t, err, os.ErrNotExist)
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "numbers"), nil, 0o644))
	_, err = get(t, dir, setOf(s.url()))
	require.ErrorContains(t, err, "not a directory")

	dir = t.TempDir() // a folder where the file belongs
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "numbers", "data.bin"), 0o755))
	_, err = get(t, dir, setOf(s.url()))
	require.ErrorContains(t, err, "expected a file, found a folder")
	require.Zero(t, s.count())
}

// One file by itself: resumed over calls, checked, and left alone when it is there and right.
func TestDownload(t *testing.T) {
	folder := t.TempDir()
	s := serve(t, status(404), whole(data, `"a"`))
	file := setOf(s.url()).Files[0]
	_, err := Download(t.Context(), folder, file, Options{})
	require.ErrorContains(t, err, "data.bin: no source delivered it:\n"+s.url()+": HTTP 404")
	require.NotContains(t, err.Error(), "--mirror")
	for range 2 {
		path, err := Download(t.Context(), folder, file, Options{})
		require.NoError(t, err)
		require.Equal(t, filepath.Join(folder, "data.bin"), path)
	}
	require.Equal(t, 2, s.count(), "what is there is not downloaded again")
	require.Equal(t, []string{"data.bin"}, names(t, folder))
	require.NoError(t, os.WriteFile(filepath.Join(folder, "data.bin"), []byte("other"), 0o644))
	_, err = Download(t.Context(), folder, file, Options{})
	require.ErrorIs(t, err, errWrong)
}
