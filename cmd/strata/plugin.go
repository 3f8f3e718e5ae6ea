package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"strata/internal/plugin"
	"strata/pkg/backend"
)

type pluginCommand struct {
	From     string `help:"Take this plugin (.so), or the one in this wheel (.whl), in the place of the pinned one." placeholder:"FILE"`
	Replace  bool   `help:"Overwrite a plugin that strata did not put there."`
	List     bool   `help:"Show what is pinned, where plugins are looked for, and what is there; change nothing."`
	Optional bool   `help:"Where no plugin can be had, say so in one line and go on: the Go backend computes."`
}

func (pluginCommand) Help() string {
	return `Examples:
  strata plugin
  strata plugin --from pjrt_c_api_cpu_plugin.so

Installs XLA's CPU plugin where go-xla looks for it, in ~/.local/lib/go-xla or the first folder of PJRT_PLUGIN_LIBRARY_PATH, checked against pinned hashes: 63 MB to download, 260 MB unpacked. The package index is pip's: PIP_INDEX_URL, PIP_PROXY, PIP_CERT and HTTPS_PROXY are heeded. From then on strata computes on XLA what is worth compiling, two to three times as fast as its Go backend, and GOMLX_BACKEND overrules. A plugin that is there is left alone, and nothing is said.

What is not installed here is named: GOMLX_BACKEND=xla:/path/of/plugin.so.`
}

func (c pluginCommand) Run(e *environment) error {
	if c.List {
		return c.list(e)
	}
	if os.Getenv(backend.NoXLA) != "" && c.From == "" {
		fmt.Fprintf(e.err, "%s is set: XLA's CPU plugin is not fetched\n", backend.NoXLA)
		return nil
	}
	_, missing := plugin.Find()
	found, err := c.install(e)
	switch {
	case err != nil && c.Optional && e.ctx.Err() == nil:
		fmt.Fprintf(e.err, "the Go backend computes, not XLA: %s\n", strings.Join(strings.Fields(err.Error()), " "))
		return nil
	case err != nil:
		return err
	case missing == nil && c.From == "" && !c.Replace:
		return nil // it was there
	}
	fmt.Fprintln(e.out, found)
	return nil
}

func (c pluginCommand) install(e *environment) (plugin.Found, error) {
	if err := backend.Excluded(); err != nil {
		return plugin.Found{}, err
	}
	return plugin.Install(e.ctx, plugin.Options{Out: e.err, From: c.From, Replace: c.Replace, Try: backend.Try})
}

func (pluginCommand) list(e *environment) error {
	if pin, ok := plugin.Pinned(); ok {
		fmt.Fprintf(e.out, "pinned for %s: %s, sha256 %s\n", plugin.Platform(), pin, pin.SHA256)
	} else {
		fmt.Fprintln(e.out, plugin.ErrNotPinned)
	}
	fmt.Fprintf(e.out, "looked for as %s in %s\n", plugin.FileName, strings.Join(plugin.Folders(), ", "))
	found, err := plugin.Find()
	if errors.Is(err, plugin.ErrNone) {
		fmt.Fprintln(e.out, "found: none")
		return nil
	}
	if err != nil {
		return err
	}
	sum, err := found.SHA256()
	fmt.Fprintf(e.out, "found: %s, sha256 %s\n", found, sum)
	return err
}
