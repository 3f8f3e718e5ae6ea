package show

import (
	_ "embed" // pages

	"github.com/janpfeifer/gonb/gonbui"
)

// Mixture shows a mixture of three Gaussians on a line, one a class, with a slider for how far apart the classes are:
// what a class-conditional density is, in one dimension.
func Mixture() {
	defer gonbui.Sync()
	gonbui.DisplayHTML(fill(mixturePage, map[string]string{"ID": gonbui.UniqueId()}))
}

//go:embed pages/mixture.html
var mixturePage string
