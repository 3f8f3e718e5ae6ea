package notebook

import (
	"bytes"
	"context"
	"debug/buildinfo"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
)

// programs are what the tools module builds, by the module each is of.
var programs = []struct{ name, module string }{
	{"gonb", "github.com/janpfeifer/gonb"},
	{"goimports", "golang.org/x/tools"},
}

// EnsureTools returns the path of the gonb program in ROOT/bin/tools, with
// goimports beside it. If one is missing or of another version than
// ROOT/tools/go.mod asks for, both are built first, about 40 s with cold
// caches, which is said on standard error. Building needs the modules of
// tools/go.sum from the module cache or the network.
func EnsureTools(ctx context.Context, root string) (gonb string, err error) {
	root, err = filepath.Abs(root)
	if err != nil {
		return "", err
	}
	bin := filepath.Join(root, "bin", "tools")
	gonb = filepath.Join(bin, "gonb")
	missing, err := outdated(root, bin)
	if err != nil || missing == "" {
		return gonb, err
	}
	if err := os.MkdirAll(bin, 0o755); err != nil {
		return "", fmt.Errorf("notebook tools: %w", err)
	}
	// Test binaries run at the same time; one builds, the others wait.
	lock, err := os.OpenFile(filepath.Join(bin, ".lock"), os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return "", fmt.Errorf("notebook tools: %w", err)
	}
	defer lock.Close() // unlocks
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return "", fmt.Errorf("notebook tools: %s: %w", lock.Name(), err)
	}
	if missing, err = outdated(root, bin); err != nil || missing == "" {
		return gonb, err
	}
	fmt.Fprintf(os.Stderr, "notebook tools: %s; building gonb and goimports into %s\n", missing, bin)
	cmd := exec.CommandContext(ctx, "go", "-C", filepath.Join(root, "tools"), "install", "tool")
	cmd.Env = append(os.Environ(), "GOBIN="+bin, "GOWORK=off")
	var output bytes.Buffer
	cmd.Stdout, cmd.Stderr = &output, &output
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return "", fmt.Errorf("notebook tools: `%s` failed (%w): see environment.md for what it needs\n%s",
			strings.Join(cmd.Args, " "), err, tail(output.String()))
	}
	if missing, err = outdated(root, bin); err == nil && missing != "" {
		err = fmt.Errorf("notebook tools: after building, %s", missing)
	}
	return gonb, err
}

// outdated says which program in bin is not what tools/go.mod asks for, or "".
// The versions are read from the programs themselves (as `go version -m` does):
// what `gonb --version` prints is not true.
func outdated(root, bin string) (string, error) {
	mod, err := os.ReadFile(filepath.Join(root, "tools", "go.mod"))
	if err != nil {
		return "", fmt.Errorf("notebook tools: %w", err)
	}
	for _, p := range programs {
		want := required(string(mod), p.module)
		if want == "" {
			return "", fmt.Errorf("notebook tools: %s does not require %s", filepath.Join(root, "tools", "go.mod"), p.module)
		}
		info, err := buildinfo.ReadFile(filepath.Join(bin, p.name))
		if err != nil {
			return p.name + " is missing", nil
		}
		if info.Main.Version != want {
			return fmt.Sprintf("%s is %s, not %s", p.name, info.Main.Version, want), nil
		}
	}
	return "", nil
}

// required returns the version of module in the text of a go.mod.
func required(mod, module string) string {
	for line := range strings.Lines(mod) {
		fields := strings.Fields(strings.TrimPrefix(strings.TrimSpace(line), "require "))
		if len(fields) >= 2 && fields[0] == module {
			return fields[1]
		}
	}
	return ""
}
