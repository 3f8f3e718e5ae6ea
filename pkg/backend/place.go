package backend

import (
	"cmp"
	"fmt"
	"path/filepath"
	"strings"

	"strata/internal/plugin"
	"strata/pkg/nn"

	"github.com/gomlx/compute"
)

// Place says where numbers were computed, for their record.
type Place struct {
	Backend   string  `json:"backend"`
	Lowering  string  `json:"lowering"`
	Precision string  `json:"precision"`
	Plugin    *Plugin `json:"plugin,omitempty"`
}

// Plugin is a PJRT plugin that a backend loaded.
type Plugin struct {
	Path    string `json:"path"`
	Package string `json:"package,omitempty"` // with its version, where strata installed it
	PJRT    string `json:"pjrt"`              // the version of its interface
	SHA256  string `json:"sha256"`
}

// PlaceOf describes an open backend, for work in float32; In says it of another precision.
func PlaceOf(b compute.Backend) (Place, error) {
	p := Place{Backend: b.Description(), Lowering: Lowering(b).String(), Precision: "float32"}
	path, version := loaded(b)
	if path == "" {
		return p, nil
	}
	found := plugin.At(path)
	sum, err := found.SHA256()
	p.Plugin = &Plugin{Path: path, Package: found.Name(), PJRT: version, SHA256: sum}
	return p, err
}

// In is the place of work whose networks compute in a precision: "" is the backend's own.
func (p Place) In(precision string) (Place, error) {
	if precision == "" {
		return p, nil
	}
	lowering, err := nn.Lowering{}.WithPrecision(precision)
	if err == nil && lowering.Precision() != "float32" {
		p.Precision, p.Lowering = precision, p.Lowering+", "+precision
	}
	return p, err
}

// Describe names the backend in a few words.
func (p Place) Describe() string {
	if p.Plugin == nil {
		return cmp.Or(p.Backend, "a backend that was not recorded")
	}
	return fmt.Sprintf("%s %s (%s)", p.Kind(), cmp.Or(p.Plugin.Package, filepath.Base(p.Plugin.Path)), p.Plugin.PJRT)
}

// Kind is what GOMLX_BACKEND calls such a backend before any colon: "go" or "xla".
func (p Place) Kind() string {
	if strings.HasPrefix(p.Backend, "xla") {
		return "xla"
	}
	return "go"
}

// Same says whether two places compute alike: by the same plugin or the Go backend, in one precision. What a record of
// before there were plugins in it does not say is not held against it.
func (p Place) Same(q Place) bool {
	alike := func(a, b string) bool { return a == b || a == "" || b == "" }
	if p.Kind() != q.Kind() || !alike(p.Precision, q.Precision) || !alike(p.Lowering, q.Lowering) {
		return false
	}
	return p.Plugin == nil || q.Plugin == nil || p.Plugin.SHA256 == q.Plugin.SHA256
}
