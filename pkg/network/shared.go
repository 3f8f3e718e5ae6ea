package network

import (
	"fmt"
	"sync"

	"strata/pkg/nn"

	"github.com/gomlx/compute"
	. "github.com/gomlx/gomlx/core/graph"
)

// Shared is a compiled program that several networks use, one after the other: a compiler takes seconds for it, and the
// runs of a paper are a handful of networks with other weights.
type Shared struct {
	Exec *Exec
	// Notes are what the builder of the program found out about it, for all who use it.
	Notes any

	key   sharedKey
	users int
	used  int // when it was last taken
}

type sharedKey struct {
	backend  compute.Backend
	identity string
}

// keepIdle is how many programs that nobody uses stay compiled. Each holds a few megabytes of code.
const keepIdle = 8

var programs = struct {
	sync.Mutex
	byKey map[sharedKey]*Shared
	clock int
}{byKey: map[sharedKey]*Shared{}}

// Share gives the program of an identity on a backend, made by build where there is none, and Release gives it back.
// Programs of the identity "" are not shared.
func Share(backend compute.Backend, identity string, lowering nn.Lowering, build func() (exec *Exec, notes any,
	err error)) (*Shared, error) {
	key := sharedKey{backend, fmt.Sprint(identity, ", ", lowering)}
	programs.Lock()
	defer programs.Unlock()
	programs.clock++
	for other := range programs.byKey {
		if other.backend.IsFinalized() {
			delete(programs.byKey, other)
		}
	}
	if identity != "" {
		if s := programs.byKey[key]; s != nil {
			s.users++
			s.used = programs.clock
			return s, nil
		}
	}
	exec, notes, err := build()
	if err != nil {
		return nil, err
	}
	s := &Shared{Exec: exec, Notes: notes, key: key, users: 1, used: programs.clock}
	if identity != "" {
		programs.byKey[key] = s
	}
	return s, nil
}

// Release gives a program back. The one that was idle for longest goes when there are too many.
func (s *Shared) Release() {
	programs.Lock()
	defer programs.Unlock()
	s.users--
	if programs.byKey[s.key] != s {
		s.finalise()
		return
	}
	var oldest *Shared
	idle := 0
	for _, other := range programs.byKey {
		if other.users == 0 {
			idle++
			if oldest == nil || other.used < oldest.used {
				oldest = other
			}
		}
	}
	if idle > keepIdle {
		delete(programs.byKey, oldest.key)
		oldest.finalise()
	}
}

// finalise frees the program, unless it went with its backend.
func (s *Shared) finalise() {
	if !s.key.backend.IsFinalized() {
		s.Exec.Finalize()
	}
}
