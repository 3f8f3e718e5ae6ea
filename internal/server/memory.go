package server

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"

	"strata/pkg/imageset/intake"

	"golang.org/x/sync/semaphore"
)

// memory bounds the bytes of uploaded files, and of heat maps to be answered, that all requests hold together.
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

// timesHeat is how many bytes a heat map takes for one of its PNG: that, base64 of it, and what the answer grows in.
const timesHeat = 4

// body is a request's, and what it, the files of it and its heat maps hold of the memory.
type body struct {
	from   io.Reader
	memory *memory
	times  int64
	n      int64 // bytes that were read

	mu   sync.Mutex // heat maps come from the queue
	held int64
	over bool // nobody waits for more
}

func (b *body) Read(p []byte) (int, error) {
	n, err := b.from.Read(p)
	b.n += int64(n)
	if err := b.take(b.times * int64(n)); err != nil {
		return 0, err
	}
	return n, err
}

// take takes bytes of the memory until release, or is the problem that is answered.
func (b *body) take(n int64) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case b.over:
		return context.Canceled
	case b.held+n > b.memory.most:
		return bad(http.StatusRequestEntityTooLarge, "the pictures of the request and their heat maps take more than the %d bytes of "+
			"memory that there are for those of all requests: send fewer at once", b.memory.most)
	case !b.memory.take(n):
		return problem{Status: http.StatusServiceUnavailable, Detail: fmt.Sprintf("the pictures and heat maps of all requests may take %d "+
			"bytes of memory, and do: try again in a second", b.memory.most), retryAfter: 1}
	}
	b.held += n
	return nil
}

// keep gives back what reading took beyond the files that came of it, and release all.
func (b *body) keep(files []intake.File) {
	size := int64(0)
	for _, f := range files {
		size += f.Held()
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.memory.give(b.held - min(size, b.held))
	b.held = min(size, b.held)
}

func (b *body) release() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.memory.give(b.held)
	b.held, b.over = 0, true
}

// working bounds the bytes of what is made of pictures while they are judged: their windows, and the heat of those. Who gets none waits.
type working struct {
	places *semaphore.Weighted
	taken  atomic.Int64
}

func newWorking(most int64) *working { return &working{places: semaphore.NewWeighted(most)} }

func (w *working) acquire(ctx context.Context, n int64) error {
	err := w.places.Acquire(ctx, n)
	if err == nil {
		w.taken.Add(n)
	}
	return err
}

func (w *working) release(n int64) {
	w.taken.Add(-n)
	w.places.Release(n)
}
