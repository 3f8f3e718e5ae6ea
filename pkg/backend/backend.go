// Package backend opens the GoMLX backend that a run computes on. GOMLX_BACKEND chooses; nothing else in strata knows
// which one it is.
package backend

import (
	"fmt"
	"os"
	"runtime/debug"
	"slices"
	"strings"
	"sync"

	"strata/pkg/nn"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/gomlx/backends/default" // the Go and, with cgo, the XLA backend
)

// Default is the pure-Go backend with the one scheduling option that cannot hang: by default it deadlocks when more
// large products are ready at once than it has workers.
const Default = "go:parallelism=-1"

// Variable is the environment variable that chooses the backend.
const Variable = "GOMLX_BACKEND"

// Open opens the backend that GOMLX_BACKEND names, or Default: "go", "xla:cpu", "xla:cuda" or "xla:/path/of/plugin.so",
// with options after it. It never downloads anything.
func Open() (compute.Backend, error) {
	config := os.Getenv(Variable)
	if config == "" {
		config = Default
	}
	return openConfig(config)
}

// garbagePercent is how much garbage the Go backend may gather, as a share of what lives, before it is collected; GOGC in
// the environment overrides it. Its tensors are Go's memory: at the usual 100 a training run needs up to twice what it uses,
// and to collect earlier costs little, because tensors hold no pointers to follow.
const garbagePercent = 25

func openConfig(config string) (compute.Backend, error) {
	name, options, _ := strings.Cut(config, ":")
	if !slices.Contains(compute.List(), name) {
		return nil, fmt.Errorf("%s=%s: no backend %q in this build, which has %s", Variable, config, name, strings.Join(Available(), ", "))
	}
	if name == "go" && !strings.Contains(options, "parallelism=") && !strings.Contains(options, "ops_sequential") {
		if options != "" {
			options = "," + options
		}
		config = Default + options
	}
	if name == "go" && os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
	full := config
	if name == "xla" {
		full = inFloat32(config)
	}
	opened, err := quietly(func() (compute.Backend, error) { return compute.NewWithConfig(full) })
	if err != nil {
		return nil, explain(config, err)
	}
	return opened, nil
}

// inFloat32 keeps GPUs from computing in TF32, which has ten bits of mantissa: a likelihood is a sum of thousands of terms
// and must be compared in nats. XLA asks for TF32 in products unless told otherwise, and always in convolutions, which only
// NVIDIA's own switch turns off. Who wants TF32 says tf32=true and NVIDIA_TF32_OVERRIDE=1.
func inFloat32(config string) string {
	if os.Getenv("NVIDIA_TF32_OVERRIDE") == "" && !strings.Contains(config, "tf32=true") {
		os.Setenv("NVIDIA_TF32_OVERRIDE", "0")
	}
	if !strings.Contains(config, "tf32") {
		config += ",tf32=false"
	}
	return config
}

// explain turns GoMLX's error, which carries a stack, into one line that says what to do.
func explain(config string, err error) error {
	reason, _, _ := strings.Cut(err.Error(), "\n")
	if strings.HasPrefix(config, "xla") {
		return fmt.Errorf("%s=%s does not open (%s): install the PJRT plugin (pip install 'jax[cuda13]', then GOMLX_BACKEND=xla:SITE/jax_plugins/xla_cuda13/xla_cuda_plugin.so; environment.md has the steps), or unset %s for the Go backend",
			Variable, config, reason, Variable)
	}
	return fmt.Errorf("%s=%s does not open: %s", Variable, config, reason)
}

var stdout sync.Mutex

// quietly keeps what the Go backend prints on standard output while it starts out of the way of results.
func quietly(open func() (compute.Backend, error)) (b compute.Backend, err error) {
	null, nullErr := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if nullErr != nil {
		return open()
	}
	stdout.Lock()
	old := os.Stdout
	os.Stdout = null
	defer func() {
		os.Stdout = old
		stdout.Unlock()
		null.Close()
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("%v", r)
		}
	}()
	return open()
}

// Available lists the backends of this build, "go" first.
func Available() []string {
	names := []string{}
	for _, name := range compute.List() {
		if name == "go" || name == "xla" {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// Lowering is how networks are best written for a backend.
func Lowering(b compute.Backend) nn.Lowering { return nn.LoweringFor(b) }
