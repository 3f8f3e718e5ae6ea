package fetch

import (
	"archive/tar"
	"archive/zip"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"
	"syscall"

	"strata/internal/fs"

	"github.com/dustin/go-humanize"
)

// limits bound what an archive can make of itself. They are held against what
// is really written, for headers may lie.
type limits struct {
	entries    int
	entryBytes int64 // of one file
	totalBytes int64
	ratio      int64 // bytes unpacked for a byte of archive, of the whole
}

// The largest archive of the table, Downsampled ImageNet, unpacks to 4 GB; Tiny
// ImageNet has 120,000 files.
var defaultLimits = limits{entries: 1 << 20, entryBytes: 4 << 30, totalBytes: 32 << 30, ratio: 100}

// unpacker writes the entries of one archive below root.
type unpacker struct {
	ctx     context.Context
	root    *os.Root
	limits  limits
	archive int64 // bytes of the archive
	seen    map[string]bool
	files   []Fetched
	total   int64
	buffer  []byte
	report  func(files int, size int64)
}

// unpack writes the archive (.tar.gz or .zip) into a new folder temp and returns
// its files. Only plain files and folders are accepted; owners, times and modes
// are not taken over. On error temp is left for the caller to remove.
func unpack(ctx context.Context, archive, temp string, l limits,
	report func(files int, size int64)) ([]Fetched, error) {
	file, err := os.Open(archive)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	if err := os.Mkdir(temp, 0o755); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(temp)
	if err != nil {
		return nil, err
	}
	defer root.Close()
	u := &unpacker{ctx: ctx, root: root, limits: l, archive: info.Size(), seen: map[string]bool{},
		buffer: make([]byte, 256<<10), report: report}
	if strings.HasSuffix(archive, ".zip") {
		err = u.zip(file)
	} else {
		err = u.tarGz(file)
	}
	if err == nil && len(u.files) == 0 {
		err = errors.New("holds no files")
	}
	if err != nil {
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s: unpacking stopped, the next call starts it again: %w", archive, ctx.Err())
		}
		return nil, fmt.Errorf("unpacking %s: %w%s", archive, err, advice(err))
	}
	return u.files, nil
}

func (u *unpacker) tarGz(file io.Reader) error {
	unzipped, err := gzip.NewReader(file)
	if err != nil {
		return fmt.Errorf("not a readable .tar.gz: %w", err)
	}
	// Headers count too: an archive may consist of them.
	bounded := &boundedReader{r: unzipped, left: u.bound()}
	entries := tar.NewReader(bounded)
	for n := 0; ; n++ {
		header, err := entries.Next()
		if err == io.EOF {
			break
		}
		if err != nil && !errors.Is(err, tar.ErrInsecurePath) { // entry names it
			return fmt.Errorf("after %d entries: %w", n, err)
		}
		if n >= u.limits.entries {
			return fmt.Errorf("more than %d entries", u.limits.entries)
		}
		switch header.Typeflag {
		case tar.TypeXGlobalHeader: // a comment of git archive
		case tar.TypeDir:
			err = u.folder(header.Name)
		case tar.TypeReg:
			err = u.file(header.Name, entries)
		default:
			err = fmt.Errorf("entry %q: expected a file or folder, found a link, device or other (type %q)", header.Name,
				header.Typeflag)
		}
		if err != nil {
			return err
		}
	}
	// The rest is padding, and reading it is what checks gzip's checksum.
	const padding = 1 << 20
	n, err := io.Copy(io.Discard, io.LimitReader(bounded, padding))
	if err == nil && n == padding {
		err = errors.New("more data behind the archive's end")
	}
	return err
}

func (u *unpacker) zip(file *os.File) error {
	archive, err := zip.NewReader(file, u.archive)
	if err != nil && !(errors.Is(err, zip.ErrInsecurePath) && archive != nil) { // entry names it
		return fmt.Errorf("not a readable .zip: %w", err)
	}
	if len(archive.File) > u.limits.entries {
		return fmt.Errorf("%d entries, more than %d", len(archive.File), u.limits.entries)
	}
	for _, entry := range archive.File {
		switch mode := entry.Mode(); {
		case entry.Flags&1 != 0:
			err = fmt.Errorf("entry %q: is encrypted", entry.Name)
		case mode.IsDir():
			err = u.folder(entry.Name)
		case !mode.IsRegular():
			err = fmt.Errorf("entry %q: expected a file or folder, found a link or device", entry.Name)
		default:
			var content io.ReadCloser
			if content, err = entry.Open(); err != nil {
				return fmt.Errorf("entry %q: %w", entry.Name, err)
			}
			err = u.file(entry.Name, content)
			content.Close()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// bound is how many bytes may come out of the archive at most.
func (u *unpacker) bound() int64 {
	const slack = 1 << 20 // tar's blocks and padding compress a thousand times
	if u.archive > (u.limits.totalBytes-slack)/u.limits.ratio {
		return u.limits.totalBytes
	}
	return u.archive*u.limits.ratio + slack
}

// name returns the entry's name as a path below the root.
func (u *unpacker) name(entry string) (string, error) {
	name := strings.TrimSuffix(strings.TrimPrefix(entry, "./"), "/")
	if name == "" && strings.HasPrefix(entry, "./") {
		name = "."
	}
	if !filepath.IsLocal(name) || strings.ContainsAny(name, "\\\x00") || path.Clean(name) != name {
		return "", fmt.Errorf("entry %q: the name is not a plain path inside the archive, with / between folders", entry)
	}
	if u.seen[name] {
		return "", fmt.Errorf("entry %q: is there twice", entry)
	}
	u.seen[name] = true
	return name, nil
}

func (u *unpacker) folder(entry string) error {
	name, err := u.name(entry)
	if err != nil {
		return err
	}
	return clash(entry, u.root.MkdirAll(name, 0o755))
}

func (u *unpacker) file(entry string, content io.Reader) (err error) {
	name, err := u.name(entry)
	if err != nil {
		return err
	}
	if err := u.root.MkdirAll(path.Dir(name), 0o755); err != nil {
		return clash(entry, err)
	}
	file, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if err != nil {
		return clash(entry, err)
	}
	defer func() {
		if closing := file.Close(); err == nil {
			err = closing
		}
	}()
	sum, size := sha256.New(), int64(0)
	for {
		if err := u.ctx.Err(); err != nil {
			return err
		}
		n, err := content.Read(u.buffer)
		size, u.total = size+int64(n), u.total+int64(n)
		if size > u.limits.entryBytes {
			return fmt.Errorf("entry %q: more than %d bytes", entry, u.limits.entryBytes)
		}
		if u.total > u.bound() {
			return errBomb
		}
		sum.Write(u.buffer[:n])
		if _, err := file.Write(u.buffer[:n]); err != nil {
			return err
		}
		if err == io.EOF {
			break
		}
		if err != nil {
			return fmt.Errorf("entry %q: %w", entry, err)
		}
	}
	u.files = append(u.files, Fetched{Name: name, Size: size, SHA256: hex.EncodeToString(sum.Sum(nil))})
	if u.report != nil {
		u.report(len(u.files), u.total)
	}
	return nil
}

// clash words the errors that two entries of one name give.
func clash(entry string, err error) error {
	if errors.Is(err, os.ErrExist) || errors.Is(err, syscall.ENOTDIR) || errors.Is(err, syscall.EISDIR) {
		return fmt.Errorf("entry %q: is there twice, or is both a file and a folder", entry)
	}
	return err
}

var errBomb = errors.New("unpacks to far more than any image set does: not what it claims to be")

// boundedReader gives errBomb instead of more than left bytes.
type boundedReader struct {
	r    io.Reader
	left int64
}

func (b *boundedReader) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if b.left -= int64(n); b.left < 0 {
		return 0, errBomb
	}
	return n, err
}

// place moves what was unpacked to temp to its final name: the archive's own
// top folder, or all of it where it has none of that name.
func place(temp, target string) error {
	entries, err := os.ReadDir(temp)
	if err != nil {
		return err
	}
	if exists(target) {
		return fmt.Errorf("%s: is there already: move it away", target)
	}
	// One call for all files: fsync on each of 120,000 would take minutes.
	syscall.Sync()
	from := temp
	if ownFolder(entries, filepath.Base(target)) {
		from = filepath.Join(temp, filepath.Base(target))
	}
	if err := os.Rename(from, target); err != nil {
		return err
	}
	if err := fs.Sync(filepath.Dir(target)); err != nil {
		return err
	}
	return os.RemoveAll(temp)
}

func ownFolder(entries []os.DirEntry, name string) bool {
	return len(entries) == 1 && entries[0].IsDir() && entries[0].Name() == name
}

// advice says what to do about an error of writing, as far as there is more to
// say than the error does.
func advice(err error) string { return adviceFor(err, dataVariable) }

// dataVariable moves image sets to another disk.
const dataVariable = "STRATA_DATA"

func adviceFor(err error, variable string) string {
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Sprintf(": free some space there, or set %s to a larger disk, and call again", variable)
	case errors.Is(err, os.ErrPermission):
		return fmt.Sprintf(": make the folder writable, or set %s to another", variable)
	}
	return ""
}

func bytesOf(n int64) string { return humanize.Bytes(uint64(max(n, 0))) }
