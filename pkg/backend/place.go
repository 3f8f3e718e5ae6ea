package backend

import (
	"strata/pkg/plugin"

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

// PlaceOf describes an open backend. Precision is that of values and sums; products say theirs where it is another.
func PlaceOf(b compute.Backend) (Place, error) {
	p := Place{Backend: b.Description(), Lowering: Lowering(b).String(), Precision: "float32"}
	path, version, tf32 := loaded(b)
	if tf32 {
		p.Precision = "float32, products in tf32"
	}
	if path == "" {
		return p, nil
	}
	found := plugin.At(path)
	sum, err := found.SHA256()
	p.Plugin = &Plugin{Path: path, Package: found.Name(), PJRT: version, SHA256: sum}
	return p, err
}
