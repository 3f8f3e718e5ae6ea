package runs

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"strata/internal/plugin"
	"strata/pkg/backend"
	"strata/pkg/backend/backendtest"
	"strata/pkg/checkpoint"
	"strata/pkg/glow"
	"strata/pkg/models"
	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/train"

	"github.com/stretchr/testify/require"
)

// WithPlugin makes a file that looks like a plugin the one that is found; choosing does not open it.
func WithPlugin(t *testing.T) {
	t.Helper()
	folder := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(folder, plugin.FileName), nil, 0o755))
	t.Setenv(plugin.PathVariable, folder)
	t.Setenv(backend.Variable, "")
	t.Setenv(backend.NoXLA, "")
}

// Scoring some images of a small network is quick on the Go backend; many of a large one are not.
func TestWhereImagesAreScored(t *testing.T) {
	WithPlugin(t)
	glowOf := func(k, hidden int) Spec {
		config := glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: k, Hidden: hidden}
		return Spec{Model: models.Spec{Config: config}}
	}
	on := func(s Spec, images int) string { return backend.Choose(scoringWork(s, images)).Kind() }
	require.Equal(t, "go", on(glowOf(4, 64), 1000))
	require.Equal(t, "go", on(glowOf(32, 512), 64))
	require.Equal(t, "xla", on(glowOf(32, 512), 10000))
	require.Equal(t, "xla", on(glowOf(24, 512), 10000), "not declared, and nearly as large")
	require.Equal(t, "go", on(glowOf(2, 16), 10000), "not declared, and small")

	// Runs whose networks are compiled once are worth it together.
	runOf := func(s Spec) *Run { return &Run{Info: Info{Spec: s}} }
	few := runOf(glowOf(4, 64))
	withClasses := glow.ClassConditionalConfig{Glow: few.Info.Spec.Model.Config.(glow.Config), Classes: 5}
	conditional := runOf(Spec{Model: models.Spec{Config: withClasses}})
	var e Engine
	e.Expect(map[*Run]int{few: 1000, runOf(glowOf(4, 64)): 19000, conditional: 3000})
	require.Equal(t, "xla", backend.Choose(e.scoringWork(few, 1000)).Kind())
	require.Equal(t, scoringWork(few.Info.Spec, 20000), e.scoringWork(few, 1000))
	require.Equal(t, scoringWork(conditional.Info.Spec, 3000), e.scoringWork(conditional, 1000), "another program")
	require.Equal(t, scoringWork(few.Info.Spec, 30000), e.scoringWork(few, 30000), "more than was expected")

	// Every model has seconds, as declared.
	demo, err := plan.LoadSize("demo")
	require.NoError(t, err)
	for name, config := range demo.Networks {
		batch, _ := demo.BudgetOf(name, false)
		s := Spec{Model: models.Spec{Config: config}}
		require.InDelta(t, demo.Seconds[name]/float64(batch), imageSeconds(s), 1e-9, name)
	}
	require.Positive(t, imageSeconds(Spec{Classifier: &demo.Classifier}))
	require.Equal(t, imageSeconds(glowOf(4, 64)), imageSeconds(conditional.Info.Spec), "its classes cost nothing beside it")
}

// expiring is a context that is over when it has been asked some times.
type expiring struct {
	context.Context
	left atomic.Int32
}

func (c *expiring) Err() error {
	if c.left.Add(-1) < 0 {
		return context.Canceled
	}
	return nil
}

// A run that is stopped on one backend and resumed on another goes on, says so, and its record has both.
func TestResumedElsewhere(t *testing.T) {
	xla, err := backend.PlaceOf(backendtest.XLA(t)) // or why not
	require.NoError(t, err)
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	var out bytes.Buffer
	engine := &Engine{Sets: opened.Sets{Cache: testCache, Out: &out}, Runs: t.TempDir(), Resume: true}
	request := Request{Set: "textures", Size: size, Seed: 1, Steps: 6}
	spec, err := engine.Spec(request)
	require.NoError(t, err)
	stored := func() Info {
		info, err := readInfo(filepath.Join(engine.Runs, spec.ID()))
		require.NoError(t, err)
		return info
	}

	t.Setenv(backend.Variable, "")
	for range 2 { // the second goes on where the first was: nothing to tell
		soon := &expiring{Context: t.Context()}
		soon.left.Store(2)
		_, err = engine.Train(soon, request)
		require.ErrorIs(t, err, train.ErrStopped)
		require.Empty(t, stored().Earlier)
		require.NotContains(t, out.String(), "were computed on")
	}
	require.Contains(t, out.String(), "computing on the Go backend: about 1s of work")
	require.Equal(t, 1, strings.Count(out.String(), "computing on"))
	require.Equal(t, "go", stored().Place.Kind())
	require.Equal(t, "float32", stored().Precision)
	require.Equal(t, "products", stored().Lowering)
	require.Nil(t, stored().Plugin)

	saved, err := checkpoint.Steps(filepath.Join(engine.Runs, spec.ID(), "checkpoints"))
	require.NoError(t, err)
	last := saved[len(saved)-1]
	require.Less(t, last, 6)
	t.Setenv(backend.Variable, "xla:"+xla.Plugin.Path)
	run, err := engine.Train(t.Context(), request)
	require.NoError(t, err)
	require.True(t, run.Info.Done)
	require.Contains(t, out.String(), fmt.Sprintf("its first %d steps were computed on Go", last))
	info := stored()
	require.Equal(t, xla.Plugin.SHA256, info.Plugin.SHA256)
	require.Len(t, info.Earlier, 1)
	require.Equal(t, last, info.Earlier[0].Until)
	require.Equal(t, "go", info.Earlier[0].Kind())
	require.Regexp(t, fmt.Sprintf(`^Go .* until step %d, then xla .* \(v`, last), info.Where())
}

// A record of before there were plugins in it is read, and is no other place for what it does not say.
func TestOldRecord(t *testing.T) {
	folder := t.TempDir()
	old := `{"id": "x", "backend": "Go Portable Compute Backend (parallelism=-1)", "lowering": "products", "toolchain": "go1.26"}`
	require.NoError(t, os.WriteFile(filepath.Join(folder, "run.json"), []byte(old), 0o644))
	info, err := readInfo(folder)
	require.NoError(t, err)
	require.Equal(t, "Go Portable Compute Backend (parallelism=-1)", info.Where())
	now, err := backend.PlaceOf(backendtest.Go(t))
	require.NoError(t, err)
	require.True(t, now.Same(info.Place))
	now.Precision = "bfloat16"
	require.True(t, now.Same(info.Place))
	info.Precision = "float32"
	require.False(t, now.Same(info.Place))
}
