package plugin

import (
	"archive/zip"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"strata/internal/fetch"

	"github.com/stretchr/testify/require"
)

var library = bytes.Repeat([]byte("a shared library "), 1<<14)

func hexOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// wheelOf is a wheel with these files.
func wheelOf(t *testing.T, files map[string][]byte) []byte {
	t.Helper()
	var out bytes.Buffer
	archive := zip.NewWriter(&out)
	for name, content := range files {
		w, err := archive.Create(name)
		require.NoError(t, err)
		_, err = w.Write(content)
		require.NoError(t, err)
	}
	require.NoError(t, archive.Close())
	return out.Bytes()
}

// site is a package index with one package, and the plugin that is pinned of it.
type site struct {
	*httptest.Server
	pin      Pin
	requests atomic.Int32
}

func serve(t *testing.T, wheel []byte) *site {
	t.Helper()
	s := &site{pin: Pin{Package: "toy-plugin", Version: "1.2", Member: "toy/plugin.so", Size: int64(len(library)),
		SHA256: hexOf(library),
		Wheel:  fetch.File{Name: "toy_plugin-1.2-py3-none-any.whl", Size: int64(len(wheel)), SHA256: hexOf(wheel)}}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.requests.Add(1)
		switch r.URL.Path {
		case "/simple/toy-plugin/":
			fmt.Fprintf(w, `<!DOCTYPE html><a href="../../files/other-1.2.whl">other</a><br/>
				<A data-x="1" href='../../files/a&amp;b/%s#sha256=%s'>it</A>`, s.pin.Wheel.Name, s.pin.Wheel.SHA256)
		case "/files/a&b/" + s.pin.Wheel.Name:
			w.Header().Set("ETag", `"a"`)
			http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(wheel))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(s.Close)
	return s
}

func toyWheel(t *testing.T) []byte {
	return wheelOf(t, map[string][]byte{"toy/plugin.so": library, "toy/__init__.py": nil, "../../escape": []byte("x")})
}

// home makes an empty HOME whose folders are all that is searched.
func home(t *testing.T) (folder string) {
	t.Helper()
	home := t.TempDir()
	t.Setenv("HOME", home)
	folder = filepath.Join(home, ".local", "lib", "go-xla")
	t.Setenv(PathVariable, folder) // without /usr/local, where this machine may have one
	for _, name := range []string{"PIP_INDEX_URL", "PIP_PROXY", "PIP_CERT"} {
		t.Setenv(name, "")
	}
	return folder
}

func (s *site) install(t *testing.T, change ...func(*Options)) (Found, string, error) {
	t.Helper()
	var out bytes.Buffer
	o := Options{Out: &out, pin: s.pin, index: s.URL + "/simple"}
	for _, c := range change {
		c(&o)
	}
	found, err := Install(t.Context(), o)
	return found, out.String(), err
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

var installed = []string{".strata-plugin.lock", FileName, FileName + ".json"}

func TestInstall(t *testing.T) {
	folder := home(t)
	s := serve(t, toyWheel(t))
	_, err := Find()
	require.ErrorIs(t, err, ErrNone)
	require.ErrorContains(t, err, folder)

	tried := ""
	found, said, err := s.install(t, func(o *Options) { o.Try = func(path string) error { tried = path; return nil } })
	require.NoError(t, err)
	require.Equal(t, folder, filepath.Dir(tried))
	require.Equal(t, "toy-plugin 1.2 in "+filepath.Join(folder, FileName), found.String())
	require.Equal(t, "toy-plugin 1.2", found.Name())
	require.Contains(t, said, "from "+s.URL+"/files/a&b/toy_plugin")
	require.Contains(t, said, "unpacking 278 kB: 278528/278528 (100%)")
	require.Equal(t, installed, names(t, folder))
	got, err := os.ReadFile(found.Path)
	require.NoError(t, err)
	require.True(t, bytes.Equal(library, got))
	again, err := Find()
	require.NoError(t, err)
	require.Equal(t, found.Record.SHA256, again.Record.SHA256)
	require.Equal(t, hexOf(library), again.Record.SHA256)

	before := s.requests.Load()
	_, said, err = s.install(t, func(o *Options) { o.Try = func(string) error { return errors.New("not again") } })
	require.NoError(t, err)
	require.Empty(t, said, "a plugin that is there is silent")
	require.Equal(t, before, s.requests.Load())
}

// What strata did not put there stays, unless somebody says otherwise.
func TestForeignPlugin(t *testing.T) {
	folder := home(t)
	s := serve(t, toyWheel(t))
	path := filepath.Join(folder, FileName)
	require.NoError(t, os.MkdirAll(folder, 0o755))
	require.NoError(t, os.WriteFile(path, []byte("mine"), 0o755))
	found, said, err := s.install(t)
	require.NoError(t, err)
	require.Nil(t, found.Record)
	require.Contains(t, said, "which strata did not put there is used as it is, sha256 "+hexOf([]byte("mine")))
	require.Contains(t, said, "--replace")
	sum, err := found.SHA256()
	require.NoError(t, err)
	require.Equal(t, hexOf([]byte("mine")), sum)
	require.Zero(t, s.requests.Load())

	other := filepath.Join(t.TempDir(), "other.so")
	require.NoError(t, os.WriteFile(other, []byte("other"), 0o644))
	_, _, err = s.install(t, func(o *Options) { o.From = other })
	require.ErrorContains(t, err, "--replace overwrites it")

	found, _, err = s.install(t, func(o *Options) { o.Replace = true })
	require.NoError(t, err)
	require.Equal(t, "toy-plugin 1.2", found.Name())

	// The pinned file, put there by hand, is recognised, and from then on not hashed.
	require.NoError(t, os.Remove(path+".json"))
	found, said, err = s.install(t)
	require.NoError(t, err)
	require.Empty(t, said)
	require.Equal(t, "toy-plugin 1.2", found.Name())
	require.FileExists(t, path+".json")

	// A file that changed is no longer what was recorded.
	require.NoError(t, os.WriteFile(path, append(bytes.Clone(library[1:]), 'x'), 0o755))
	found, err = Find()
	require.NoError(t, err)
	require.Nil(t, found.Record)
	require.Empty(t, found.Name())
}

func TestFrom(t *testing.T) {
	folder := home(t)
	s := serve(t, toyWheel(t))
	from := func(name string, content []byte) (Found, error) {
		path := filepath.Join(t.TempDir(), name)
		require.NoError(t, os.WriteFile(path, content, 0o644))
		found, _, err := s.install(t, func(o *Options) { o.From = path })
		return found, err
	}
	found, err := from("newer.so", []byte("newer"))
	require.NoError(t, err)
	require.Contains(t, found.String(), "a copy of ")
	require.Equal(t, hexOf([]byte("newer")), found.Record.SHA256)
	_, said, err := s.install(t)
	require.NoError(t, err)
	require.Contains(t, said, "newer.so is used as it is", "somebody wanted it")

	found, err = from("pinned.so", library)
	require.NoError(t, err)
	require.Equal(t, "toy-plugin 1.2", found.Name(), "recognised by its hash")
	found, err = from("newer.whl", wheelOf(t, map[string][]byte{"a/b.so": []byte("newest"), "a/b.py": nil}))
	require.NoError(t, err)
	require.Equal(t, hexOf([]byte("newest")), found.Record.SHA256)
	require.Equal(t, installed, names(t, folder))
	require.Zero(t, s.requests.Load(), "what is named is not downloaded")

	_, err = from("two.whl", wheelOf(t, map[string][]byte{"a.so": nil, "b.so": nil}))
	require.ErrorContains(t, err, "2 shared libraries")
	_, err = from("no.whl", []byte("no zip"))
	require.ErrorContains(t, err, "no.whl: zip")
	_, _, err = s.install(t, func(o *Options) { o.From = t.TempDir() })
	require.ErrorContains(t, err, "is no file")
	_, _, err = s.install(t, func(o *Options) { o.From = "/nowhere.so" })
	require.ErrorContains(t, err, "/nowhere.so")
}

// Whatever goes wrong, nothing gets the plugin's name, and what was there stays.
func TestFailures(t *testing.T) {
	for name, c := range map[string]struct {
		wheel  map[string][]byte
		change func(*site, *Options)
		says   string
	}{
		"no member":    {map[string][]byte{"toy/other.so": library}, nil, "holds no file toy/plugin.so"},
		"other plugin": {map[string][]byte{"toy/plugin.so": library[1:]}, nil, "expected"},
		"longer": {map[string][]byte{"toy/plugin.so": append(bytes.Clone(library), 1)}, nil,
			"more bytes than the plugin has"},
		"does not open": {map[string][]byte{"toy/plugin.so": library}, func(_ *site, o *Options) {
			o.Try = func(string) error { return errors.New("GLIBC_2.99 not found") }
		}, "does not open here: GLIBC_2.99"},
		"other wheel": {map[string][]byte{"toy/plugin.so": library},
			func(_ *site, o *Options) { o.pin.Wheel.SHA256 = hexOf(nil) }, "sha256 is"},
		"not offered": {map[string][]byte{"toy/plugin.so": library},
			func(_ *site, o *Options) { o.pin.Wheel.Name = "toy_plugin-1.3.whl" }, "does not offer toy_plugin-1.3.whl"},
		"no package": {map[string][]byte{"toy/plugin.so": library}, func(_ *site, o *Options) { o.pin.Package = "nothing" },
			"HTTP 404"},
		"no network": {map[string][]byte{"toy/plugin.so": library}, func(s *site, o *Options) {
			s.Close()
		}, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			folder := home(t)
			require.NoError(t, os.MkdirAll(folder, 0o755))
			path := filepath.Join(folder, FileName)
			require.NoError(t, os.WriteFile(path, []byte("before"), 0o755))
			s := serve(t, wheelOf(t, c.wheel))
			_, _, err := s.install(t, func(o *Options) {
				o.Replace = true
				if c.change != nil {
					c.change(s, o)
				}
			})
			require.ErrorContains(t, err, c.says)
			got, err := os.ReadFile(path)
			require.NoError(t, err)
			require.Equal(t, "before", string(got))
			for _, file := range names(t, folder) {
				require.True(t, file == FileName || strings.HasPrefix(file, ".strata-plugin"), "%s was left", file)
			}
		})
	}
}

// A download that was stopped goes on with the next call.
func TestStopped(t *testing.T) {
	folder := home(t)
	s := serve(t, toyWheel(t))
	ctx, stop := context.WithCancel(t.Context())
	stop()
	_, err := Install(ctx, Options{pin: s.pin, index: s.URL + "/simple"})
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, filepath.Join(folder, FileName))
	_, _, err = s.install(t)
	require.NoError(t, err)
}

// Processes that install at the same time download once.
func TestTogether(t *testing.T) {
	home(t)
	s := serve(t, toyWheel(t))
	var group sync.WaitGroup
	for range 4 {
		group.Go(func() {
			_, err := Install(t.Context(), Options{pin: s.pin, index: s.URL + "/simple"})
			if err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	require.EqualValues(t, 2, s.requests.Load(), "the page and the wheel, once")
}

// The index of pip is asked, and its password is neither said nor written down.
func TestIndexWithPassword(t *testing.T) {
	folder := home(t)
	s := serve(t, toyWheel(t))
	inner := s.Config.Handler
	s.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if user, password, ok := r.BasicAuth(); !ok || user != "me" || password != "secret" {
			http.Error(w, "who are you", http.StatusUnauthorized)
			return
		}
		inner.ServeHTTP(w, r)
	})
	t.Setenv("PIP_INDEX_URL", strings.Replace(s.URL, "http://", "http://me:secret@", 1)+"/simple/")
	_, said, err := s.install(t, func(o *Options) { o.index = "" })
	require.NoError(t, err)
	require.NotContains(t, said, "secret")
	record, err := os.ReadFile(filepath.Join(folder, FileName+".json"))
	require.NoError(t, err)
	require.NotContains(t, string(record), "secret")
	require.Contains(t, string(record), s.URL)

	t.Setenv("PIP_INDEX_URL", "me:secret")
	n, err := newNetwork()
	require.NoError(t, err)
	_, err = n.find(t.Context(), os.Getenv("PIP_INDEX_URL"), "toy-plugin", "x.whl")
	require.ErrorContains(t, err, "PIP_INDEX_URL is no URL")
	require.NotContains(t, err.Error(), "secret")
}

func TestProxyAndAuthorities(t *testing.T) {
	home(t)
	s := serve(t, toyWheel(t))
	var through atomic.Int32
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		through.Add(1)
		r.URL.Host = strings.TrimPrefix(s.URL, "http://")
		s.Config.Handler.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	t.Setenv("PIP_PROXY", proxy.URL)
	_, _, err := s.install(t, func(o *Options) { o.index = "http://index.invalid/simple" })
	require.NoError(t, err)
	require.EqualValues(t, 2, through.Load())

	t.Setenv("PIP_PROXY", "")
	t.Setenv("PIP_CERT", "/nowhere.pem")
	_, _, err = s.install(t, func(o *Options) { o.pin.SHA256 = hexOf(nil); o.Replace = true })
	require.ErrorContains(t, err, "PIP_CERT")
}

func TestFolders(t *testing.T) {
	t.Setenv("HOME", "/home/me")
	t.Setenv(PathVariable, "/a::/b")
	require.Equal(t, []string{"/a", "/b"}, Folders())
	os.Unsetenv(PathVariable)
	require.Equal(t, []string{"/home/me/.local/lib/go-xla", "/usr/local/lib/go-xla"}, Folders())
	t.Setenv("HOME", "")
	_, err := Install(t.Context(), Options{From: "x.so"})
	require.ErrorContains(t, err, "set HOME")
}

func TestPins(t *testing.T) {
	for platform, pin := range pins {
		require.Regexp(t, `^\w+/\w+$`, platform)
		require.Regexp(t, `^[0-9a-f]{64}$`, pin.SHA256)
		require.Regexp(t, `^[0-9a-f]{64}$`, pin.Wheel.SHA256)
		require.Equal(t, strings.ReplaceAll(pin.Package, "-", "_")+"-"+pin.Version,
			strings.Join(strings.Split(pin.Wheel.Name, "-")[:2], "-"))
		require.Positive(t, pin.Size)
		require.Positive(t, pin.Wheel.Size)
	}
	_, ok := pins["linux/amd64"]
	require.True(t, ok)
}
