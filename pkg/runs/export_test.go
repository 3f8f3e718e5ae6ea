package runs

import (
	"context"

	"strata/pkg/density"
)

// For tests outside of the package, which can use package runstest.

// Watch looks at a run in the middle of its training.
func (e *Engine) Watch(ctx context.Context, run *Run, network *density.Network, q Request, step int) error {
	return e.watch(ctx, run, network, q, step)
}
