package backend

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"os"
	"slices"
	"strings"
	"sync"
	"time"

	"strata/internal/plugin"

	"github.com/gomlx/compute"
)

// NoXLA is the environment variable that keeps XLA out, whatever its value: what names no backend stays on the Go
// backend, and tests skip what they would run on XLA.
const NoXLA = "STRATA_NO_XLA"

// Work is what somebody wants a backend for.
type Work struct {
	// Seconds is how long it takes on the Go backend on two cores, as far as that is known.
	Seconds float64
	// Programs is how many graphs are compiled for it; 0 is one.
	Programs int
}

var (
	// Small is what takes seconds at most: tests on toys, a notebook's small cell.
	Small = Work{}
	// Big is what is worth compiling, however long it takes.
	Big = Work{Seconds: math.Inf(1)}
)

// What XLA's CPU plugin takes and gives, on two cores, for the networks of sizes quick and demo: 300 steps of the Glow took 24 s in place
// of 80 with all that was compiled for them, 100 of the Wide-ResNet 13 in place of 60, 300 of the dense Glow 26 in place of 127. Larger
// networks gain more, and compile for longer, but then they are trained for hours.
const (
	compileSeconds = 5
	speedUp        = 3
)

// onXLA is how long the work takes on XLA's CPU plugin.
func (w Work) onXLA() float64 {
	return compileSeconds*float64(cmp.Or(w.Programs, 1)) + w.Seconds/speedUp
}

// Choice is where some work is to be computed, and why.
type Choice struct {
	// Config is what GoMLX is to open.
	Config string
	// Named says that GOMLX_BACKEND names it.
	Named bool
	// Plugin is XLA's CPU plugin where strata chose it.
	Plugin *plugin.Found
	// Missed says why work that is worth XLA is not on it.
	Missed error
	work   Work
}

// Choose says where work is computed: where GOMLX_BACKEND says; else on XLA's CPU plugin, if there is one and compiling
// pays; else on the Go backend. Whether the plugin opens is seen when it is opened.
func Choose(work Work) Choice {
	c := Choice{Config: Default, work: work}
	if named := os.Getenv(Variable); named != "" {
		c.Config, c.Named = named, true
		return c
	}
	if work.onXLA() >= work.Seconds && !math.IsInf(work.Seconds, 1) {
		return c
	}
	if c.Missed = Excluded(); c.Missed != nil {
		return c
	}
	found, err := plugin.Find()
	if err != nil {
		c.Missed = fmt.Errorf("%w: strata plugin brings it", err)
		return c
	}
	c.Config, c.Plugin = "xla:"+found.Path, &found
	return c
}

// Excluded says why XLA is out of question, whatever plugins there are; nil is that it is not.
func Excluded() error {
	switch {
	case os.Getenv(NoXLA) != "":
		return fmt.Errorf("%s is set", NoXLA)
	case !slices.Contains(Available(), "xla"):
		return errors.New("this build has no XLA: it needs cgo and gcc")
	}
	return nil
}

// Try opens a PJRT plugin, and says why it does not open.
func Try(path string) error {
	opened, err := newBackend("xla:" + path)
	if err != nil {
		return errors.New(reason(err))
	}
	opened.Finalize()
	return nil
}

// Kind is "go" or "xla", or the name that GOMLX_BACKEND gives.
func (c Choice) Kind() string {
	kind, _, _ := strings.Cut(c.Config, ":")
	return kind
}

// Seconds is how long the work will take there, where that is one of the two that strata knows: on two cores.
func (c Choice) Seconds() float64 {
	if c.Plugin != nil {
		return c.work.onXLA()
	}
	return c.work.Seconds
}

// String says where and why, in one line.
func (c Choice) String() string {
	about := func(seconds float64) string {
		return (time.Duration(max(seconds, 1)) * time.Second).String()
	}
	switch {
	case c.Named:
		return fmt.Sprintf("%s, which %s names", c.Config, Variable)
	case c.Missed != nil:
		return fmt.Sprintf("the Go backend, not XLA: %v", c.Missed)
	case c.Plugin == nil:
		return fmt.Sprintf("the Go backend: about %s of work, and XLA would take %s with compiling", about(c.work.Seconds),
			about(c.work.onXLA()))
	case math.IsInf(c.work.Seconds, 1):
		return fmt.Sprintf("XLA on the CPU, %s", c.Plugin)
	}
	return fmt.Sprintf("XLA on the CPU, %s: about %s with compiling, and the Go backend would take %s", c.Plugin,
		about(c.work.onXLA()), about(c.work.Seconds))
}

// Open opens the chosen backend for one user, who finalizes it. A plugin that strata chose and that does not open
// leaves the Go backend, and standard error says so.
func (c Choice) Open() (compute.Backend, error) {
	opened, chosen, err := c.open()
	if chosen.Missed != nil && c.Missed == nil {
		fmt.Fprintln(os.Stderr, "computing on", chosen)
	}
	return opened, err
}

func (c Choice) open() (compute.Backend, Choice, error) {
	opened, err := newBackend(c.Config)
	if err != nil && c.Plugin != nil {
		err = fmt.Errorf("%s does not open: %s", c.Plugin.Path, reason(err))
		c = Choice{Config: Default, Missed: err, work: c.work}
		opened, err = newBackend(c.Config)
	}
	if err != nil {
		err = explain(c.Config, err)
	}
	return opened, c, err
}

// shared are the backends of the process by what GOMLX_BACKEND would have to say to open them.
var shared struct {
	sync.Mutex
	opened map[string]compute.Backend
	failed map[string]error // of plugins: they are not tried again
}

// For is the process's backend for some work, with where that is and why. It is opened once and shared: nobody
// finalizes it.
func For(work Work) (compute.Backend, Choice, error) {
	shared.Lock()
	defer shared.Unlock()
	if shared.opened == nil {
		shared.opened, shared.failed = map[string]compute.Backend{}, map[string]error{}
	}
	c := Choose(work)
	if failed := shared.failed[c.Config]; failed != nil && c.Plugin != nil {
		c = Choice{Config: Default, Missed: failed, work: work}
	}
	if opened := shared.opened[c.Config]; opened != nil {
		return opened, c, nil
	}
	opened, chosen, err := c.open()
	if err != nil {
		return nil, chosen, err
	}
	if chosen.Config != c.Config {
		shared.failed[c.Config] = chosen.Missed
	}
	shared.opened[chosen.Config] = opened
	return opened, chosen, nil
}
