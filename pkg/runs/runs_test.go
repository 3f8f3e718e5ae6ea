package runs

import (
	"io"
	"testing"

	"strata/pkg/plan"

	"github.com/stretchr/testify/require"
)

// Whatever changes a result changes the run's address; how it is carried out does not.
func TestSpecIDs(t *testing.T) {
	engine := &Engine{Cache: testCache, Runs: t.TempDir(), Out: io.Discard}
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	id := func(change func(*Request)) string {
		q := Request{Set: "shapes", Size: size, Seed: 1}
		if change != nil {
			change(&q)
		}
		spec, err := engine.Spec(q)
		require.NoError(t, err)
		return spec.ID()
	}
	same := id(nil)
	require.Equal(t, same, id(nil))
	require.Equal(t, same, id(func(q *Request) { q.Size.CheckpointEvery = 99 }))
	flip := false
	for name, change := range map[string]func(*Request){
		"seed": func(q *Request) { q.Seed = 2 }, "steps": func(q *Request) { q.Steps = 5 }, "rate": func(q *Request) { q.Rate = 1 },
		"set": func(q *Request) { q.Set = "leaves" }, "flip": func(q *Request) { q.Flip = &flip }, "images": func(q *Request) { q.Size.TrainImages = 100 },
		"parent": func(q *Request) {
			spec, err := engine.Spec(Request{Set: "leaves", Size: size, Seed: 1})
			require.NoError(t, err)
			q.Parent = &Run{Info: Info{ID: spec.ID(), Spec: spec}}
		},
	} {
		require.NotEqual(t, same, id(change), name)
	}
}
