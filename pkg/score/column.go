package score

// Column names one number an image: what a run's score file has, or what is known of images without a model. Evaluation
// serves it, claims and tables ask for it.
type Column struct {
	// Configuration and Seed name the run (experiments/configurations.yaml); "" for what needs none.
	Configuration string
	Seed          uint64
	// Role is whose test images they are, or what strata made of test images: "fourier", "mixed", "climbed".
	Role string
	// Name is a column of a score file, log_likelihood, c1, c2, ... or log_odds; or what is known of the images themselves: png_bytes,
	// variance, a baseline by name, pseudo_ROLE.
	Name string
	// Noise asks for likelihoods with one noise sample instead of the middle of the bins, as for bits/dim (Table S1).
	Noise bool
	// At, if above 0, is the share of its steps at which a run is looked at, on the images of the learning curves. Of,
	// if not "", are the runs that it is about: the others are taken as they are in the end, on the same images.
	At float64
	Of Kind
}

// Kind is how a run began.
type Kind string

// The kinds of runs.
const (
	FromScratch Kind = "from scratch"
	Finetuned   Kind = "finetuned"
)
