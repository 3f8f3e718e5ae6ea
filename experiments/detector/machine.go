package main

import (
	"bufio"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"time"
)

// machine is where and of what something was measured.
type machine struct {
	Date  time.Time `json:"date"`
	CPU   string    `json:"cpu"`
	Cores int       `json:"cores"`
	// Load is what waited for processors, ours too, in the minute before the result was written: above Cores the times say little.
	Load    float64 `json:"load"`
	Commit  string  `json:"commit"`
	Go      string  `json:"go"`
	Backend string  `json:"backend"` // GOMLX_BACKEND, "" where strata chose
	Seed    uint64  `json:"seed"`
}

func describe() machine {
	m := machine{Date: time.Now().UTC().Truncate(time.Second), CPU: processor(), Cores: runtime.NumCPU(), Load: load(),
		Go:     runtime.Version(),
		Commit: git("rev-parse", "--short=12", "HEAD"), Seed: seed}
	if name, _, ok := strings.Cut(os.Getenv("GOMLX_BACKEND"), ":"); ok || name != "" {
		m.Backend = name // a plugin's path is of this machine alone
	}
	if git("status", "--porcelain", "--untracked-files=no") != "" {
		m.Commit += ", changed"
	}
	return m
}

func git(args ...string) string {
	text, err := exec.Command("git", args...).Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

func processor() string {
	file, err := os.Open("/proc/cpuinfo")
	if err != nil {
		return runtime.GOARCH
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		if name, value, ok := strings.Cut(lines.Text(), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return runtime.GOARCH
}

func load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	value, err := strconv.ParseFloat(first, 64)
	if err != nil {
		return 0
	}
	return value
}
