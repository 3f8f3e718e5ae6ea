package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path"
	"path/filepath"
	"strings"
	"time"

	"strata/internal/fs"
	"strata/pkg/progress"
)

// Options say how to get a set. The zero value downloads silently what the table
// names, so give at least Out.
type Options struct {
	// Out is told what is going to happen, how far it is, and what happened.
	Out io.Writer
	// Confirm is called when Out has been told the plan and before anything is
	// done; its error is returned. Nil goes ahead.
	Confirm func() error
	Keep    bool   // archives stay after unpacking
	From    string // a folder with the files, instead of the network
	Mirror  string // a URL below which the files lie, tried first
	// Idle is how long a server may send nothing before the connection is given
	// up; 0 is a minute. There is no limit on the whole.
	Idle time.Duration
	// Transport carries the requests; nil is HTTP as usual. It must not unpack what is compressed.
	Transport http.RoundTripper
	// Variable is the environment variable by which a user chooses another disk, for advice where one is full; "" is
	// STRATA_DATA.
	Variable string

	pause  time.Duration                // for tests, as the rest: before the first retry; doubled for each
	free   func(string) (uint64, error) // bytes free on the disk of a folder
	limits limits
}

// Get brings a set to the folder of its name below dir (STRATA_DATA), which must
// exist. What is there and right stays; what is there and wrong is an error and
// stays too; the rest is downloaded or taken from [Options.From], checked,
// unpacked and recorded in .fetched.json. When the context ends, the error wraps
// the context's, and the next call goes on where this one stopped.
//
// Sets that need a person (see [Set.Manual]) give an error that says what to do,
// unless their files are there or in [Options.From].
func Get(ctx context.Context, dir string, set Set, o Options) error {
	o = o.withDefaults()
	if u, err := url.Parse(o.Mirror); o.Mirror != "" && (err != nil || u.Host == "" ||
		u.Scheme != "http" && u.Scheme != "https") {
		return fmt.Errorf("mirror %q: expected http://... or https://...; --from takes files from a folder", o.Mirror)
	}
	unlock, err := lock(dir, set.Name)
	if err != nil {
		return err
	}
	defer unlock()
	g := &getter{Options: o, set: set, folder: filepath.Join(dir, set.Name), client: newClient(o.Transport)}
	g.otherwise = fmt.Sprintf("\nput it into %s by hand, or name a source with --mirror or --from", g.folder)
	if g.manifest, err = readManifest(g.folder, set.Name); err != nil {
		return err
	}
	jobs, err := g.plan()
	if err != nil {
		return err
	}
	if len(jobs) == 0 {
		fmt.Fprintf(o.Out, "%s: already there, in %s\n", set.Name, g.folder)
		return nil
	}
	if err := g.announce(dir, jobs); err != nil {
		return err
	}
	if o.Confirm != nil {
		if err := o.Confirm(); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(g.folder, 0o755); err != nil {
		return fmt.Errorf("%w%s", err, advice(err))
	}
	for _, j := range jobs {
		if err := g.do(ctx, j); err != nil {
			return err
		}
	}
	fmt.Fprintf(o.Out, "%s: complete, in %s\n", set.Name, g.folder)
	return nil
}

func (o Options) withDefaults() Options {
	if o.Out == nil {
		o.Out = io.Discard
	}
	if o.Idle == 0 {
		o.Idle = time.Minute
	}
	if o.Variable == "" {
		o.Variable = dataVariable
	}
	if o.pause == 0 {
		o.pause = time.Second
	}
	if o.free == nil {
		o.free = fs.Free
	}
	if o.limits == (limits{}) {
		o.limits = defaultLimits
	}
	return o
}

// Download brings one file to a folder, which must exist, as Get does: it goes on where an earlier call stopped, and
// the file has its name only when its hash is right. One that is there and right stays. Of the options Out, Idle,
// Transport and Variable count; the caller keeps other processes out.
func Download(ctx context.Context, folder string, f File, o Options) (target string, err error) {
	o = o.withDefaults()
	o.Mirror, o.From = "", ""
	g := &getter{Options: o, folder: folder, client: newClient(o.Transport)}
	target = g.path(f)
	if exists(target) {
		_, err := check(target, f)
		return target, err
	}
	_, err = g.download(ctx, f)
	return target, err
}

// getter is one call of Get.
type getter struct {
	Options
	set       Set
	folder    string
	client    *http.Client
	manifest  *Manifest
	otherwise string // what to do where no source delivers a file
}

// job is a file that is not in place yet.
type job struct {
	File
	local string  // where it is copied from; empty for a download
	there *Source // the archive lies there and only needs unpacking
	bytes int64   // to transfer, as far as known
}

func (g *getter) path(f File) string { return filepath.Join(g.folder, f.Name) }

// plan finds out what is missing. Nothing is changed but the record of files
// that somebody else put there.
func (g *getter) plan() (jobs []job, err error) {
	var missing []string
	there := 0
	for _, f := range g.set.Files {
		const anew = "; move it away to get it anew"
		target := filepath.Join(g.folder, f.Unpack)
		switch {
		case f.Unpack != "" && exists(target):
			files := g.manifest.filesOf(f.Name)
			if len(files) == 0 {
				return nil, fmt.Errorf("%s: is there, but strata data get did not put it there, so it cannot be checked: use it "+
					"as it is, or move it away", target)
			}
			wrong, err := verifyFiles(g.folder, files)
			if err != nil {
				return nil, err
			}
			if len(wrong) > 0 {
				return nil, fmt.Errorf("%s (%d of %d files are not as they were)%s", wrong[0], len(wrong), len(files), anew)
			}
			there++
		case exists(g.path(f)):
			source, err := check(g.path(f), f)
			if err != nil {
				return nil, fmt.Errorf("%w%s", err, anew)
			}
			if f.Unpack != "" {
				jobs = append(jobs, job{File: f, there: &source})
				continue
			}
			there++
			if known, ok := g.manifest.source(f.Name); ok && known.SHA256 == source.SHA256 {
				continue
			}
			if err := g.record(source, nil); err != nil {
				return nil, err
			}
		case g.From != "":
			local := filepath.Join(g.From, f.Name)
			info, err := os.Stat(local)
			if err == nil && info.Mode().IsRegular() {
				jobs = append(jobs, job{File: f, local: local, bytes: info.Size()})
			} else {
				missing = append(missing, f.Name)
			}
		case len(f.URLs) > 0:
			have, _ := (&download{path: g.path(f), size: f.Size}).resumable(g.urls(f)[0])
			jobs = append(jobs, job{File: f, bytes: max(f.Size-have, 0)})
		}
	}
	switch {
	case g.From != "" && len(missing) > 0 && (g.set.Manual == "" || len(jobs)+there == 0):
		return nil, fmt.Errorf("%s: does not hold %s of %s", g.From, strings.Join(missing, ", "), g.set.Name)
	case g.set.Manual != "" && len(jobs)+there == 0:
		return nil, fmt.Errorf("%s cannot be downloaded by strata. %s", g.set.Name, g.set.Manual)
	}
	return jobs, nil
}

// announce says what is going to happen and makes sure that the disk has room
// for it. How much an archive unpacks to is not known; it is never less.
func (g *getter) announce(dir string, jobs []job) error {
	fmt.Fprintf(g.Out, "%s: %s\nterms: %s\n", g.set.Name, g.set.Title, g.set.Terms)
	var transfer, room int64
	unknown := ""
	for _, j := range jobs {
		size := bytesOf(j.Size)
		if j.Size == 0 {
			size, unknown = "size not published", " and what is not published"
		}
		switch {
		case j.there != nil:
			fmt.Fprintf(g.Out, "  %s is there, to be unpacked\n", j.Name)
		case j.local != "":
			fmt.Fprintf(g.Out, "  %s, %s, from %s\n", j.Name, bytesOf(j.bytes), j.local)
		case j.bytes < j.Size:
			fmt.Fprintf(g.Out, "  %s, %s, the last %s from %s\n", j.Name, size, bytesOf(j.bytes), g.urls(j.File)[0])
		default:
			fmt.Fprintf(g.Out, "  %s, %s, from %s\n", j.Name, size, g.urls(j.File)[0])
		}
		transfer += j.bytes
		room += j.bytes
		if j.Unpack != "" {
			room += max(j.Size, j.bytes)
		}
	}
	fmt.Fprintf(g.Out, "to %s: %s%s to transfer\n", g.folder, bytesOf(transfer), unknown)
	free, err := g.free(dir)
	if err != nil {
		return fmt.Errorf("%s: how much is free on its disk: %w", dir, err)
	}
	if uint64(room) > free {
		return fmt.Errorf("%s: %s are free there, %s needs at least %s: free some space, or set STRATA_DATA to a larger disk",
			dir, bytesOf(int64(free)), g.set.Name, bytesOf(room))
	}
	return nil
}

func (g *getter) do(ctx context.Context, j job) (err error) {
	var source Source
	switch {
	case j.there != nil:
		source = *j.there
	case j.local != "":
		source, err = g.copy(ctx, j.File, j.local)
	default:
		source, err = g.download(ctx, j.File)
	}
	if err != nil {
		return err
	}
	switch source.Checked {
	case "sha256":
		fmt.Fprintf(g.Out, "%s: sha256 as published\n", j.Name)
	case "content":
		fmt.Fprintf(g.Out, "%s: compressed anew, its content has the published sha256\n", j.Name)
	case "md5 only":
		fmt.Fprintf(g.Out, "%s: md5 as published; no sha256 is published, the one seen is %s\n", j.Name, source.SHA256)
	default:
		fmt.Fprintf(g.Out, "%s: no published hash is known: the sha256 seen was %s; compare it\n", j.Name, source.SHA256)
	}
	if j.Unpack == "" {
		return g.record(source, nil)
	}
	return g.unpack(ctx, j.File, source)
}

// record writes down a source and the files that came out of it: itself, where
// it is no archive.
func (g *getter) record(source Source, files []Fetched) error {
	if files == nil {
		files = []Fetched{{Name: source.Name, Size: source.Size, SHA256: source.SHA256}}
	}
	for i := range files {
		files[i].Source = source.Name
	}
	return g.manifest.record(g.folder, source, files)
}

func (g *getter) unpack(ctx context.Context, f File, source Source) error {
	// A fixed name: what a killed call left is removed by the next. The lock
	// keeps others out.
	temp := filepath.Join(g.folder, ".unpacking")
	if err := os.RemoveAll(temp); err != nil {
		return err
	}
	bar := progress.New(g.Out, "unpacking "+f.Name, 0)
	defer bar.Done("")
	files, err := unpack(ctx, g.path(f), temp, g.limits, func(n int, unpacked int64) { bar.Set(n, bytesOf(unpacked)) })
	if err == nil {
		var entries []os.DirEntry
		if entries, err = os.ReadDir(temp); err == nil {
			for i := range files {
				if !ownFolder(entries, f.Unpack) {
					files[i].Name = path.Join(f.Unpack, files[i].Name)
				}
			}
			// The record first: a call that is killed between the two unpacks again.
			err = g.record(source, files)
		}
	}
	if err == nil {
		err = place(temp, filepath.Join(g.folder, f.Unpack))
	}
	if err != nil {
		os.RemoveAll(temp)
		return err
	}
	if g.Keep {
		return nil
	}
	return os.Remove(g.path(f))
}

// copy takes the file from a folder, through the same checks as a download.
func (g *getter) copy(ctx context.Context, f File, local string) (Source, error) {
	d := &download{path: g.path(f)}
	d.discard()
	from, err := os.Open(local)
	if err != nil {
		return Source{}, err
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return Source{}, err
	}
	if f.Size > 0 && f.Content == "" && info.Size() != f.Size { // before gigabytes are copied
		return Source{}, fmt.Errorf("%s: %w: %d bytes, expected %d bytes with %s", local, errWrong, info.Size(), f.Size,
			f.published())
	}
	bar := progress.New(g.Out, f.Name, int(info.Size()))
	defer bar.Done("")
	err = d.write(0, io.LimitReader(from, info.Size()), unknownLimit, func(done int64) error {
		bar.Set(int(done), "")
		return ctx.Err()
	})
	if err == nil {
		var source Source
		if source, err = check(d.part(), f); err == nil {
			source.From = local
			return source, d.finish()
		}
	}
	d.discard()
	return Source{}, fmt.Errorf("copying %s: %w", local, err)
}

// lock claims the set for this process.
func lock(dir, set string) (unlock func(), err error) {
	unlock, err = fs.Lock(filepath.Join(dir, "."+set+".lock"))
	if errors.Is(err, fs.ErrLocked) {
		return nil, fmt.Errorf("%s: another strata data get %s is at work: wait for it to end, or stop it", dir, set)
	}
	if err != nil {
		return nil, fmt.Errorf("%w%s", err, advice(err))
	}
	return unlock, nil
}
