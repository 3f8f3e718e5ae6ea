package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"

	"strata/pkg/backend"
)

type versionCommand struct{}

func (versionCommand) Help() string { return "Example: GOMLX_BACKEND=xla:cuda strata version" }

func (versionCommand) Run(e *environment) error {
	revision := ""
	versions := map[string]string{}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				revision = " " + s.Value
			}
		}
		for _, m := range info.Deps {
			versions[m.Path] = m.Version
		}
	}
	fmt.Fprintf(e.out, "strata%s\n%s %s/%s, SIMD %s\n", revision, runtime.Version(), runtime.GOOS, runtime.GOARCH, simd)
	fmt.Fprintf(e.out, "gomlx %s, compute %s, go-xla %s\n", versions["github.com/gomlx/gomlx"], versions["github.com/gomlx/compute"], versions["github.com/gomlx/go-xla"])
	fmt.Fprintf(e.out, "backends built in: %s\n", strings.Join(backend.Available(), ", "))
	opened, err := backend.Open()
	if err != nil {
		return err
	}
	defer opened.Finalize()
	fmt.Fprintf(e.out, "backend chosen: %s, convolution as %s\n", opened.Description(), backend.Lowering(opened))
	return nil
}
