package main

import (
	"os"
	"runtime"
	"strings"
	"time"

	"strata/internal/machine"
)

// measuredOn is where and of what something was measured.
type measuredOn struct {
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

func describe() measuredOn {
	m := measuredOn{Date: time.Now().UTC().Truncate(time.Second), CPU: machine.Processor(), Cores: runtime.NumCPU(), Load: machine.Load(),
		Go: runtime.Version(), Commit: machine.Commit(".", 12), Seed: seed}
	if name, _, ok := strings.Cut(os.Getenv("GOMLX_BACKEND"), ":"); ok || name != "" {
		m.Backend = name // a plugin's path is of this machine alone
	}
	return m
}
