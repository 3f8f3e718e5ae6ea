package fetch

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"strata/internal/fs"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// data is what the tests download: larger than the buffers of the machine
// between server and client where that matters.
var data = func() []byte {
	d := make([]byte, 1<<20)
	rng := rand.New(rand.NewPCG(1, 2))
	for i := range d {
		d[i] = byte(rng.Uint32())
	}
	return d
}()

func hexSHA(d []byte) string {
	sum := sha256.Sum256(d)
	return hex.EncodeToString(sum[:])
}

func setOf(urls ...string) Set {
	return Set{Name: "numbers", Title: "Numbers", Terms: "free",
		Files: []File{{Name: "data.bin", URLs: urls, Size: int64(len(data)), SHA256: hexSHA(data)}}}
}

// site answers by one function after the other; the last one stays.
type site struct {
	*httptest.Server
	mu       sync.Mutex
	requests []http.Header
}

func serve(t *testing.T, answers ...http.HandlerFunc) *site {
	t.Helper()
	s := &site{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		answer := answers[min(len(s.requests), len(answers)-1)]
		s.requests = append(s.requests, r.Header.Clone())
		s.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(func() { s.CloseClientConnections(); s.Close() })
	return s
}

func (s *site) url() string { return s.URL + "/data.bin" }

func (s *site) header(i int, name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[i].Get(name)
}

func (s *site) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.requests)
}

// whole serves d as a good server does, with ranges and this ETag.
func whole(d []byte, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(d))
	}
}

// breaksOff promises d and ends the connection after n bytes of it.
func breaksOff(d []byte, n int, etag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", etag)
		w.Header().Set("Content-Length", fmt.Sprint(len(d)))
		w.Write(d[:n])
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	}
}

func status(code int) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { http.Error(w, "no", code) }
}

// plain serves d without ranges, length or validators.
func plain(d []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.(http.Flusher).Flush()
		w.Write(d)
	}
}

// get runs Get without long waits and returns the folder and what was said.
func get(t *testing.T, dir string, set Set, change ...func(*Options)) (said string, err error) {
	t.Helper()
	var out bytes.Buffer
	o := Options{Out: &out, pause: time.Millisecond, Idle: 5 * time.Second}
	for _, c := range change {
		c(&o)
	}
	err = Get(t.Context(), dir, set, o)
	return out.String(), err
}

// requireData asserts that the file is there, right and recorded, and nothing else is.
func requireData(t *testing.T, dir string, others ...string) {
	t.Helper()
	folder := filepath.Join(dir, "numbers")
	got, err := os.ReadFile(filepath.Join(folder, "data.bin"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(data, got))
	require.ElementsMatch(t, append(others, "data.bin", manifestName), names(t, folder))
	problems, err := verify(folder, setOf(""))
	require.NoError(t, err)
	require.Empty(t, problems)
}

func names(t *testing.T, folder string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(folder)
	require.NoError(t, err)
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestGet(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, whole(data, `"a"`))
	asked := 0
	said, err := get(t, dir, setOf(s.url()), func(o *Options) { o.Confirm = func() error { asked++; return nil } })
	require.NoError(t, err)
	requireData(t, dir)
	require.Contains(t, said, "numbers: Numbers\nterms: free\n  data.bin, 1.0 MB, from "+s.url()+"\nto "+
		filepath.Join(dir, "numbers")+": 1.0 MB to transfer\n")
	require.Contains(t, said, "data.bin: sha256 as published\n")
	require.Equal(t, 1, asked)

	said, err = get(t, dir, setOf(s.url()), func(o *Options) { o.Confirm = func() error { asked++; return nil } })
	require.NoError(t, err)
	require.Contains(t, said, "already there")
	require.Equal(t, 1, s.count(), "what is there is not downloaded again")
	require.Equal(t, 1, asked)

	path := filepath.Join(dir, "numbers", "data.bin")
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o644))
	_, err = get(t, dir, setOf(s.url()))
	require.ErrorContains(t, err, "data.bin: not the published file: 4 bytes")
	require.ErrorContains(t, err, "move it away to get it anew")
	got, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, "mine", string(got), "nothing is overwritten")
}

func TestNothingHappensBeforeTheAnswer(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, whole(data, `"a"`))
	no := errors.New("no")
	_, err := get(t, dir, setOf(s.url()), func(o *Options) { o.Confirm = func() error { return no } })
	require.ErrorIs(t, err, no)
	require.Zero(t, s.count())
	require.Equal(t, []string{".numbers.lock"}, names(t, dir))
}

func TestResumesWhereTheConnectionBroke(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, breaksOff(data, 500_000, `"a"`), status(503), whole(data, `"a"`))
	said, err := get(t, dir, setOf(s.url()))
	require.NoError(t, err)
	requireData(t, dir)
	require.Contains(t, said, "trying again")
	require.Equal(t, "bytes=500000-", s.header(1, "Range"))
	require.Equal(t, "bytes=500000-", s.header(2, "Range"))
	require.Equal(t, `"a"`, s.header(2, "If-Range"))
	require.Equal(t, "identity", s.header(0, "Accept-Encoding"))
}

func TestServerWithoutRanges(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, breaksOff(data, 500_000, ""), func(w http.ResponseWriter, r *http.Request) { w.Write(data) })
	_, err := get(t, dir, setOf(s.url()))
	require.NoError(t, err)
	requireData(t, dir)
	require.Equal(t, "bytes=500000-", s.header(1, "Range"))
	require.Empty(t, s.header(1, "If-Range"))
}

func TestServerThatAlwaysBreaks(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, breaksOff(data, 1000, `"a"`))
	_, err := get(t, dir, setOf(s.url()))
	require.ErrorContains(t, err, "given up after")
	require.LessOrEqual(t, s.count(), 10)
	require.ElementsMatch(t, []string{"data.bin.part", "data.bin.part.json"}, names(t, filepath.Join(dir, "numbers")))
}

func TestFileChangedBetweenParts(t *testing.T) {
	old := bytes.Repeat([]byte("old "), len(data)/4)
	t.Run("If-Range", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, breaksOff(old, 500_000, `"old"`), whole(data, `"new"`))
		_, err := get(t, dir, setOf(s.url()))
		require.NoError(t, err)
		requireData(t, dir)
		require.Equal(t, 2, s.count())
	})
	t.Run("If-Range ignored", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, breaksOff(old, 500_000, `"old"`), func(w http.ResponseWriter, r *http.Request) {
			r.Header.Del("If-Range")
			whole(data, `"new"`)(w, r)
		})
		_, err := get(t, dir, setOf(s.url()))
		require.NoError(t, err)
		requireData(t, dir)
	})
	t.Run("no validator", func(t *testing.T) { // only the hash notices: from the start once more
		dir := t.TempDir()
		s := serve(t, breaksOff(old, 500_000, ""), whole(data, ""), whole(data, ""))
		_, err := get(t, dir, setOf(s.url()))
		require.NoError(t, err)
		requireData(t, dir, "data.bin.bad")
		require.Empty(t, s.header(2, "Range"))
	})
	t.Run("another size, none published", func(t *testing.T) {
		dir := t.TempDir()
		set := setOf("")
		s := serve(t, breaksOff(old[:700_000], 500_000, `"old"`), whole(data, `"new"`))
		set.Files[0].URLs, set.Files[0].Size = []string{s.url()}, 0
		_, err := get(t, dir, set)
		require.NoError(t, err)
		requireData(t, dir)
	})
}

func TestRangeNotSatisfiable(t *testing.T) {
	for _, size := range []int{len(data), len(data) - 5} { // the part is complete; the server's file got shorter
		dir := t.TempDir()
		path := filepath.Join(dir, "numbers", "data.bin")
		s := serve(t, whole(data, `"a"`), whole(data, `"a"`))
		set := setOf(s.url())
		set.Files[0].Size = 0
		require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
		part := append(bytes.Clone(data), make([]byte, len(data)-size)...)
		require.NoError(t, os.WriteFile(path+".part", part, 0o644))
		info := fmt.Sprintf(`{"url":%q,"etag":"\"a\""}`, s.url())
		require.NoError(t, os.WriteFile(path+".part.json", []byte(info), 0o644))
		_, err := get(t, dir, set)
		require.NoError(t, err)
		requireData(t, dir)
		require.Equal(t, fmt.Sprintf("bytes=%d-", len(part)), s.header(0, "Range"))
	}
}

func TestUselessParts(t *testing.T) {
	s := serve(t, whole(data, `"a"`))
	for name, info := range map[string]string{
		"damaged":     `{"url`,
		"empty":       "",
		"another URL": `{"url":"http://elsewhere/data.bin","size":1048576}`,
		"other size":  fmt.Sprintf(`{"url":%q,"size":7}`, s.url()),
		"negative":    fmt.Sprintf(`{"url":%q,"size":-7}`, s.url()),
		"wrong type":  `[1, 2]`,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			path := filepath.Join(dir, "numbers", "data.bin")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o755))
			require.NoError(t, os.WriteFile(path+".part", []byte("whatever"), 0o644))
			require.NoError(t, os.WriteFile(path+".part.json", []byte(info), 0o644))
			before := s.count()
			_, err := get(t, dir, setOf(s.url()))
			require.NoError(t, err)
			requireData(t, dir)
			require.Empty(t, s.header(before, "Range"))
		})
	}
}

func TestWrongBytesThenGoodMirror(t *testing.T) {
	dir := t.TempDir()
	wrong := bytes.Clone(data)
	wrong[77] ^= 1
	bad, good := serve(t, whole(wrong, `"a"`)), serve(t, whole(data, `"a"`))
	said, err := get(t, dir, setOf(bad.url(), good.url()))
	require.NoError(t, err)
	requireData(t, dir, "data.bin.bad")
	require.Contains(t, said, "sha256 is "+hexSHA(wrong)+", expected "+hexSHA(data))
	require.Contains(t, said, "kept as ")
	require.Equal(t, 1, bad.count())
	kept, err := os.ReadFile(filepath.Join(dir, "numbers", "data.bin.bad"))
	require.NoError(t, err)
	require.True(t, bytes.Equal(wrong, kept))

	_, err = get(t, t.TempDir(), setOf(bad.url()))
	require.ErrorContains(t, err, "data.bin: no source delivered it:\n"+bad.url())
}

func TestMirrorIsTriedFirst(t *testing.T) {
	dir := t.TempDir()
	good, other := serve(t, whole(data, `"a"`)), serve(t, status(404))
	_, err := get(t, dir, setOf(other.url()), func(o *Options) { o.Mirror = good.URL + "/" })
	require.NoError(t, err)
	requireData(t, dir)
	require.Zero(t, other.count())
	for _, wrong := range []string{"/folder", "file:///folder", "ftp://host/", "http://", ":"} {
		_, err = get(t, dir, setOf(other.url()), func(o *Options) { o.Mirror = wrong })
		require.ErrorContains(t, err, "expected http://")
	}
}

func TestStatus(t *testing.T) {
	for code, again := range map[int]bool{404: false, 403: false, 410: false, 204: false, 500: true, 503: true,
		429: true} {
		dir := t.TempDir()
		s, other := serve(t, status(code), whole(data, `"a"`)), serve(t, whole(data, `"a"`))
		said, err := get(t, dir, setOf(s.url(), other.url()))
		require.NoError(t, err)
		requireData(t, dir)
		require.Contains(t, said, fmt.Sprint("HTTP ", code))
		if again {
			require.Equal(t, 2, s.count(), code)
		} else {
			require.Equal(t, 1, s.count(), code)
			require.Equal(t, 1, other.count(), code)
		}
	}
}

func TestRedirects(t *testing.T) {
	hops := func(n int) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			at := len(r.URL.Query().Get("n"))
			if at == n {
				whole(data, `"a"`)(w, r)
				return
			}
			http.Redirect(w, r, "/data.bin?n="+strings.Repeat("x", at+1), http.StatusFound)
		}
	}
	for n, fine := range map[int]bool{1: true, 9: true, 10: false, -1: false} {
		dir := t.TempDir()
		s := serve(t, hops(n))
		_, err := get(t, dir, setOf(s.url()))
		if fine {
			require.NoError(t, err)
			requireData(t, dir)
			continue
		}
		require.ErrorContains(t, err, "redirect refused: more than 10")
		require.Equal(t, 10, s.count(), "a loop is not tried again")
	}
}

func TestRedirectFromHTTPSToHTTP(t *testing.T) {
	target := serve(t, whole(data, `"a"`))
	insecure := httptest.NewTLSServer(http.RedirectHandler(target.url(), http.StatusFound))
	defer insecure.Close()
	_, err := get(t, t.TempDir(), setOf(insecure.URL+"/data.bin"),
		func(o *Options) { o.Transport = insecure.Client().Transport })
	require.ErrorContains(t, err, "redirect refused: from https to http://")
	require.Zero(t, target.count())

	secure := httptest.NewTLSServer(whole(data, `"a"`)) // the other way is fine
	defer secure.Close()
	up := serve(t, http.RedirectHandler(secure.URL+"/data.bin", http.StatusFound).ServeHTTP)
	dir := t.TempDir()
	_, err = get(t, dir, setOf(up.url()), func(o *Options) { o.Transport = secure.Client().Transport })
	require.NoError(t, err)
	requireData(t, dir)

	file := serve(t, http.RedirectHandler("file:///etc/passwd", http.StatusFound).ServeHTTP)
	_, err = get(t, t.TempDir(), setOf(file.url()))
	require.ErrorContains(t, err, "redirect refused: from http to file:")
}

func TestSlowServers(t *testing.T) {
	const idle = 150 * time.Millisecond
	patience := func(o *Options) { o.Idle = idle }
	t.Run("trickle", func(t *testing.T) { // longer than the timeout in all
		dir := t.TempDir()
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			for i := range 8 {
				w.Write(data[i*len(data)/8 : (i+1)*len(data)/8])
				w.(http.Flusher).Flush()
				time.Sleep(idle / 3)
			}
		})
		_, err := get(t, dir, setOf(s.url()), patience)
		require.NoError(t, err)
		requireData(t, dir)
		require.Equal(t, 1, s.count())
	})
	t.Run("stall", func(t *testing.T) {
		dir := t.TempDir()
		s := serve(t, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", fmt.Sprint(len(data)))
			w.Header().Set("ETag", `"a"`)
			w.Write(data[:300_000])
			w.(http.Flusher).Flush()
			<-r.Context().Done()
		}, whole(data, `"a"`))
		said, err := get(t, dir, setOf(s.url()), patience)
		require.NoError(t, err)
		requireData(t, dir)
		require.Contains(t, said, "the server sent nothing for too long (150ms)")
		require.Equal(t, "bytes=300000-", s.header(1, "Range"))
	})
	t.Run("no answer at all", func(t *testing.T) {
		s := serve(t, func(w http.ResponseWriter, r *http.Request) { <-r.Context().Done() })
		_, err := get(t, t.TempDir(), setOf(s.url()), func(o *Options) { o.Idle = 20 * time.Millisecond })
		require.ErrorContains(t, err, "given up after 5 attempts: the server sent nothing for too long")
	})
}

func TestLiesAboutLength(t *testing.T) {
	raw := func(length string, body []byte) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) {
			conn, buf, err := w.(http.Hijacker).Hijack()
			if err != nil {
				return
			}
			defer conn.Close()
			fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\n%sConnection: close\r\n\r\n", length)
			buf.Write(body)
			buf.Flush()
		}
	}
	promise := func(n int) string { return fmt.Sprintf("Content-Length: %d\r\n", n) }
	for name, c := range map[string]struct {
		answer http.HandlerFunc
		says   string // "" where the file arrives
	}{
		"right":              {raw(promise(len(data)), data), ""},
		"none":               {raw("", data), ""},
		"none, chunked":      {plain(data), ""},
		"none and too short": {raw("", data[:1000]), "the connection ended at byte 1000 of 1048576"},
		"none and too long": {raw("", append(bytes.Clone(data), 1)),
			"sends more bytes than the file has (1048576)"},
		"promises more": {raw(promise(len(data)+1), data),
			"offers 1048577 bytes, expected 1048576: another file"},
		"promises less":                 {raw(promise(5), data), "offers 5 bytes, expected 1048576: another file"},
		"promises right and sends less": {raw(promise(len(data)), data[:1000]), "unexpected EOF"},
		"promises right and sends more": {raw(promise(len(data)), append(bytes.Clone(data), data...)), ""},
		"no number":                     {raw("Content-Length: many\r\n", data), "bad Content-Length"},
		"chunks without end are cut off": {func(w http.ResponseWriter, r *http.Request) { endless(w) },
			"sends more bytes than the file has"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := serve(t, c.answer)
			_, err := get(t, dir, setOf(s.url()))
			if c.says == "" {
				require.NoError(t, err)
				requireData(t, dir)
				return
			}
			require.ErrorContains(t, err, c.says)
			require.NoFileExists(t, filepath.Join(dir, "numbers", "data.bin"))
		})
	}
}

func endless(w io.Writer) {
	for {
		if _, err := w.Write(data); err != nil {
			return
		}
	}
}

// A server with endless data does not fill the disk.
func TestEndlessData(t *testing.T) {
	dir := t.TempDir()
	var sent atomic.Int64
	s := serve(t, func(w http.ResponseWriter, r *http.Request) {
		endless(writerFunc(func(p []byte) (int, error) { sent.Add(int64(len(p))); return w.Write(p) }))
	})
	_, err := get(t, dir, setOf(s.url()))
	require.ErrorContains(t, err, "sends more bytes than the file has (1048576)")
	require.Empty(t, names(t, filepath.Join(dir, "numbers")))
	require.Equal(t, 1, s.count())
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestOtherHashes(t *testing.T) {
	s := serve(t, whole(data, `"a"`), whole(data, `"a"`), plain(data), plain(data))
	set := setOf(s.url())
	sum := md5.Sum(data)
	for _, c := range []struct{ md5, says string }{
		{hex.EncodeToString(sum[:]), "md5 as published; no sha256 is published, the one seen is " + hexSHA(data)},
		{"", "no published hash is known: the sha256 seen was " + hexSHA(data) + "; compare it"},
		{"", "no published hash is known"}, // and no length either
	} {
		dir := t.TempDir()
		set.Files[0].SHA256, set.Files[0].MD5, set.Files[0].Size = "", c.md5, 0
		said, err := get(t, dir, set)
		require.NoError(t, err)
		require.Contains(t, said, "size not published")
		require.Contains(t, said, c.says)
		requireData(t, dir)
		problems, err := verify(filepath.Join(dir, "numbers"), set)
		require.NoError(t, err)
		require.Empty(t, problems)
	}
	set.Files[0].MD5 = strings.Repeat("0", 32)
	_, err := get(t, t.TempDir(), set)
	require.ErrorContains(t, err, "md5 is "+hex.EncodeToString(sum[:])+", expected 000")
}

func TestNoRoom(t *testing.T) {
	s := serve(t, whole(data, `"a"`))
	_, err := get(t, t.TempDir(), setOf(s.url()),
		func(o *Options) { o.free = func(string) (uint64, error) { return 1000, nil } })
	require.ErrorContains(t, err, "1.0 kB are free there, numbers needs at least 1.0 MB: free some space, or set "+
		"STRATA_DATA to a larger disk")
	require.Zero(t, s.count())
	free, err := fs.Free(t.TempDir())
	require.NoError(t, err)
	require.Positive(t, free)
}

// The disk fills up in the middle: a small tmpfs where it can be mounted.
func TestDiskFull(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=512k"); err != nil {
		t.Skip("mounting a tmpfs: ", err)
	}
	defer syscall.Unmount(dir, 0)
	s := serve(t, whole(data, `"a"`))
	_, err := get(t, dir, setOf(s.url()),
		func(o *Options) { o.free = func(string) (uint64, error) { return 1 << 40, nil } })
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "free some space there, or set STRATA_DATA to a larger disk, and call again")
	require.Equal(t, 1, s.count(), "a full disk is not tried again")
	part, err := os.ReadFile(filepath.Join(dir, "numbers", "data.bin.part"))
	require.NoError(t, err)
	require.Greater(t, len(part), 100_000)
	require.True(t, bytes.HasPrefix(data, part))

	require.NoError(t, syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, "size=4m"))
	_, err = get(t, dir, setOf(s.url()))
	require.NoError(t, err)
	require.Equal(t, fmt.Sprintf("bytes=%d-", len(part)), s.header(1, "Range"))
	requireData(t, dir)
}

// The same where nothing can be mounted: a limit on the size of files, in a child.
func TestFileLimit(t *testing.T) {
	dir := t.TempDir()
	s := serve(t, whole(data, `"a"`))
	out, err := child(dir, s.url(), "FETCH_CHILD_LIMIT=1").CombinedOutput()
	require.ErrorContains(t, err, "exit status 1", string(out))
	require.Contains(t, string(out), "error: data.bin: writing stopped at")
	require.Contains(t, string(out), "file too large; the same command goes on from there")
	part, err := os.ReadFile(filepath.Join(dir, "numbers", "data.bin.part"))
	require.NoError(t, err)
	require.True(t, len(part) > 0 && bytes.HasPrefix(data, part))
	_, err = get(t, dir, setOf(s.url()))
	require.NoError(t, err)
	requireData(t, dir)
}

func child(dir, url string, env ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(env, "FETCH_CHILD_DIR="+dir, "FETCH_CHILD_URL="+url)...)
	return cmd
}

// half serves the first half and waits.
func half(reached chan<- struct{}) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", `"a"`)
		w.Header().Set("Content-Length", fmt.Sprint(len(data)))
		w.Write(data[:len(data)/2])
		w.(http.Flusher).Flush()
		close(reached)
		<-r.Context().Done()
	}
}

func TestKillLeavesAResumablePart(t *testing.T) {
	dir := t.TempDir()
	reached := make(chan struct{})
	s := serve(t, half(reached), whole(data, `"a"`))
	cmd := child(dir, s.url())
	require.NoError(t, cmd.Start())
	<-reached
	part := filepath.Join(dir, "numbers", "data.bin.part")
	require.Eventually(t, func() bool {
		info, err := os.Stat(part)
		return err == nil && info.Size() == int64(len(data)/2)
	}, 5*time.Second, 5*time.Millisecond)

	_, err := get(t, dir, setOf(s.url()))
	require.ErrorContains(t, err, "another strata data get numbers is at work")

	require.NoError(t, cmd.Process.Kill())
	require.ErrorContains(t, cmd.Wait(), "killed")
	require.ElementsMatch(t, []string{"data.bin.part", "data.bin.part.json"}, names(t, filepath.Join(dir, "numbers")))
	said, err := get(t, dir, setOf(s.url()))
	require.NoError(t, err)
	requireData(t, dir)
	require.Contains(t, said, "the last 524 kB from")
	require.Equal(t, fmt.Sprintf("bytes=%d-", len(data)/2), s.header(1, "Range"))
}

func TestStop(t *testing.T) {
	dir := t.TempDir()
	reached := make(chan struct{})
	s := serve(t, half(reached), whole(data, `"a"`))
	ctx, stop := context.WithCancel(t.Context())
	go func() { <-reached; time.Sleep(20 * time.Millisecond); stop() }()
	err := Get(ctx, dir, setOf(s.url()), Options{})
	require.ErrorIs(t, err, context.Canceled)
	require.ErrorContains(t, err, "stopped at ")
	require.ErrorContains(t, err, "the same command goes on from there")
	_, err = get(t, dir, setOf(s.url()))
	require.NoError(t, err)
	requireData(t, dir)
}

// A part of the second mirror is worth more than an attempt at the first.
func TestPartOfAnotherMirror(t *testing.T) {
	dir := t.TempDir()
	first, second := serve(t, status(404), whole(data, `"a"`)), serve(t, breaksOff(data, 1000, `"b"`), status(404),
		whole(data, `"b"`))
	_, err := get(t, dir, setOf(first.url(), second.url()))
	require.Error(t, err)
	_, err = get(t, dir, setOf(first.url(), second.url()))
	require.NoError(t, err)
	requireData(t, dir)
	assert.Equal(t, 1, first.count())
	assert.Equal(t, "bytes=1000-", second.header(2, "Range"))
}
