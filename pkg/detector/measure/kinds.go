package measure

import (
	"fmt"
	"slices"

	"strata/pkg/density"

	. "github.com/gomlx/gomlx/core/graph"
)

// Kind is a kind of network, by its name in strata fit --model. Both networks of a detector are of one kind and one architecture.
type Kind string

// The kinds.
const (
	Glow     Kind = "glow"
	PixelCNN Kind = "pixelcnn"
)

// traits are what the kinds differ in.
type traits struct {
	title string
	// seconds are what a training step takes on the Go backend on two cores, an image and a unit of density.Config's Cost:
	// experiments/sizes.yaml.
	seconds float64
	// outputs is what is computed of a batch, and read what of that, flat, is an image's.
	outputs func(l density.Likelihood) []*Node
	read    func(flat [][]float32, batch, image int) likelihood
	// heat is the log-ratio at each pixel of a window, Side x Side values row by row, nats.
	heat func(m *measured) []float32
}

// kinds are all that there are.
var kinds = map[Kind]traits{Glow: glowTraits, PixelCNN: pixelTraits}

// Kinds are all of them, the default first.
func Kinds() []Kind { return []Kind{Glow, PixelCNN} }

// Title is what people call it: "Glow", "PixelCNN++".
func (k Kind) Title() string { return kinds[k].title }

// Validate says whether there is such a kind.
func (k Kind) Validate() error {
	if !slices.Contains(Kinds(), k) {
		return fmt.Errorf("no model %q: choose one of %v", string(k), Kinds())
	}
	return nil
}

// KindOf is the kind of an architecture.
func KindOf(config density.Config) (Kind, error) {
	if config == nil {
		return "", fmt.Errorf("there is no network")
	}
	name, _ := config.Cost()
	return Kind(name), Kind(name).Validate()
}

// StepSeconds is about what a training step takes an image on the Go backend on two cores, to choose a backend by. A pass without
// gradients is a third of it.
func StepSeconds(config density.Config) float64 {
	name, products := config.Cost()
	return kinds[Kind(name)].seconds * products
}
