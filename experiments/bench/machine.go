package main

import (
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is what results were measured on, and of what.
type machine struct {
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

func describe(root string, binaries map[string]string) machine {
	m := machine{Date: time.Now().UTC().Truncate(time.Second), Cores: runtime.NumCPU(), Load: load(), Modules: map[string]string{},
		Environment: map[string]string{}}
	m.Host, _ = os.Hostname()
	m.CPU = field("/proc/cpuinfo", "model name")
	m.Memory = field("/proc/meminfo", "MemTotal")
	m.Kernel = output(root, "uname", "-sr")
	m.Commit = output(root, "git", "rev-parse", "HEAD")
	if output(root, "git", "status", "--porcelain", "--untracked-files=no") != "" {
		m.Commit += ", changed"
	}
	for line := range strings.Lines(output(root, "go", "list", "-m", "-f", "{{.Path}} {{.Version}}", "github.com/gomlx/gomlx",
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

// field is the value of the first line "name : value" of a file, or nothing.
func field(path, name string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if key, value, ok := strings.Cut(line, ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value)
		}
	}
	return ""
}

func output(folder string, command ...string) string {
	c := exec.Command(command[0], command[1:]...)
	c.Dir = folder
	text, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// load is the machine's load of the last minute.
func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	value, _ := strconv.ParseFloat(first, 64)
	return value
}
