package density

// Config is the architecture of a model: a struct of plain fields whose JSON names a run's record uses and whose YAML
// names experiments/sizes.yaml. Package models lists those that there are.
type Config interface {
	// Model builds the model, or says what is wrong with the configuration.
	Model() (Model, error)
	// ForImages is the same architecture for images of another shape.
	ForImages(height, width, channels int) Config
	// Cost says how long the network takes: in proportion to products, among those that a size has the seconds of under
	// the name kind.
	Cost() (kind string, products float64)
}

// Built makes an interface of what a constructor returns: a nil model of a type of its own would be one that is not
// nil.
func Built[M Model](model M, err error) (Model, error) {
	if err != nil {
		return nil, err
	}
	return model, nil
}

// Sampler is a model that draws images in a way of its own. Those of an Invertible one come from its latents (package
// invert).
type Sampler interface {
	Model
	// Sample draws images from a network of the model, NHWC pixels.
	Sample(of *Network, options SampleOptions) ([]uint8, error)
}

// SampleOptions say what to draw.
type SampleOptions struct {
	// Count is the number of images.
	Count int
	// Seed chooses them. Image i of a seed is the same whatever Count is.
	Seed uint64
	// Temperature is 1 for the model's own distribution, and below it for images that are safer; 0 means 1.
	Temperature float64
	// Progress, if not nil, is told how many of all pixels are drawn; an error from it stops the sampling.
	Progress func(done, total int) error
}
