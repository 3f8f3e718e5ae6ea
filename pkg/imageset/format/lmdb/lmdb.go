// Package lmdb reads the entries of an LMDB environment, the form in which LSUN is
// distributed. The bindings there are need C; this reader of its own goes through
// the unnamed database in the order of the keys, and nothing else.
//
// The file is a B+ tree of pages (MDB_page, MDB_meta, MDB_db and MDB_node in
// liblmdb's mdb.c): two meta pages, of which the newer one counts; branch pages with
// the page numbers of their children; leaf pages with keys and values; large values
// on overflow pages. Numbers are those of a little-endian 64-bit machine, as LSUN's.
package lmdb

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
)

const (
	pageHead = 16 // page number 8, pad 2, flags 2, lower 2, upper 2 (or pages 4)
	nodeHead = 8  // low 2, high 2, flags 2, key length 2

	// Where the parts of a meta page are.
	metaMagic   = pageHead
	metaVersion = pageHead + 4
	metaFree    = pageHead + 24 // database of the free pages; its first field is the page size
	metaMain    = metaFree + 48 // database of the entries: pad 4, then
	metaFlags   = metaMain + 4  // 2 bytes
	metaDepth   = metaMain + 6  // 2 bytes
	metaEntries = metaMain + 32 // 8 bytes
	metaRoot    = metaMain + 40 // 8 bytes
	metaLast    = metaMain + 48 // last page in use, 8 bytes
	metaTxn     = metaLast + 8  // number of the transaction, 8 bytes
	metaEnd     = metaTxn + 8

	magic   = 0xBEEFC0DE
	version = 1

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagOverflow = 0x04
	flagMeta     = 0x08
	// The kinds of pages, with those that only databases with several values a key have.
	flagKinds = flagBranch | flagLeaf | flagOverflow | flagMeta | 0x20 | 0x40

	nodeBig = 0x01 // the value is on overflow pages

	noPage      = ^uint64(0)
	metaPages   = 2
	minPageSize = 512
	maxPageSize = 32768
	maxDepth    = 32 // liblmdb's CURSOR_STACK
)

var le = binary.LittleEndian

// File is an open environment. It is safe for several goroutines.
type File struct {
	r              io.ReaderAt
	size, pageSize int64
	meta           int64 // where the meta page is
	txn            uint64
	root, last     uint64 // page numbers
	depth          int
	// Entries is how many entries the file says it has.
	Entries uint64
}

// Open reads the meta pages of a data.mdb of the given size in bytes. Of two, the newer counts, or the one that is sound,
// unless that is empty: a file that was written at once has nothing in its older meta page.
func Open(r io.ReaderAt, size int64) (*File, error) {
	f, problem := readMeta(r, size, 0)
	// The second meta page starts where the first page ends. If the first is damaged, all sizes that it may have are tried.
	for pageSize := int64(minPageSize); pageSize <= maxPageSize; pageSize *= 2 {
		if f != nil && f.pageSize != pageSize {
			continue
		}
		second, err := readMeta(r, size, pageSize)
		if err == nil && second.pageSize != pageSize {
			err = fmt.Errorf("offset %d: pages of %d bytes: expected %d, where this meta page lies", pageSize+metaFree,
				second.pageSize, pageSize)
		}
		switch {
		case err == nil && (f == nil || second.txn > f.txn):
			f = second
		case err != nil && f != nil:
			problem = err
		}
	}
	if f == nil || (problem != nil && f.Entries == 0) {
		return nil, problem
	}
	return f, nil
}

func readMeta(r io.ReaderAt, size, at int64) (*File, error) {
	f := &File{r: r, size: size, meta: at}
	page, err := f.read(at, metaEnd)
	if err != nil {
		return nil, err
	}
	bad := func(field int64, format string, args ...any) error {
		return fmt.Errorf("offset %d: %w", at+field, fmt.Errorf(format, args...))
	}
	if got := le.Uint32(page[metaMagic:]); got != magic {
		return nil, bad(metaMagic, "expected LMDB's mark %08x, found %08x (files of big-endian machines are not read)", magic, got)
	}
	if got := le.Uint32(page[metaVersion:]); got != version {
		return nil, bad(metaVersion, "version %d: expected %d", got, version)
	}
	if flags := le.Uint16(page[10:]); flags&flagKinds != flagMeta {
		return nil, bad(10, "a page with flags %#x: expected a meta page, %#x", flags, flagMeta)
	}
	f.pageSize = int64(le.Uint32(page[metaFree:]))
	f.depth = int(le.Uint16(page[metaDepth:]))
	f.Entries = le.Uint64(page[metaEntries:])
	f.root = le.Uint64(page[metaRoot:])
	f.last = le.Uint64(page[metaLast:])
	f.txn = le.Uint64(page[metaTxn:])
	if s := f.pageSize; s < minPageSize || s > maxPageSize || s&(s-1) != 0 {
		return nil, bad(metaFree, "pages of %d bytes: expected a power of two from %d to %d", s, minPageSize, maxPageSize)
	}
	if flags := le.Uint16(page[metaFlags:]); flags != 0 {
		return nil, bad(metaFlags, "database flags %#x: expected a plain database with one value a key", flags)
	}
	if f.root == noPage {
		if f.depth != 0 || f.Entries != 0 {
			return nil, bad(metaRoot, "no root page, but %d entries and a depth of %d", f.Entries, f.depth)
		}
		return f, nil
	}
	if f.depth < 1 || f.depth > maxDepth {
		return nil, bad(metaDepth, "a tree of depth %d: expected 1 to %d", f.depth, maxDepth)
	}
	if f.root < metaPages || f.root > f.last {
		return nil, bad(metaRoot, "root page %d: expected one from %d to %d", f.root, metaPages, f.last)
	}
	return f, nil
}

// read reads n bytes, which must be bounded by the file's size.
func (f *File) read(at, n int64) ([]byte, error) {
	if at+n > f.size {
		return nil, fmt.Errorf("truncated at offset %d: expected %d more bytes", f.size, at+n-f.size)
	}
	data := make([]byte, n)
	if got, err := f.r.ReadAt(data, at); got < len(data) {
		return nil, fmt.Errorf("offset %d: %w", at+int64(got), err)
	}
	return data, nil
}

// Value is where a value lies in the file.
type Value struct {
	Offset, Length int64
	file           *File
}

// Read reads the value. atMost bounds its length, in bytes.
func (v Value) Read(atMost int64) ([]byte, error) {
	if v.Length > atMost {
		return nil, fmt.Errorf("offset %d: a value of %d bytes: expected at most %d", v.Offset, v.Length, atMost)
	}
	return v.file.read(v.Offset, v.Length)
}

// ErrStop ends Each without an error.
var ErrStop = errors.New("stop")

// Each calls do with every key and where its value lies, in the order of the keys. key is valid during the call. A
// damaged tree is an error, when the damage is reached. No more pages are used than the file has: a tree that goes in circles
// is found out, and the values are together no longer than the file.
func (f *File) Each(do func(key []byte, value Value) error) error {
	if f.root == noPage {
		return nil
	}
	w := &walk{File: f, do: do, entries: f.Entries, pages: f.size/f.pageSize - metaPages}
	err := w.page(f.root, f.meta+metaRoot, f.depth)
	switch {
	case errors.Is(err, ErrStop):
		return nil
	case err == nil && w.entries > 0:
		return fmt.Errorf("offset %d: %d entries are missing of the %d that the file says it has", f.meta+metaEntries, w.entries, f.Entries)
	}
	return err
}

// walk is on its way through a tree.
type walk struct {
	*File
	do      func([]byte, Value) error
	entries uint64 // still to come
	pages   int64  // not met yet
	key     []byte // the last one
}

// find returns where page n starts; from is where its number stands.
func (w *walk) find(n uint64, from int64) (at int64, err error) {
	if n < metaPages || n > w.last {
		return 0, fmt.Errorf("offset %d: page %d: expected one from %d to %d", from, n, metaPages, w.last)
	}
	if n >= uint64(w.size/w.pageSize) {
		return 0, fmt.Errorf("truncated at offset %d: expected page %d, which offset %d names", w.size, n, from)
	}
	return int64(n) * w.pageSize, nil
}

// use counts pages that start at offset at.
func (w *walk) use(pages, at int64) error {
	if w.pages -= pages; w.pages < 0 {
		return fmt.Errorf("offset %d: more pages in use than the file has: the tree goes in circles", at)
	}
	return nil
}

// page visits page n, whose number stands at from, and what is below it. levels counts down to 1, the leaves.
func (w *walk) page(n uint64, from int64, levels int) error {
	at, err := w.find(n, from)
	if err != nil {
		return err
	}
	if err = w.use(1, at); err != nil {
		return err
	}
	page, err := w.read(at, w.pageSize)
	if err != nil {
		return err
	}
	want := uint16(flagBranch)
	if levels == 1 {
		want = flagLeaf
	}
	if number, flags := le.Uint64(page), le.Uint16(page[10:]); number != n || flags&flagKinds != want {
		return fmt.Errorf("offset %d: page %d with flags %#x: expected page %d with flags %#x", at, number, flags, n, want)
	}
	lower, upper := int(le.Uint16(page[12:])), int(le.Uint16(page[14:]))
	if lower < pageHead || lower%2 != 0 || lower > upper || upper > len(page) {
		return fmt.Errorf("offset %d: page %d has pointers to %d and nodes from %d: expected these in order, between %d and %d", at+12, n,
			lower, upper, pageHead, len(page))
	}
	for pointer := pageHead; pointer < lower; pointer += 2 {
		node := int(le.Uint16(page[pointer:]))
		if node < upper || node+nodeHead > len(page) {
			return fmt.Errorf("offset %d: a node at %d: expected one from %d to %d", at+int64(pointer), node, upper, len(page)-nodeHead)
		}
		if err := w.node(page[node:], at+int64(node), levels); err != nil {
			return err
		}
	}
	return nil
}

// node visits the node that starts at offset at; data goes to the end of its page.
func (w *walk) node(data []byte, at int64, levels int) error {
	low, high := uint64(le.Uint16(data)), uint64(le.Uint16(data[2:]))
	flags, end := le.Uint16(data[4:]), nodeHead+int(le.Uint16(data[6:]))
	if levels > 1 {
		return w.page(low|high<<16|uint64(flags)<<32, at, levels-1)
	}
	if end > len(data) {
		return fmt.Errorf("offset %d: a key of %d bytes leaves its page", at, end-nodeHead)
	}
	key, data := data[nodeHead:end], data[end:]
	value := Value{Offset: at + int64(end), Length: int64(low | high<<16), file: w.File}
	switch {
	case flags == nodeBig && len(data) < 8:
		return fmt.Errorf("offset %d: the page number of a large value leaves its page", at)
	case flags == nodeBig:
		var err error
		if value.Offset, err = w.overflow(le.Uint64(data), value.Offset, value.Length); err != nil {
			return err
		}
	case flags != 0:
		return fmt.Errorf("offset %d: node flags %#x: expected a plain value (0) or the page of a large one (1), no sub-database (2) and "+
			"no list (4)", at, flags)
	case value.Length > int64(len(data)):
		return fmt.Errorf("offset %d: a value of %d bytes leaves its page", at, value.Length)
	}
	if string(key) <= string(w.key) {
		return fmt.Errorf("offset %d: key %.40q comes after %.40q: expected rising keys", at, key, w.key)
	}
	if w.entries == 0 {
		return fmt.Errorf("offset %d: more entries than the %d that the file says it has", at, w.Entries)
	}
	w.entries--
	w.key = append(w.key[:0], key...)
	return w.do(key, value)
}

// overflow returns where a large value starts that lies on page n, whose number stands at from, and those after it.
func (w *walk) overflow(n uint64, from, length int64) (int64, error) {
	at, err := w.find(n, from)
	if err != nil {
		return 0, err
	}
	head, err := w.read(at, pageHead)
	if err != nil {
		return 0, err
	}
	if number, flags := le.Uint64(head), le.Uint16(head[10:]); number != n || flags&flagKinds != flagOverflow {
		return 0, fmt.Errorf("offset %d: page %d with flags %#x: expected page %d with flags %#x", at, number, flags, n, flagOverflow)
	}
	pages := int64(le.Uint32(head[12:]))
	if end := at + pages*w.pageSize; end > w.size {
		return 0, fmt.Errorf("truncated at offset %d: expected %d more bytes of a large value", w.size, end-w.size)
	}
	if room := pages*w.pageSize - pageHead; length > room {
		return 0, fmt.Errorf("offset %d: %d pages for a value of %d bytes, which need more", at+12, pages, length)
	}
	return at + pageHead, w.use(pages, at)
}
