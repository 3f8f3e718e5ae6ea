package plugin

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"strata/internal/fetch"
	"strata/internal/fs"
	"strata/pkg/progress"

	"github.com/dustin/go-humanize"
	"github.com/google/renameio/v2"
)

// Options say how to install a plugin. The zero value installs silently what is pinned.
type Options struct {
	// Out is told what happens and how far it is. Nothing is said where nothing is to be done.
	Out io.Writer
	// From is a plugin (.so) or a wheel with one (.whl), to be taken in the place of what is pinned.
	From string
	// Replace overwrites a plugin that strata did not put there.
	Replace bool
	// Try opens a plugin before it gets its name; its error is why it does not get it.
	Try func(path string) error

	pin   Pin // for tests: what is pinned
	index string
}

// ErrNotPinned says that no plugin is pinned for this platform.
var ErrNotPinned = errors.New("no plugin is pinned for " + Platform())

// Install brings the pinned plugin, or the file of o.From, to its place, checked, and returns it. One that is there
// stays: the pinned one silently, whatever folder it is in, and another with a word, for somebody wanted it. An archive
// that was cut off is gone on with.
func Install(ctx context.Context, o Options) (Found, error) {
	if o.Out == nil {
		o.Out = io.Discard
	}
	i := &installer{Options: o}
	if i.pin.Package == "" {
		i.pin, _ = Pinned()
	}
	if i.From == "" {
		if i.pin.Package == "" {
			return Found{}, fmt.Errorf("%w: the Go backend computes there, or install a plugin of your own with --from",
				ErrNotPinned)
		}
		if found, ok, err := i.there(); ok || err != nil {
			return found, err
		}
	}
	all := Folders()
	if len(all) == 0 || os.Getenv("HOME") == "" && os.Getenv(PathVariable) == "" {
		return Found{}, fmt.Errorf("there is no folder for the plugin: set HOME, or %s to a folder", PathVariable)
	}
	i.folder = all[0]
	i.path = filepath.Join(i.folder, FileName)
	i.work = filepath.Join(i.folder, ".strata-plugin")
	if err := os.MkdirAll(i.work, 0o755); err != nil {
		return Found{}, fmt.Errorf("%w: make the folder writable, or set %s to another", err, PathVariable)
	}
	unlock, err := i.lock(ctx)
	if err != nil {
		return Found{}, err
	}
	defer unlock()
	if i.From == "" { // another process may have been faster
		if found, ok, err := i.there(); ok || err != nil {
			return found, err
		}
	}
	if err := i.mayWrite(); err != nil {
		return Found{}, err
	}
	record, err := i.bring(ctx)
	if err != nil {
		return Found{}, err
	}
	os.RemoveAll(i.work) // what is left there is of no more use
	return i.record(record)
}

// installer is one call of Install.
type installer struct {
	Options
	folder, path, work string
}

// there finds a plugin that makes installing needless.
func (i *installer) there() (found Found, ok bool, err error) {
	found, err = Find()
	if err != nil {
		return Found{}, false, nil
	}
	if found.Record != nil && found.Record.SHA256 == i.pin.SHA256 {
		return found, true, nil
	}
	sum, err := found.SHA256()
	if err != nil {
		return Found{}, false, err
	}
	if sum == i.pin.SHA256 { // put there by hand, or by another means
		if noted, err := (&installer{path: found.Path}).record(i.pinned(found.Path)); err == nil {
			found = noted
		} // in a folder that only others write to it is hashed each time
		return found, true, nil
	}
	if i.Replace {
		return Found{}, false, nil
	}
	fmt.Fprintf(i.Out, "%s is used as it is, sha256 %s; strata is tested with %s: strata plugin --replace puts that in "+
		"its place\n", found, sum, i.pin)
	return found, true, nil
}

// mayWrite keeps what somebody else put there.
func (i *installer) mayWrite() error {
	info, err := os.Lstat(i.path)
	switch {
	case errors.Is(err, os.ErrNotExist):
		return nil
	case err != nil:
		return err
	case info.Mode().IsRegular() && readRecord(i.path) != nil, i.Replace && !info.IsDir():
		return nil
	}
	return fmt.Errorf("%s is there, and strata did not put it there: --replace overwrites it", i.path)
}

// lock waits for other processes that install here.
func (i *installer) lock(ctx context.Context) (unlock func(), err error) {
	for waited := false; ; waited = true {
		unlock, err = fs.Lock(filepath.Join(i.folder, ".strata-plugin.lock"))
		if !errors.Is(err, fs.ErrLocked) {
			return unlock, err
		}
		if !waited {
			fmt.Fprintf(i.Out, "another process installs a plugin in %s: waiting\n", i.folder)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

func (i *installer) pinned(from string) Record {
	return Record{Package: i.pin.Package, Version: i.pin.Version, From: from, SHA256: i.pin.SHA256, Size: i.pin.Size}
}

// bring puts the plugin in its place and returns what is to be recorded of it.
func (i *installer) bring(ctx context.Context) (Record, error) {
	if i.From == "" {
		wheel, from, err := i.download(ctx)
		if err != nil {
			return Record{}, err
		}
		return i.pinned(from), i.unpack(ctx, wheel, i.pin.Member, i.pin.Size, i.pin.SHA256, nil)
	}
	from, err := filepath.Abs(i.From)
	if err != nil {
		return Record{}, err
	}
	r := Record{From: from}
	if strings.HasSuffix(from, ".whl") {
		member, err := pluginIn(from)
		if err != nil {
			return Record{}, err
		}
		err = i.unpack(ctx, from, member, 0, "", &r)
		return i.named(r), err
	}
	file, err := os.Open(from)
	if err != nil {
		return Record{}, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return Record{}, err
	}
	if !info.Mode().IsRegular() {
		return Record{}, fmt.Errorf("%s is no file", from)
	}
	err = i.write(ctx, file, info.Size(), 0, "", &r)
	return i.named(r), err
}

// named recognises the pinned plugin.
func (i *installer) named(r Record) Record {
	if r.SHA256 == i.pin.SHA256 && r.SHA256 != "" {
		return i.pinned(r.From)
	}
	return r
}

// pluginIn is the one plugin in a wheel.
func pluginIn(wheel string) (string, error) {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return "", fmt.Errorf("%s: %w", wheel, err)
	}
	defer archive.Close()
	var plugins []string
	for _, entry := range archive.File {
		if strings.HasSuffix(entry.Name, ".so") {
			plugins = append(plugins, entry.Name)
		}
	}
	if len(plugins) != 1 {
		return "", fmt.Errorf("%s holds %d shared libraries, not one: unpack it and name the plugin", wheel, len(plugins))
	}
	return plugins[0], nil
}

// unpack writes one member of a wheel to the plugin's place. Its other members, and what they call themselves, do not
// matter.
func (i *installer) unpack(ctx context.Context, wheel, member string, size int64, sha string, seen *Record) error {
	archive, err := zip.OpenReader(wheel)
	if err != nil {
		return fmt.Errorf("%s: %w", wheel, err)
	}
	defer archive.Close()
	for _, entry := range archive.File {
		if entry.Name != member || !entry.Mode().IsRegular() {
			continue
		}
		content, err := entry.Open()
		if err != nil {
			return fmt.Errorf("%s: %s: %w", wheel, member, err)
		}
		defer content.Close()
		return i.write(ctx, content, int64(min(entry.UncompressedSize64, limit)), size, sha, seen)
	}
	return fmt.Errorf("%s: holds no file %s", wheel, member)
}

// limit is more bytes than any plugin has: CUDA's has 500 MB.
const limit = 4 << 30

// write writes the plugin aside, compares it with the size and hash that it must have, or says in seen what it has,
// tries whether it opens, and gives it its name.
func (i *installer) write(ctx context.Context, content io.Reader, total, size int64, sha string, seen *Record) error {
	file, err := renameio.NewPendingFile(i.path, renameio.WithTempDir(i.folder), renameio.WithPermissions(0o755))
	if err != nil {
		return err
	}
	defer file.Cleanup()
	bar := progress.New(i.Out, "unpacking "+humanize.Bytes(uint64(total)), int(total))
	sum, done := sha256.New(), int64(0)
	counted := writerFunc(func(p []byte) (int, error) {
		if done += int64(len(p)); done > limit || size > 0 && done > size {
			return 0, errors.New("more bytes than the plugin has")
		}
		bar.Set(int(done), "")
		return len(p), ctx.Err()
	})
	_, err = io.Copy(io.MultiWriter(counted, sum, file), content)
	bar.Done("")
	if err != nil {
		return fmt.Errorf("%s: %w", i.path, err)
	}
	got := hex.EncodeToString(sum.Sum(nil))
	if size > 0 && done != size || sha != "" && got != sha {
		return fmt.Errorf("%s: unpacked to %d bytes with sha256 %s, expected %d with %s", i.path, done, got, size, sha)
	}
	if seen != nil {
		seen.SHA256, seen.Size = got, done
	}
	if i.Try != nil {
		if err := i.Try(file.Name()); err != nil {
			return fmt.Errorf("the plugin is not installed, for it does not open here: %w", err)
		}
	}
	if err := file.CloseAtomicallyReplace(); err != nil { // syncs
		return err
	}
	return fs.Sync(i.folder)
}

type writerFunc func(p []byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// record writes down what lies at the plugin's place.
func (i *installer) record(r Record) (Found, error) {
	info, err := os.Stat(i.path)
	if err != nil {
		return Found{}, err
	}
	r.Modified = info.ModTime()
	text, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		return Found{}, err
	}
	return Found{i.path, &r}, renameio.WriteFile(recordPath(i.path), append(text, '\n'), 0o644)
}

// download brings the pinned wheel to the working folder. from is where it was.
func (i *installer) download(ctx context.Context) (wheel, from string, err error) {
	network, err := newNetwork()
	if err != nil {
		return "", "", err
	}
	file := i.pin.Wheel
	var failed []string
	for _, index := range i.indexes() {
		url, err := network.find(ctx, index, i.pin.Package, file.Name)
		if err != nil {
			if ctx.Err() != nil {
				return "", "", ctx.Err()
			}
			failed = append(failed, err.Error())
			continue
		}
		fmt.Fprintf(i.Out, "XLA's CPU plugin, %s: %s from %s, to %s\n", i.pin, humanize.Bytes(uint64(file.Size)), url,
			i.folder)
		file.URLs = []string{url}
		wheel, err = fetch.Download(ctx, i.work, file, fetch.Options{Out: i.Out, Transport: network.transport,
			Variable: PathVariable})
		if err == nil {
			return wheel, url, nil
		}
		if ctx.Err() != nil {
			return "", "", err
		}
		failed = append(failed, err.Error())
	}
	return "", "", fmt.Errorf("%s cannot be downloaded (%s): strata plugin --from takes it, %s, from this disk", i.pin,
		strings.Join(failed, "; "), file.Name)
}
