package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"strata/internal/machine"
)

// measuredOn is what results were measured on, and of what.
type measuredOn struct {
	Date    time.Time         `json:"date"`
	Host    string            `json:"host"`
	CPU     string            `json:"cpu"`
	Cores   int               `json:"cores"`
	Memory  string            `json:"memory"`
	Kernel  string            `json:"kernel"`
	Load    float64           `json:"load"`
	Commit  string            `json:"commit"`
	Go      string            `json:"go"`
	Modules map[string]string `json:"modules"`
	// Environment are variables that change how fast either side is.
	Environment map[string]string `json:"environment"`
}

// build writes the test binaries of the packages that the cases need, by package.
func build(ctx context.Context, root string, cases []benchmark) (map[string]string, error) {
	binaries := map[string]string{}
	for _, c := range cases {
		if binaries[c.pkg] != "" {
			continue
		}
		binaries[c.pkg] = filepath.Join(root, "bin", "bench", c.pkg+".test")
		command := exec.CommandContext(ctx, "go", "test", "-c", "-o", binaries[c.pkg], "./pkg/"+c.pkg)
		command.Dir = root
		if os.Getenv("GOEXPERIMENT") == "" {
			command.Env = append(os.Environ(), "GOEXPERIMENT=simd")
		}
		if output, err := command.CombinedOutput(); err != nil {
			return nil, fmt.Errorf("pkg/%s does not build: %w\n%s", c.pkg, err, output)
		}
	}
	return binaries, nil
}

func describe(root string, binaries map[string]string) measuredOn {
	m := measuredOn{Date: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), Load: machine.Load(),
		Modules: map[string]string{}, Environment: map[string]string{}}
	m.Host, _ = os.Hostname()
	m.CPU, m.Memory = machine.Processor(), machine.Memory()
	m.Kernel = machine.Output(root, "uname", "-sr")
	m.Commit = machine.Commit(root, 40)
	for line := range strings.Lines(machine.Output(root, "go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "github.com/gomlx/gomlx",
		"github.com/gomlx/compute", "github.com/gomlx/go-xla")) {
		path, version, _ := strings.Cut(strings.TrimSpace(line), " ")
		m.Modules[path] = version
	}
	// A binary says itself which Go it was built by, and with which experiments.
	for _, binary := range binaries {
		if info, err := buildinfo.ReadFile(binary); err == nil {
			m.Go = info.GoVersion
		}
	}
	for _, name := range []string{"GOMLX_BACKEND", "GOGC", "GOMEMLIMIT", "GODEBUG", "XLA_FLAGS", "MALLOC_ARENA_MAX", "LD_PRELOAD",
		"OMP_NUM_THREADS", "KMP_AFFINITY"} {
		if value, ok := os.LookupEnv(name); ok {
			m.Environment[name] = value
		}
	}
	return m
}
