// Package machine says what something was measured on, and of which commit: a number without them is nobody's.
package machine

import (
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
)

// Processor is the name of the processor, or its architecture where the system does not say.
func Processor() string {
	if name := field("/proc/cpuinfo", "model name"); name != "" {
		return name
	}
	return runtime.GOARCH
}

// Memory is all of the machine's, with its unit, "" where the system does not say.
func Memory() string { return field("/proc/meminfo", "MemTotal") }

// Load is how many processes wanted a processor in the last minute, ours among them: above the number of cores, times say little. It
// is 0 where the system does not say.
func Load() float64 {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return 0
	}
	first, _, _ := strings.Cut(string(text), " ")
	value, _ := strconv.ParseFloat(first, 64) // 0 where it is none
	return value
}

// Commit is the hash of the checkout in a folder, its first digits, 40 for all, with ", changed" behind it where a file that git knows
// is not as it was committed; "" where there is no checkout.
func Commit(folder string, digits int) string {
	commit := Output(folder, "git", "rev-parse", "--short="+strconv.Itoa(digits), "HEAD")
	if commit != "" && Output(folder, "git", "status", "--porcelain", "--untracked-files=no") != "" {
		commit += ", changed"
	}
	return commit
}

// Output is what a command says in a folder, "" where it fails.
func Output(folder string, command ...string) string {
	c := exec.Command(command[0], command[1:]...)
	c.Dir = folder
	text, err := c.Output()
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
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
