// Package runs trains what is declared in package plan and scores images by it, each once: the engine, the store of
// runs, and the schedule of what is to be trained in which order. Everything that a run leaves lies in its folder;
// who wants numbers reads them from there (package evaluate).
package runs

import (
	"strata/pkg/classifier"
	"strata/pkg/density"
	"strata/pkg/imageset"
	"strata/pkg/opened"
)

// Engine trains runs and scores images, each once.
type Engine struct {
	// Sets are what is trained on and scored; Sets.Out receives progress and notes of runs too.
	opened.Sets
	// Runs is the run store.
	Runs string
	// Resume lets Train go on with a run that was cut off; without it such a run is an error that says so.
	Resume bool
	// Wait lets Train wait for a run that another process trains, and use what becomes of it; without it such a run
	// is an error.
	Wait bool

	// label stands before what is shown of a run: its place in a plan.
	label  string
	told   map[string]bool            // where it computes
	scored map[string][]*imageset.Set // by run
	// last is the network that scored last, of the run id, kept for the next set: one of the two.
	last struct {
		id         string
		network    *density.Network
		classifier *classifier.Network
	}
	// damaged are runs, by id, whose weights could not be loaded.
	damaged map[string]error
	// expected is how many images runs will score in turn, by the architecture of their networks.
	expected map[string]int
}
