// Package lmdb reads the entries of an LMDB environment, the form in which LSUN is
// distributed. The bindings there are need C; this reader of its own goes through
// the unnamed database in the order of the keys, and nothing else.
//
// The file is a B+ tree of pages (liblmdb's mdb.c, "Page layout"): two meta pages,
// of which the newer one counts; branch pages with the page numbers of their
// children; leaf pages with keys and values; large values on overflow pages. Page
// numbers and lengths are those of a little-endian 64-bit machine, as LSUN's are.
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
	metaAt   = pageHead
	metaEnd  = metaAt + 136

	magic   = 0xBEEFC0DE
	version = 1

	flagBranch   = 0x01
	flagLeaf     = 0x02
	flagOverflow = 0x04
	flagMeta     = 0x08

	nodeBig     = 0x01
	nodeSub     = 0x02
	nodeDup     = 0x04
	noPage      = ^uint64(0)
	minPageSize = 512
	maxPageSize = 65536
	// maxDepth is far more than 2^48 entries need, with at least two a page.
	maxDepth = 48
)

var le = binary.LittleEndian

// File is an open environment. It is safe for several goroutines.
type File struct {
	r        io.ReaderAt
	size     int64
	pageSize int64
	root     uint64
	pages    uint64
	depth    int
	// Entries is how many entries the file says it has.
	Entries uint64
}

// Open reads the meta pages of a data.mdb of the given size in bytes.
func Open(r io.ReaderAt, size int64) (*File, error) {
	first, problem := readMeta(r, size, 0)
	if problem != nil {
		return nil, problem
	}
	f := first
	// The second meta page lies after the first, whose page size says where. It may be older, or damaged by a crash.
	if second, err := readMeta(r, size, first.file.pageSize); err == nil && second.txn > first.txn && second.file.pageSize == first.file.pageSize {
		f = second
	}
	file := f.file
	file.r, file.size = r, size
	if file.pages > uint64(size)/uint64(file.pageSize)+1 {
		return nil, fmt.Errorf("offset %d: %d pages of %d bytes in a file of %d bytes: it is truncated", f.at+metaAt, file.pages, file.pageSize, size)
	}
	return &file, nil
}

type meta struct {
	file File
	txn  uint64
	at   int64
}

func readMeta(r io.ReaderAt, size, at int64) (meta, error) {
	page := make([]byte, metaEnd)
	if size < at+metaEnd {
		return meta{}, fmt.Errorf("truncated at offset %d: expected %d more bytes of the meta page", size, at+metaEnd-size)
	}
	if _, err := r.ReadAt(page, at); err != nil {
		return meta{}, fmt.Errorf("offset %d: %w", at, err)
	}
	if got := le.Uint32(page[metaAt:]); got != magic {
		return meta{}, fmt.Errorf("offset %d: expected LMDB's mark %08x, found %08x (files of big-endian machines are not read)", at+metaAt, magic, got)
	}
	if got := le.Uint32(page[metaAt+4:]); got != version {
		return meta{}, fmt.Errorf("offset %d: version %d: expected %d", at+metaAt+4, got, version)
	}
	if le.Uint16(page[10:])&flagMeta == 0 {
		return meta{}, fmt.Errorf("offset %d: the page is no meta page", at+10)
	}
	m := meta{at: at, txn: le.Uint64(page[metaAt+128:])}
	const free, main = metaAt + 24, metaAt + 24 + 48
	m.file = File{
		pageSize: int64(le.Uint32(page[free:])),
		depth:    int(le.Uint16(page[main+6:])),
		Entries:  le.Uint64(page[main+32:]),
		root:     le.Uint64(page[main+40:]),
		pages:    le.Uint64(page[metaAt+120:]) + 1,
	}
	if s := m.file.pageSize; s < minPageSize || s > maxPageSize || s&(s-1) != 0 {
		return meta{}, fmt.Errorf("offset %d: pages of %d bytes: expected a power of two from %d to %d", at+free, s, minPageSize, maxPageSize)
	}
	if flags := le.Uint16(page[main+4:]); flags != 0 {
		return meta{}, fmt.Errorf("offset %d: database flags %#x: expected a plain database with one value a key", at+main+4, flags)
	}
	if m.file.depth > maxDepth {
		return meta{}, fmt.Errorf("offset %d: a tree of depth %d: expected at most %d", at+main+6, m.file.depth, maxDepth)
	}
	return m, nil
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
	data := make([]byte, v.Length)
	if _, err := v.file.r.ReadAt(data, v.Offset); err != nil && !(err == io.EOF && len(data) == 0) {
		return nil, fmt.Errorf("offset %d: %w", v.Offset, err)
	}
	return data, nil
}

// ErrStop ends Each without an error.
var ErrStop = errors.New("stop")

// Each calls do with every key and where its value lies, in the order of the keys. key is valid during the call. A
// damaged tree is an error; one that goes in circles ends when more entries have come than the file says it has.
func (f *File) Each(do func(key []byte, value Value) error) error {
	if f.root == noPage {
		if f.Entries != 0 {
			return fmt.Errorf("offset %d: %d entries, but no root page", metaAt, f.Entries)
		}
		return nil
	}
	w := &walk{File: f, do: do, left: f.Entries, pagesLeft: f.pages}
	err := w.page(f.root, f.depth)
	switch {
	case errors.Is(err, ErrStop):
		return nil
	case err == nil && w.left > 0:
		return fmt.Errorf("offset %d: %d entries are missing of the %d that the file says it has", metaAt, w.left, f.Entries)
	}
	return err
}

type walk struct {
	*File
	do              func([]byte, Value) error
	left, pagesLeft uint64
	last            []byte
	started         bool
}

// page visits page number n, levels above the leaves' bottom included.
func (w *walk) page(n uint64, levels int) error {
	at := int64(n) * w.pageSize
	switch {
	case n < 2 || n >= w.pages:
		return fmt.Errorf("page %d: expected one from 2 to %d", n, w.pages-1)
	case levels < 1:
		return fmt.Errorf("offset %d: page %d lies deeper than the tree's depth of %d", at, n, w.depth)
	case w.pagesLeft == 0:
		return fmt.Errorf("offset %d: the tree goes in circles", at)
	case at+w.pageSize > w.size:
		return fmt.Errorf("truncated at offset %d: page %d ends at %d", w.size, n, at+w.pageSize)
	}
	w.pagesLeft--
	page := make([]byte, w.pageSize)
	if _, err := w.r.ReadAt(page, at); err != nil {
		return fmt.Errorf("offset %d: %w", at, err)
	}
	flags, lower, upper := le.Uint16(page[10:]), int(le.Uint16(page[12:])), int(le.Uint16(page[14:]))
	leaf := flags&flagLeaf != 0
	if le.Uint64(page) != n || leaf == (flags&flagBranch != 0) || flags&(flagOverflow|flagMeta) != 0 {
		return fmt.Errorf("offset %d: page %d with flags %#x: expected page %d, a branch or a leaf", at, le.Uint64(page), flags, n)
	}
	if lower < pageHead || lower%2 != 0 || lower > upper || upper > len(page) || leaf != (levels == 1) {
		return fmt.Errorf("offset %d: page %d is damaged (nodes to %d, data from %d, %d levels left)", at+12, n, lower, upper, levels)
	}
	for i := range (lower - pageHead) / 2 {
		pointer := pageHead + 2*i
		if err := w.node(page, at, int(le.Uint16(page[pointer:])), lower, leaf, levels); err != nil {
			return err
		}
	}
	return nil
}

// node visits the node at offset node of a page that starts at offset at of the file.
func (w *walk) node(page []byte, at int64, node, lower int, leaf bool, levels int) error {
	where := at + int64(node)
	if node < lower || node+nodeHead > len(page) {
		return fmt.Errorf("offset %d: a node lies outside of its page", where)
	}
	low, high := uint64(le.Uint16(page[node:])), uint64(le.Uint16(page[node+2:]))
	flags, keyLength := le.Uint16(page[node+4:]), int(le.Uint16(page[node+6:]))
	data := node + nodeHead + keyLength
	if data > len(page) {
		return fmt.Errorf("offset %d: a key of %d bytes leaves its page", where, keyLength)
	}
	if !leaf {
		return w.page(low|high<<16|uint64(flags)<<32, levels-1)
	}
	value := Value{Offset: at + int64(data), Length: int64(low | high<<16), file: w.File}
	switch flags {
	case 0:
		if int64(data)+value.Length > int64(len(page)) {
			return fmt.Errorf("offset %d: a value of %d bytes leaves its page", where, value.Length)
		}
	case nodeBig:
		if data+8 > len(page) {
			return fmt.Errorf("offset %d: the page number of a large value leaves the page", where)
		}
		var err error
		if value.Offset, err = w.overflow(le.Uint64(page[data:]), value.Length); err != nil {
			return fmt.Errorf("offset %d: %w", where, err)
		}
	default:
		return fmt.Errorf("offset %d: node flags %#x: expected a plain value (%#x sub-database, %#x several values)", where, flags, nodeSub, nodeDup)
	}
	key := page[node+nodeHead : data]
	if w.started && string(key) <= string(w.last) {
		return fmt.Errorf("offset %d: key %.40q comes after %.40q: expected rising keys", where, key, w.last)
	}
	if w.left == 0 {
		return fmt.Errorf("offset %d: more entries than the %d that the file says it has", where, w.Entries)
	}
	w.left--
	w.started, w.last = true, append(w.last[:0], key...)
	return w.do(key, value)
}

// overflow returns where a large value of the given length starts.
func (w *walk) overflow(n uint64, length int64) (int64, error) {
	if n < 2 || n >= w.pages {
		return 0, fmt.Errorf("a large value on page %d: expected one from 2 to %d", n, w.pages-1)
	}
	at := int64(n) * w.pageSize
	var head [pageHead]byte
	if _, err := w.r.ReadAt(head[:], at); err != nil {
		return 0, fmt.Errorf("truncated: a large value on page %d, offset %d, of a file of %d bytes", n, at, w.size)
	}
	if le.Uint64(head[:]) != n || le.Uint16(head[10:])&flagOverflow == 0 {
		return 0, fmt.Errorf("page %d at offset %d is no overflow page of its number", n, at)
	}
	if room := int64(le.Uint32(head[12:]))*w.pageSize - pageHead; length > room || at+pageHead+length > w.size {
		return 0, fmt.Errorf("a large value of %d bytes at offset %d leaves its %d pages, or the file of %d bytes", length, at+pageHead, le.Uint32(head[12:]), w.size)
	}
	return at + pageHead, nil
}
