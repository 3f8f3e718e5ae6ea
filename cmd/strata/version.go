package main

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"

	"strata/internal/plugin"
	"strata/pkg/backend"
	"strata/pkg/plan"
	"strata/pkg/runs"
)

type versionCommand struct{}

func (versionCommand) Help() string {
	return "Example: strata version\n\nWith GOMLX_BACKEND set it opens what that names."
}

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
	fmt.Fprintf(e.out, "gomlx %s, compute %s, go-xla %s\n", versions["github.com/gomlx/gomlx"], versions["github.com/gomlx/compute"],
		versions["github.com/gomlx/go-xla"])
	fmt.Fprintf(e.out, "backends built in: %s\n", strings.Join(backend.Available(), ", "))
	if found, err := plugin.Find(); err == nil {
		fmt.Fprintf(e.out, "XLA's CPU plugin: %s\n", found)
	} else {
		fmt.Fprintf(e.out, "%v: strata plugin brings it\n", err)
	}
	opened, choice, err := backend.For(backend.Big)
	if err != nil {
		return err
	}
	why := ""
	switch {
	case choice.Named:
		why = ", for " + backend.Variable + " names it"
	case choice.Missed != nil && !errors.Is(choice.Missed, plugin.ErrNone):
		why = fmt.Sprintf(", for %v", choice.Missed)
	}
	fmt.Fprintf(e.out, "computes large work on: %s, convolution as %s%s\n", opened.Description(), backend.Lowering(opened), why)
	if choice.Named {
		return nil
	}
	fmt.Fprintln(e.out, "a run of each size, by model:")
	for _, name := range plan.SizeNames() {
		size, err := plan.LoadSize(name)
		if err != nil {
			return err
		}
		fmt.Fprintf(e.out, "  %-6s %s\n", name, byBackend(runs.Choices(size), choice))
	}
	return nil
}

// byBackend lists the models of a size by where they are computed: those that are worth XLA where that opens, which is where big is.
func byBackend(choices map[string]backend.Choice, big backend.Choice) string {
	models := map[string][]string{}
	for _, model := range slices.Sorted(maps.Keys(choices)) {
		kind := choices[model].Kind()
		if big.Missed != nil {
			kind = big.Kind()
		}
		models[kind] = append(models[kind], model)
	}
	var parts []string
	for _, kind := range slices.Sorted(maps.Keys(models)) {
		if len(models) == 1 {
			return kind
		}
		parts = append(parts, kind+": "+strings.Join(models[kind], ", "))
	}
	return strings.Join(parts, "; ")
}
