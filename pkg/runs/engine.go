// Package runs trains what is declared in package plan and scores images by it, each once: the engine, the store of
// runs, and the schedule of what is to be trained in which order. Everything that a run leaves lies in its folder;
// who wants numbers reads them from there (package evaluate).
package runs

import (
	"context"
	"io"

	"strata/pkg/classifier"
	"strata/pkg/density"
	"strata/pkg/imageset"
)

// Engine trains runs and scores images, each once.
type Engine struct {
	// Data is the folder of image sets, "" for the procedural ones alone; Runs is the run store.
	Data, Runs string
	// Cache is the folder of prepared sets, "" to keep all in memory; Context stops what takes long while they are made.
	Cache   string
	Context context.Context
	// Out receives progress and notes.
	Out io.Writer
	// Resume lets Train go on with a run that was cut off; without it such a run is an error that says so.
	Resume bool
	// Wait lets Train wait for a run that another process trains, and use what becomes of it; without it such a run
	// is an error.
	Wait bool

	// label stands before what is shown of a run: its place in a plan.
	label  string
	told   map[string]bool // where it computes
	sets   map[string]*imageset.Set
	warned map[string]bool
	scored map[string][]*imageset.Set // by run
	// subsets are the parts of sets that were made so far, and used which of them numbers are of.
	subsets map[string]Subset
	used    map[string]bool
	// last is the network that scored last, of the run id, kept for the next set: one of the two.
	last struct {
		id         string
		network    *density.Network
		classifier *classifier.Network
	}
	// damaged are runs, by id, whose weights could not be loaded.
	damaged map[string]error
	// expected is how many images a run will score in turn.
	expected struct {
		id     string
		images int
	}
}
