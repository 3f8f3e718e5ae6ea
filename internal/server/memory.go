package server

import (
	"fmt"
	"io"
	"net/http"
	"sync"

	"strata/pkg/imageset/intake"
)

// memory bounds the bytes of uploaded files that all requests hold together.
type memory struct {
	most int64
	mu   sync.Mutex
	held int64
}

// take adds bytes, or says that they are too many.
func (m *memory) take(n int64) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.held+n > m.most {
		return false
	}
	m.held += n
	return true
}

func (m *memory) give(n int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.held -= n
}

func (m *memory) now() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.held
}

// While a body is read it takes so many bytes of memory for one of its own: what it is read into grows by doubling, and base64 is held
// beside the picture that comes of it.
const timesPlain, timesJSON = 2, 4

// body is a request's, and what it and the files of it hold of the memory.
type body struct {
	from   io.Reader
	memory *memory
	times  int64
	n      int64 // bytes that were read
	held   int64
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.n += int64(n)
	more := b.times * int64(n)
	if !b.memory.take(more) {
		return 0, problem{Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("the pictures of all requests may take %d bytes of "+
			"memory, and do: try again in a second", b.memory.most), retryAfter: 1}
	}
	b.held += more
	return n, err
}

// keep gives back what reading took beyond the files that came of it, and release all.
func (b *body) keep(files []intake.File) {
	size := int64(0)
	for _, f := range files {
		size += f.Held()
	}
	b.memory.give(b.held - min(size, b.held))
	b.held = min(size, b.held)
}

func (b *body) release() {
	b.memory.give(b.held)
	b.held = 0
}
