package fetch

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"strata/internal/fs"
	"strata/pkg/progress"

	"github.com/google/renameio/v2"
)

const (
	retries      = 4       // in a row without a byte more,
	attempts     = 100     // and in all
	unknownLimit = 8 << 30 // bytes of a file whose size is not published
)

var (
	errIdle     = errors.New("the server sent nothing for too long")
	errRedirect = errors.New("redirect refused")
)

// Two kinds of errors are not tried again: with the same server, and at all.
type (
	useless struct{ error }
	fatal   struct{ error }
)

func (e useless) Unwrap() error { return e.error }
func (e fatal) Unwrap() error   { return e.error }

func newClient(transport http.RoundTripper) *http.Client {
	if transport == nil {
		t := http.DefaultTransport.(*http.Transport).Clone()
		// The files are compressed; unpacked on the way they would have another hash.
		t.DisableCompression = true
		transport = t
	}
	return &http.Client{Transport: transport, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) >= 10:
			return fmt.Errorf("%w: more than 10", errRedirect)
		case req.URL.Scheme != "https" && (req.URL.Scheme != "http" || via[len(via)-1].URL.Scheme == "https"):
			return fmt.Errorf("%w: from %s to %s", errRedirect, via[len(via)-1].URL.Scheme, req.URL.Redacted())
		}
		return nil
	}}
}

// urls returns where the file may be had, the best first.
func (g *getter) urls(f File) []string {
	if g.Mirror != "" {
		return append([]string{strings.TrimSuffix(g.Mirror, "/") + "/" + f.Name}, f.URLs...)
	}
	for i, u := range f.URLs { // what is there of the file is lost with another mirror
		if have, _ := (&download{path: g.path(f), size: f.Size}).resumable(u); have > 0 {
			return append([]string{u}, slices.Delete(slices.Clone(f.URLs), i, i+1)...)
		}
	}
	return f.URLs
}

// download brings the file to its place, checked, from the first mirror that has
// it right.
func (g *getter) download(ctx context.Context, f File) (Source, error) {
	bar := progress.New(g.Out, f.Name, int(f.Size))
	defer bar.Done("")
	var failed []string
	for _, address := range g.urls(f) {
		d := &download{getter: g, url: address, path: g.path(f), size: f.Size, bar: bar, known: f.SHA256+f.MD5 != ""}
		for range 2 {
			err := d.run(ctx)
			if err == nil {
				var source Source
				if source, err = check(d.part(), f); err == nil {
					source.From = address
					return source, d.finish()
				}
			}
			var stop fatal
			if errors.As(err, &stop) {
				return Source{}, fmt.Errorf("%s: %w; the same command goes on from there", f.Name, stop.error)
			}
			wrong := errors.Is(err, errWrong)
			if wrong {
				bad := d.path + ".bad"
				if renaming := os.Rename(d.part(), bad); renaming != nil {
					return Source{}, renaming
				}
				d.discard()
				err = fmt.Errorf("%w; kept as %s", err, bad)
			}
			bar.Log(fmt.Sprintf("%s: %v", address, err))
			failed = append(failed, fmt.Sprintf("%s: %v", address, err))
			if !wrong || !d.resumed { // two versions may have been mixed: once more, from the start
				break
			}
			d.resumed = false
		}
	}
	return Source{}, fmt.Errorf("%s: no source delivered it:\n%s%s", f.Name, strings.Join(failed, "\n"), g.otherwise)
}

// download is one file from one URL.
type download struct {
	*getter
	url     string
	path    string // of the finished file
	size    int64  // bytes as published; 0 where they are not
	known   bool   // a hash is published, so a mix of two versions is noticed
	bar     *progress.Bar
	resumed bool // some of the part is from an earlier connection
}

// partInfo is what NAME.part.json says about NAME.part.
type partInfo struct {
	URL          string `json:"url"`
	ETag         string `json:"etag,omitempty"`
	LastModified string `json:"last_modified,omitempty"`
	Size         int64  `json:"size"` // bytes of the whole; 0 where it is not known
}

// validator is what If-Range takes: a strong ETag or the date.
func (p partInfo) validator() string {
	if p.ETag != "" && !strings.HasPrefix(p.ETag, "W/") {
		return p.ETag
	}
	return p.LastModified
}

func (d *download) part() string { return d.path + ".part" }

func (d *download) discard() {
	os.Remove(d.part())
	os.Remove(d.part() + ".json")
}

// finish gives the complete and right part its name.
func (d *download) finish() error {
	if exists(d.path) {
		return fmt.Errorf("%s: appeared meanwhile: move it away", d.path)
	}
	if err := os.Rename(d.part(), d.path); err != nil {
		return err
	}
	os.Remove(d.part() + ".json")
	return fs.Sync(filepath.Dir(d.path))
}

// resumable returns how many bytes of the part can be kept, and of what they
// are a part. A part of another URL or size, or whose description is damaged,
// is of no use.
func (d *download) resumable(from string) (int64, partInfo) {
	var p partInfo
	info, err := os.Lstat(d.part())
	data, err2 := os.ReadFile(d.part() + ".json")
	if err != nil || err2 != nil || !info.Mode().IsRegular() || json.Unmarshal(data, &p) != nil || p.URL != from ||
		p.Size < 0 {
		return 0, partInfo{}
	}
	if d.size > 0 && p.Size != d.size || p.Size > 0 && info.Size() > p.Size {
		return 0, partInfo{}
	}
	return info.Size(), p
}

// run downloads until the part is complete, and tries again where that may help.
func (d *download) run(ctx context.Context) error {
	most, failures := int64(-1), 0
	for n := 0; ; n++ {
		err := d.once(ctx)
		var u useless
		var f fatal
		if err == nil || errors.As(err, &u) || errors.As(err, &f) {
			return err
		}
		have, _ := d.resumable(d.url)
		if have > most {
			most, failures = have, 0
		}
		if failures++; failures > retries || n >= attempts {
			return fmt.Errorf("given up after %d attempts: %w", n+1, err)
		}
		pause := min(d.pause<<(failures-1), 30*time.Second)
		d.bar.Log(fmt.Sprintf("%s: %v: trying again in %v", d.url, err, pause))
		select {
		case <-ctx.Done():
			return d.stopped(ctx, have)
		case <-time.After(pause):
		}
	}
}

// stopped is the error of a download that its user stopped.
func (d *download) stopped(ctx context.Context, have int64) error {
	return fatal{fmt.Errorf("stopped at %s: %w", bytesOf(have), ctx.Err())}
}

// once is one connection: it adds to the part what the server sends.
func (d *download) once(parent context.Context) error {
	have, p := d.resumable(d.url)
	if have > 0 && !d.known && p.validator() == "" {
		have = 0 // nothing would notice that the server's file changed
	}
	if have > 0 && have == p.Size {
		d.resumed = true
		return nil
	}
	ctx, cancel := context.WithCancelCause(parent)
	defer cancel(nil)
	idle := time.AfterFunc(d.Idle, func() { cancel(errIdle) })
	defer idle.Stop()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, d.url, nil)
	if err != nil {
		return useless{err}
	}
	req.Header.Set("User-Agent", "strata")
	req.Header.Set("Accept-Encoding", "identity")
	if have > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", have))
		if v := p.validator(); v != "" {
			req.Header.Set("If-Range", v)
		}
	}
	resp, err := d.client.Do(req)
	if err != nil {
		return d.broken(parent, ctx, have, err)
	}
	defer resp.Body.Close()
	now := partInfo{URL: d.url, ETag: resp.Header.Get("ETag"), LastModified: resp.Header.Get("Last-Modified")}
	switch code := resp.StatusCode; {
	case code == http.StatusOK:
		have, now.Size = 0, resp.ContentLength
	case code == http.StatusPartialContent && have > 0:
		var first, last int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes %d-%d/%d", &first, &last, &now.Size); err != nil ||
			first != have ||
			p.ETag != "" && now.ETag != "" && p.ETag != now.ETag {
			d.discard()
			return fmt.Errorf("the server sent another part than asked for (%q), from the start then",
				resp.Header.Get("Content-Range"))
		}
		d.resumed = true
	case code == http.StatusRequestedRangeNotSatisfiable && have > 0:
		var size int64
		if _, err := fmt.Sscanf(resp.Header.Get("Content-Range"), "bytes */%d", &size); err == nil && size == have &&
			(p.Size == 0 || p.Size == have) {
			d.resumed = true
			return nil
		}
		d.discard()
		return errors.New("the server's file is shorter than the part that is there, from the start then")
	case code == http.StatusRequestTimeout, code == http.StatusTooManyRequests, code >= 500:
		return fmt.Errorf("HTTP %s", resp.Status)
	default:
		return useless{fmt.Errorf("HTTP %s", resp.Status)}
	}
	if now.Size < 0 { // not said
		now.Size = 0
	}
	if d.size > 0 {
		if now.Size > 0 && now.Size != d.size {
			return useless{fmt.Errorf("offers %d bytes, expected %d: another file", now.Size, d.size)}
		}
		now.Size = d.size
	}
	limit := now.Size
	if limit == 0 {
		limit = unknownLimit
	}
	if have == 0 {
		d.discard() // the description must never be of another part
		if err := d.describe(now); err != nil {
			return err
		}
	}
	d.bar.StartAt(int(have))
	speed := meter{at: time.Now(), bytes: have}
	err = d.write(have, resp.Body, limit, func(done int64) error {
		idle.Reset(d.Idle)
		have = done
		d.bar.Set(int(done), speed.info(done))
		return nil
	})
	switch {
	case errors.Is(err, errTooLong):
		d.discard()
		return useless{err}
	case err != nil:
		return d.broken(parent, ctx, have, err)
	case have < now.Size:
		return fmt.Errorf("the connection ended at byte %d of %d", have, now.Size)
	case now.Size == 0: // the end says how long it was
		now.Size = have
		return d.describe(now)
	}
	return nil
}

func (d *download) describe(p partInfo) error {
	data, err := json.Marshal(p)
	if err != nil {
		return err
	}
	if err := renameio.WriteFile(d.part()+".json", append(data, '\n'), 0o644); err != nil {
		return fatal{fmt.Errorf("%w%s", err, adviceFor(err, d.Variable))}
	}
	return nil
}

// broken tells the reasons apart for which a connection ended.
func (d *download) broken(parent, ctx context.Context, have int64, err error) error {
	var dns *net.DNSError
	var writing fatal
	switch {
	case errors.As(err, &writing):
		return err
	case parent.Err() != nil:
		return d.stopped(parent, have)
	case context.Cause(ctx) == errIdle:
		return fmt.Errorf("%w (%v)", errIdle, d.Idle)
	case errors.Is(err, errRedirect), errors.As(err, &dns) && dns.IsNotFound:
		return useless{withoutURL(err)}
	}
	return withoutURL(err)
}

// withoutURL drops what http.Client puts before an error: callers name the URL.
func withoutURL(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

var errTooLong = errors.New("sends more bytes than the file has")

// write puts what body sends behind the first at bytes of the part, up to limit
// bytes in all, and syncs it. report is told how many there are; its error
// ends the writing. Errors of the disk are fatal and leave what was written.
func (d *download) write(at int64, body io.Reader, limit int64, report func(done int64) error) (err error) {
	file, err := os.OpenFile(d.part(), os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fatal{fmt.Errorf("%w%s", err, adviceFor(err, d.Variable))}
	}
	onDisk := func(err error) error {
		return fatal{fmt.Errorf("writing stopped at %s: %w%s", bytesOf(at), err, adviceFor(err, d.Variable))}
	}
	defer func() {
		// Also after an error: what is there is what the next call goes on from.
		if syncing := errors.Join(file.Sync(), file.Close()); err == nil && syncing != nil {
			err = onDisk(syncing)
		}
	}()
	if err := file.Truncate(at); err != nil {
		return onDisk(err)
	}
	buffer := make([]byte, 256<<10)
	for {
		n, reading := body.Read(buffer)
		if at+int64(n) > limit {
			return fmt.Errorf("%w (%d)", errTooLong, limit)
		}
		if _, err := file.WriteAt(buffer[:n], at); err != nil {
			return onDisk(err)
		}
		at += int64(n)
		if n > 0 {
			if err := report(at); err != nil {
				return err
			}
		}
		if reading == io.EOF {
			return nil
		}
		if reading != nil {
			return reading
		}
	}
}

// meter measures speed over about a second.
type meter struct {
	at    time.Time
	bytes int64
	text  string
}

func (m *meter) info(have int64) string {
	if spent := time.Since(m.at); spent >= time.Second {
		m.text = bytesOf(int64(float64(have-m.bytes)/spent.Seconds())) + "/s"
		m.at, m.bytes = m.at.Add(spent), have
	}
	return m.text
}
