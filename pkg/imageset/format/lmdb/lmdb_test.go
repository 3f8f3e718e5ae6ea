package lmdb

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"strata/pkg/imageset/format/damagetest"
)

func load(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	require.NoError(t, err)
	return data
}

func open(data []byte) (*File, error) { return Open(bytes.NewReader(data), int64(len(data))) }

// visit reads all entries, values too, of at most a MiB together.
func visit(data []byte, do func(key, value []byte)) error {
	f, err := open(data)
	if err != nil {
		return err
	}
	left := int64(1 << 20)
	return f.Each(func(key []byte, value Value) error {
		data, err := value.Read(left)
		if err != nil {
			return err
		}
		left -= value.Length
		do(key, data)
		return nil
	})
}

func fails(t *testing.T, data []byte, want string, args ...any) {
	t.Helper()
	assert.ErrorContains(t, visit(data, func(_, _ []byte) {}), want, args...)
}

// The files that tests/reference/image_files.py wrote with liblmdb.
func TestFilesOfLiblmdb(t *testing.T) {
	var files map[string]struct {
		PageSize int64 `json:"page_size"`
		Depth    int
		Entries  uint64
		Longest  int
		SHA256   string `json:"sha256_lengths_keys_values"`
	}
	require.NoError(t, json.Unmarshal(load(t, "written.json"), &files))
	require.Equal(t, strings.Fields("databases.mdb deep.mdb empty.mdb large_pages.mdb many.mdb tiny.mdb"), slices.Sorted(maps.Keys(files)))
	for name, want := range files {
		data := load(t, name)
		f, err := open(data)
		require.NoError(t, err, name)
		assert.Equal(t, want.PageSize, f.pageSize, name)
		assert.Equal(t, want.Depth, f.depth, name)
		assert.Equal(t, want.Entries, f.Entries, name)
		if name == "databases.mdb" {
			fails(t, data, "node flags 0x2: expected a plain value (0) or the page of a large one (1), no sub-database (2)")
			continue
		}
		sum, longest := sha256.New(), 0
		require.NoError(t, visit(data, func(key, value []byte) {
			for _, part := range [][]byte{key, value} {
				sum.Write(le.AppendUint32(nil, uint32(len(part))))
				sum.Write(part)
			}
			longest = max(longest, len(value))
		}), name)
		assert.Equal(t, want.SHA256, hex.EncodeToString(sum.Sum(nil)), name)
		assert.Equal(t, want.Longest, longest, name)
	}
}

func TestFixtures(t *testing.T) {
	var want struct{ Entries map[string]string }
	data, err := os.ReadFile(filepath.Join(damagetest.Fixture(t, "lsun/classroom_val_lmdb", &want), "data.mdb"))
	require.NoError(t, err)
	var keys []string
	require.NoError(t, visit(data, func(key, value []byte) {
		keys = append(keys, string(key))
		assert.Equal(t, "RIFF", string(value[:4]))
		assert.Equal(t, "WEBP", string(value[8:12]))
		assert.EqualValues(t, len(value)-8, (le.Uint32(value[4:])+1)&^1, "the whole picture")
	}))
	assert.Equal(t, slices.Sorted(maps.Keys(want.Entries)), keys)
}

// A file of these tests is made of pages of 512 bytes, so that a little one has a tree.
const pageSize = minPageSize

// env is a file with the pages given, from number 2, the first of which is the root of a tree of some depth.
func env(depth int, entries uint64, pages ...[]byte) []byte {
	data := bytes.Join(pages, nil)
	last := uint64(metaPages + len(data)/pageSize - 1)
	return slices.Concat(metaPage(4, depth, entries, 2, last), metaPage(5, depth, entries, 2, last), data)
}

func metaPage(txn uint64, depth int, entries, root, last uint64) []byte {
	page := make([]byte, pageSize)
	le.PutUint64(page, txn%2)
	le.PutUint16(page[10:], flagMeta)
	le.PutUint32(page[metaMagic:], magic)
	le.PutUint32(page[metaVersion:], version)
	le.PutUint32(page[metaFree:], pageSize)
	le.PutUint16(page[metaDepth:], uint16(depth))
	le.PutUint64(page[metaEntries:], entries)
	le.PutUint64(page[metaRoot:], root)
	le.PutUint64(page[metaLast:], last)
	le.PutUint64(page[metaTxn:], txn)
	return page
}

type node struct {
	low, high, flags uint16
	key              string
	data             []byte
}

// plain is a node with a value, or with that many bytes at large on overflow pages from a page.
func plain(key, value string) node {
	return node{low: uint16(len(value)), high: uint16(len(value) >> 16), key: key, data: []byte(value)}
}

func large(key string, length int, page uint64) node {
	return node{low: uint16(length), high: uint16(length >> 16), flags: nodeBig, key: key, data: le.AppendUint64(nil, page)}
}

// child is a node of a branch page.
func child(key string, page uint64) node {
	return node{low: uint16(page), high: uint16(page >> 16), flags: uint16(page >> 32), key: key}
}

func page(number uint64, flags uint16, nodes ...node) []byte {
	page := make([]byte, pageSize)
	le.PutUint64(page, number)
	le.PutUint16(page[10:], flags)
	upper := pageSize
	for i, n := range nodes {
		upper -= (nodeHead + len(n.key) + len(n.data) + 1) &^ 1
		le.PutUint16(page[pageHead+2*i:], uint16(upper))
		for j, v := range []uint16{n.low, n.high, n.flags, uint16(len(n.key))} {
			le.PutUint16(page[upper+2*j:], v)
		}
		copy(page[upper+nodeHead:], n.key)
		copy(page[upper+nodeHead+len(n.key):], n.data)
	}
	le.PutUint16(page[12:], uint16(pageHead+2*len(nodes)))
	le.PutUint16(page[14:], uint16(upper))
	return page
}

func leaf(number uint64, nodes ...node) []byte   { return page(number, flagLeaf, nodes...) }
func branch(number uint64, nodes ...node) []byte { return page(number, flagBranch, nodes...) }

// overflow is a run of overflow pages.
func overflow(number uint64, pages uint32, value string) []byte {
	data := make([]byte, pages*pageSize)
	le.PutUint64(data, number)
	le.PutUint16(data[10:], flagOverflow)
	le.PutUint32(data[12:], pages)
	copy(data[pageHead:], value)
	return data
}

var long = strings.Repeat("0123456789", 60)

// tree has all kinds of pages, on 3,584 bytes.
func tree() []byte {
	return env(2, 5,
		branch(2, child("", 3), child("m", 4)),
		leaf(3, plain("a", "one"), plain("b", ""), plain("c", "three")),
		leaf(4, plain("m", "four"), large("n", len(long), 5)),
		overflow(5, 2, long))
}

func TestTree(t *testing.T) {
	var got []string
	require.NoError(t, visit(tree(), func(key, value []byte) { got = append(got, string(key)+"="+string(value)) }))
	assert.Equal(t, []string{"a=one", "b=", "c=three", "m=four", "n=" + long}, got)

	empty := slices.Concat(metaPage(0, 0, 0, noPage, 1), metaPage(0, 0, 0, noPage, 1))
	require.NoError(t, visit(empty, func(_, _ []byte) { t.Error("an entry of an empty file") }))
}

func TestEachEndsWhereItIsTold(t *testing.T) {
	f, err := open(tree())
	require.NoError(t, err)
	for _, stop := range []error{ErrStop, errors.New("broken")} {
		calls := 0
		err := f.Each(func(key []byte, _ Value) error {
			if calls++; string(key) == "m" {
				return fmt.Errorf("at m: %w", stop)
			}
			return nil
		})
		if stop == ErrStop {
			assert.NoError(t, err)
		} else {
			assert.ErrorIs(t, err, stop)
		}
		assert.Equal(t, 4, calls)
	}
}

func TestValuesAreBounded(t *testing.T) {
	f, err := open(tree())
	require.NoError(t, err)
	err = f.Each(func(_ []byte, value Value) error {
		_, err := value.Read(599)
		return err
	})
	assert.EqualError(t, err, "offset 2576: a value of 600 bytes: expected at most 599")
}

// The newer meta page counts if it is sound, else the other one.
func TestMetaPages(t *testing.T) {
	pages := slices.Concat(leaf(2, plain("k", "old")), leaf(3, plain("k", "new")))
	older, newer := metaPage(8, 1, 1, 2, 3), metaPage(9, 1, 1, 3, 3)
	damage := func(meta []byte, at int) []byte {
		meta = bytes.Clone(meta)
		meta[at] ^= 0x80
		return meta
	}
	for _, c := range []struct {
		name          string
		first, second []byte
		want          string
	}{
		{"second is newer", older, newer, "new"},
		{"first is newer", newer, older, "new"},
		{"both as new", newer, metaPage(9, 1, 1, 2, 3), "new"},
		{"newer has no mark", older, damage(newer, metaMagic), "old"},
		{"newer, first, has no mark", damage(newer, metaMagic), older, "old"},
		{"another version", older, damage(newer, metaVersion), "old"},
		{"other pages", older, damage(newer, metaFree), "old"},
		{"no kind", older, damage(newer, 10), "new"}, // a bit that is not of the kind
		{"no meta page", older, slices.Concat(newer[:10], []byte{flagLeaf}, newer[11:]), "old"},
		{"too deep", older, damage(newer, metaDepth), "old"},
		{"root beyond the end", older, damage(newer, metaRoot), "old"},
		{"root is a meta page", older, metaPage(9, 1, 1, 1, 3), "old"},
		{"flags", older, damage(newer, metaFlags), "old"},
		{"nothing, but entries", older, metaPage(9, 0, 1, noPage, 3), "old"},
		{"older is damaged", damage(older, metaMagic), newer, "new"},
	} {
		var got string
		require.NoError(t, visit(slices.Concat(c.first, c.second, pages), func(_, value []byte) { got = string(value) }), c.name)
		assert.Equal(t, c.want, got, c.name)
	}
	fails(t, slices.Concat(damage(older, metaMagic), damage(newer, metaMagic), pages),
		"offset 16: expected LMDB's mark beefc0de, found beefc05e")
	// Nothing was there before the first transaction, which is no reason to find nothing when its meta page is damaged.
	none := metaPage(0, 0, 0, noPage, 1)
	fails(t, slices.Concat(none, damage(newer, metaMagic), pages), "offset 528: expected LMDB's mark beefc0de, found beefc05e")
	fails(t, slices.Concat(damage(newer, metaVersion), none, pages), "offset 20: version 129: expected 1")
	fails(t, slices.Concat(none, damage(newer, metaFree+1), pages), "offset 552: pages of 33280 bytes")
	fails(t, slices.Concat(none, slices.Concat(newer[:metaFree+1], []byte{4}, newer[metaFree+2:]), pages),
		"offset 552: pages of 1024 bytes: expected 512, where this meta page lies")
	// Pages as large as they get, behind a damaged first page.
	data := make([]byte, 3*maxPageSize)
	copy(data[maxPageSize:], metaPage(7, 1, 1, 2, 2))
	le.PutUint32(data[maxPageSize+metaFree:], maxPageSize)
	copy(data[2*maxPageSize:], leaf(2, plain("k", "v")))
	var got string
	require.NoError(t, visit(data, func(_, value []byte) { got = string(value) }))
	assert.Equal(t, "v", got)
}

func TestRefuses(t *testing.T) {
	change := func(data []byte, at int, to ...byte) []byte {
		data = bytes.Clone(data)
		copy(data[at:], to)
		return data
	}
	meta := func(at int, to ...byte) []byte { // both
		return change(change(tree(), at, to...), pageSize+at, to...)
	}
	one := func(nodes ...node) []byte { return env(1, uint64(len(nodes)), leaf(2, nodes...)) }
	for _, bad := range []struct {
		name string
		file []byte
		want string
	}{
		{"empty", nil, "truncated at offset 0: expected 152 more bytes"},
		{"half a meta page", tree()[:100], "truncated at offset 100: expected 52 more bytes"},
		{"big-endian", meta(metaMagic, 0xbe, 0xef, 0xc0, 0xde), "offset 16: expected LMDB's mark beefc0de, found dec0efbe (files of " +
			"big-endian machines are not read)"},
		{"version 2", meta(metaVersion, 2), "offset 20: version 2: expected 1"},
		{"no meta page", meta(10, flagLeaf), "offset 10: a page with flags 0x2: expected a meta page, 0x8"},
		{"pages of 513 bytes", meta(metaFree, 1), "offset 40: pages of 513 bytes: expected a power of two from 512 to 32768"},
		{"pages of 64 KiB", meta(metaFree, 0, 0, 1), "offset 40: pages of 65536 bytes"},
		{"several values a key", meta(metaFlags, 4), "offset 92: database flags 0x4: expected a plain database with one value a key"},
		{"no depth", meta(metaDepth, 0), "offset 94: a tree of depth 0: expected 1 to 32"},
		{"too deep", meta(metaDepth, 33), "offset 94: a tree of depth 33: expected 1 to 32"},
		{"root outside", meta(metaRoot, 200), "offset 128: root page 200: expected one from 2 to 6"},
		{"entries without a root", meta(metaRoot, bytes.Repeat([]byte{255}, 8)...),
			"offset 128: no root page, but 5 entries and a depth of 2"},
		{"too few entries", meta(metaEntries, 6), "offset 632: 1 entries are missing of the 6 that the file says it has"},
		{"too many entries", meta(metaEntries, 4), "more entries than the 4 that the file says it has"},
		{"no pages", tree()[:2*pageSize], "truncated at offset 1024: expected page 2, which offset 640 names"},
		{"half a page", tree()[:3*pageSize+9], "truncated at offset 1545: expected page 3, which offset 1528 names"},
		{"half a value", tree()[:6*pageSize+300], "truncated at offset 3372: expected 212 more bytes of a large value"},
		{"another page's number", change(tree(), 2*pageSize, 3), "offset 1024: page 3 with flags 0x1: expected page 2 with flags 0x1"},
		{"another depth", meta(metaDepth, 3), "offset 1536: page 3 with flags 0x2: expected page 3 with flags 0x1"},
		{"a leaf of lists", change(tree(), 3*pageSize+10, flagLeaf|0x20),
			"offset 1536: page 3 with flags 0x22: expected page 3 with flags 0x2"},
		{"pointers without end", change(tree(), 2*pageSize+12, 0, 2), "offset 1036: page 2 has pointers to 512 and nodes from"},
		{"half a pointer", change(tree(), 2*pageSize+12, 19), "page 2 has pointers to 19"},
		{"nodes behind the page", change(tree(), 2*pageSize+14, 2, 2), "nodes from 514: expected these in order, between 16 and 512"},
		{"a node in the pointers", change(tree(), 2*pageSize+16, 16, 0), "offset 1040: a node at 16: expected one from 494 to 504"},
		{"a node at the end", change(tree(), 2*pageSize+16, 255, 1), "offset 1040: a node at 511"},
		{"a child outside", env(2, 1, branch(2, child("", 1<<40))), "offset 1528: page 1099511627776: expected one from 2 to 2"},
		{"a meta page as child", env(2, 1, branch(2, child("", 1))), "offset 1528: page 1: expected one from 2 to 2"},
		{"a key without end", env(1, 1, change(leaf(2, plain("k", "v")), pageSize-4, 9)), "offset 1526: a key of 9 bytes leaves its page"},
		{"a value without end", env(1, 1, change(leaf(2, plain("k", "v")), pageSize-10, 9)),
			"offset 1526: a value of 9 bytes leaves its page"},
		{"no key", one(plain("", "v")), `key "" comes after "": expected rising keys`},
		{"the same key", one(plain("k", ""), plain("k", "")), `key "k" comes after "k": expected rising keys`},
		{"falling keys", one(plain("k", ""), plain("a", "")), `offset 1516: key "a" comes after "k": expected rising keys`},
		{"a sub-database", one(node{flags: 2, key: "k"}), "offset 1526: node flags 0x2"},
		{"a list", one(node{flags: 4, key: "k"}), "offset 1526: node flags 0x4"},
		{"half a page number", one(node{flags: nodeBig, key: "k", data: make([]byte, 6)}),
			"offset 1520: the page number of a large value leaves its page"},
		{"a large value outside", one(large("k", 9, 3)), "offset 1527: page 3: expected one from 2 to 2"},
		{"a large value on a leaf", one(large("k", 9, 2)), "offset 1024: page 2 with flags 0x2: expected page 2 with flags 0x4"},
		{"a large value too large", env(1, 1, leaf(2, large("k", 497, 3)), overflow(3, 1, "")),
			"offset 1548: 1 pages for a value of 497 bytes, which need more"},
		{"a large value of no pages", env(1, 1, leaf(2, large("k", 0, 3)), change(overflow(3, 1, ""), 12, 0)),
			"offset 1548: 0 pages for a value of 0 bytes"},
		{"a large value twice", env(1, 2, leaf(2, large("k", 9, 3), large("l", 9, 3)), overflow(3, 1, "")),
			"offset 1536: more pages in use than the file has"},
	} {
		fails(t, bad.file, bad.want, bad.name)
	}
}

// A tree of 32 levels of branches whose children are all themselves would take 2^32 visits.
func TestCirclesEnd(t *testing.T) {
	var pages [][]byte
	for number := uint64(2); number < 33; number++ {
		pages = append(pages, branch(number, child("", number+1), child("m", number+1)))
	}
	pages = append(pages, leaf(33))
	fails(t, env(maxDepth, 1, pages...), "more pages in use than the file has: the tree goes in circles")
	fails(t, env(maxDepth, 1, branch(2, child("", 2), child("m", 2)), leaf(3)), "the tree goes in circles")
}

// atEnd is a reader that says io.EOF with the last bytes, as io.ReaderAt may.
type atEnd struct{ data []byte }

func (r atEnd) ReadAt(p []byte, at int64) (int, error) {
	n := copy(p, r.data[at:])
	if int(at)+n == len(r.data) {
		return n, io.EOF
	}
	return n, nil
}

func TestReaders(t *testing.T) {
	data := tree()
	f, err := Open(atEnd{data}, int64(len(data)))
	require.NoError(t, err)
	assert.NoError(t, f.Each(func(_ []byte, value Value) error {
		_, err := value.Read(600)
		return err
	}))
	// A file that is shorter than the caller says.
	f, err = Open(bytes.NewReader(data[:4*pageSize]), int64(len(data)))
	require.NoError(t, err)
	assert.EqualError(t, f.Each(func([]byte, Value) error { return nil }), "offset 2048: EOF")
}

// shape is what a reader of LSUN asks for: the number of entries.
func shape(data []byte) (any, error) {
	entries := uint64(0)
	err := visit(data, func(_, _ []byte) { entries++ })
	return entries, err
}

// declared is what the meta page says that counts; damage of one may let the older one count.
func declared(data []byte) any {
	f, err := open(data)
	if err != nil {
		return err
	}
	return f.Entries
}

func TestDamage(t *testing.T) {
	damagetest.File{Whole: tree(), Headers: [][2]int{
		{0, metaEnd}, {pageSize, pageSize + metaEnd}, {1024, 1044}, {1490, 1536}, {1536, 1558}, {2000, 2048}, {2048, 2068}, {2500, 2576},
	}, Read: shape, Declared: declared, MaxAlloc: 1 << 18}.Check(t)
	// A file that was written at once: what is cut off must not leave the empty meta page.
	once := slices.Concat(metaPage(0, 0, 0, noPage, 1), tree()[pageSize:])
	damagetest.File{Whole: once, Headers: [][2]int{{0, metaEnd}, {pageSize, pageSize + metaEnd}}, Read: shape, Declared: declared,
		Flips: 100, MaxAlloc: 1 << 18}.Check(t)
	var headers [][2]int
	for at := 0; at < 8*4096; at += 4096 {
		headers = append(headers, [2]int{at, at + 24})
	}
	headers = append(headers, [2]int{24, metaEnd}, [2]int{4096 + 24, 4096 + metaEnd})
	// Its last pages are free.
	damagetest.File{Whole: load(t, "tiny.mdb"), Headers: headers, Read: shape, Declared: declared, Needed: 4 * 4096,
		MaxAlloc: 1 << 18}.Check(t)
}

func FuzzLMDB(f *testing.F) {
	f.Add(tree())
	f.Add(env(1, 2, leaf(2, plain("a", "b"), plain("c", ""))))
	f.Add(env(1, 1, leaf(2, large("k", 9, 3)), overflow(3, 1, "")))
	f.Add(env(3, 1, branch(2, child("", 3)), branch(3, child("", 4)), leaf(4, plain("a", ""))))
	f.Add(env(2, 0, branch(2, child("", 2))))
	f.Add(slices.Concat(metaPage(0, 0, 0, noPage, 1), metaPage(0, 0, 0, noPage, 1)))
	f.Add(slices.Concat(metaPage(0, 0, 0, noPage, 1), tree()[pageSize:]))
	f.Fuzz(func(t *testing.T, data []byte) {
		var entries, size uint64
		var err error
		damagetest.AtMost(t, 1<<18+4*uint64(len(data)), func() {
			err = visit(data, func(_, value []byte) {
				entries++
				size += uint64(len(value))
			})
		})
		switch {
		case size > uint64(len(data)):
			t.Fatalf("%d bytes of values in %d", size, len(data))
		case err != nil:
			if !strings.Contains(err.Error(), "offset") {
				t.Fatalf("the error does not say where: %v", err)
			}
		case declared(data) != entries:
			t.Fatalf("%d entries of %v", entries, declared(data))
		}
	})
}
