// Package backend opens the GoMLX backend that some work is computed on: the one that GOMLX_BACKEND names, or else
// XLA's CPU plugin for what is worth compiling, where there is a plugin, and the Go backend for all else.
package backend

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"strata/pkg/nn"

	"github.com/gomlx/compute"
	_ "github.com/gomlx/gomlx/backends/default" // the Go and, with cgo, the XLA backend
)

// Default is the pure-Go backend with the one scheduling option that cannot hang: by default it deadlocks when more
// large products are ready at once than it has workers.
const Default = "go:parallelism=-1"

// Variable is the environment variable that chooses the backend.
const Variable = "GOMLX_BACKEND"

// Open opens the backend for work that is worth compiling, for one user, who finalizes it. GOMLX_BACKEND overrules:
// "go", "xla:cpu", "xla:cuda" or "xla:/path/of/plugin.so", with options after it. It never downloads anything.
//
// Whatever opens a backend changes the process too, see process.go: the first Go backend makes Go's garbage be
// collected earlier, for good, where GOGC is not set; and while a Go backend is opened standard output goes nowhere,
// and while XLA is, klog's.
func Open() (compute.Backend, error) { return Choose(Big).Open() }

// OpenNamed opens the backend that config names, as GOMLX_BACKEND does.
func OpenNamed(config string) (compute.Backend, error) {
	opened, err := newBackend(config)
	if err != nil {
		return nil, explain(config, err)
	}
	return opened, nil
}

func newBackend(config string) (compute.Backend, error) {
	name, options, _ := strings.Cut(config, ":")
	if !slices.Contains(compute.List(), name) {
		return nil, unknownBackend(name)
	}
	if name == "go" && !strings.Contains(options, "parallelism=") && !strings.Contains(options, "ops_sequential") {
		if options != "" {
			options = "," + options
		}
		config = Default + options
	}
	switch name {
	case "go":
		collectEarlier()
		return withoutStdout(config)
	case "xla":
		return withoutLog(inFloat32(config))
	}
	return newGuarded(config)
}

// newGuarded opens what config says. A panic of a library, over an option that it does not know for instance, is an
// error.
func newGuarded(config string) (b compute.Backend, err error) {
	defer func() {
		if r := recover(); r != nil {
			b, err = nil, fmt.Errorf("%v", r)
		}
	}()
	return compute.NewWithConfig(config)
}

// unknownBackend is the name of a backend that is not in this build.
type unknownBackend string

func (name unknownBackend) Error() string {
	return fmt.Sprintf("no backend %q in this build, which has %s", string(name), strings.Join(Available(), ", "))
}

// inFloat32 keeps GPUs from computing products in TF32, which has ten bits of mantissa, unasked: a likelihood is a sum
// of thousands of terms and must be compared in nats. Who wants TF32 says so of a run (its precision). XLA's own
// convolutions take TF32 whatever is said here; strata uses none outside of tests, which set NVIDIA_TF32_OVERRIDE=0.
func inFloat32(config string) string {
	if !strings.Contains(config, ":") {
		config += ":" // GOMLX_BACKEND=xla: no plugin is named, and go-xla takes the first it finds
	}
	if !strings.Contains(config, "tf32") {
		config += ",tf32=false"
	}
	return config
}

// explain turns an error of opening a backend into one line that says what to do.
func explain(config string, err error) error {
	if unknown := unknownBackend(""); errors.As(err, &unknown) {
		return fmt.Errorf("%s=%s: %w", Variable, config, err)
	}
	if strings.HasPrefix(config, "xla") {
		return fmt.Errorf("%s=%s does not open (%s): strata plugin installs the plugin for CPUs, environment.md has the "+
			"steps for CUDA (GOMLX_BACKEND=xla:SITE/jax_plugins/xla_cuda13/xla_cuda_plugin.so); or unset %s and strata chooses",
			Variable, config, reason(err), Variable)
	}
	return fmt.Errorf("%s=%s does not open: %s", Variable, config, reason(err))
}

// reason is what went wrong, without the stack of GoMLX's errors and, where a library was not loaded, what go-xla says
// around the loader's words.
func reason(err error) string {
	text, _, _ := strings.Cut(err.Error(), "\n")
	if _, said, ok := strings.Cut(text, "failed to dynamically load PJRT plugin from \""); ok {
		text, _, _ = strings.Cut(said, "\": \"")
	}
	return text
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
