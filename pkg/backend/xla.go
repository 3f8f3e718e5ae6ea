//go:build ((linux && (amd64 || arm64)) || (darwin && arm64)) && !noxla

package backend

import (
	"fmt"
	"os"

	"github.com/gomlx/compute"
	"github.com/gomlx/go-xla/compute/xla"
	"github.com/gomlx/go-xla/pjrt"
)

// Nothing is downloaded without being asked for: go-xla would fetch its plugins the first time it is opened. The
// variable says the same to programs that this one starts, notebook cells above all.
func init() {
	xla.EnableAutoInstall(false)
	if _, set := os.LookupEnv(xla.NoAutoInstallEnv); !set {
		os.Setenv(xla.NoAutoInstallEnv, "1")
	}
}

// loaded is the plugin of a backend that has one, with the version of PJRT that it speaks.
func loaded(b compute.Backend) (path, version string) {
	x, ok := b.(*xla.Backend)
	if !ok {
		return "", ""
	}
	p, err := pjrt.GetPlugin(x.PluginName()) // it is loaded: this finds it again
	if err != nil {
		return "", ""
	}
	major, minor := p.Version()
	return p.Path(), fmt.Sprintf("v%d.%d", major, minor)
}
