package lab

import (
	"errors"
	"fmt"
	"slices"

	"strata/pkg/backend"
	"strata/pkg/imageset"
	"strata/pkg/invert"
	"strata/pkg/objective"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/show"
	"strata/pkg/train"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/gomlx/gomlx/core/tensors"
	"github.com/janpfeifer/gonb/gonbui"
)

// Seed is the same lab with another seed for what it trains; [Open] has 1.
func (l *Lab) Seed(seed uint64) *Lab {
	other := *l
	other.seed = seed
	return &other
}

// TrainAgainst finetunes the Glow of a general set on a set with the outlier loss (Eq. 2), at the paper's T and lambda:
// images of the general set are the outliers.
func (l *Lab) TrainAgainst(set string, general *runs.Run) *runs.Run {
	return l.train(runs.Request{Set: set, Parent: general, General: general, Outliers: general.Info.Spec.Set,
		Loss: train.Eq2})
}

// Eq2 is what strata's outlier loss makes of log-likelihoods of outliers under the two models, in nats: the loss, and
// its derivative by each ln p_in, which is how hard training pulls at each image.
func Eq2(logIn, logGeneral []float64, temperature, lambda float64) (loss float64, slopes []float64) {
	loss, slopes, err := eq2(logIn, logGeneral, temperature, lambda)
	must(err)
	return loss, slopes
}

func eq2(logIn, logGeneral []float64, temperature, lambda float64) (float64, []float64, error) {
	n := len(logIn)
	if n == 0 || len(logGeneral) != n {
		return 0, nil, fmt.Errorf("%d and %d log-likelihoods: expected as many of both, and some", n, len(logGeneral))
	}
	opened, err := backend.OpenNamed(backend.Default) // float64
	if err != nil {
		return 0, nil, err
	}
	defer opened.Finalize()
	exec, err := NewExec(opened, func(in []*Node) []*Node {
		weights := MulScalar(OnesLike(in[0]), 1/float64(n))
		value := objective.Outlier(in[0], in[1], weights, temperature, lambda)
		return []*Node{value, Gradient(value, in[0])[0]}
	})
	if err != nil {
		return 0, nil, err
	}
	defer exec.Finalize()
	out, err := exec.Call(tensors.FromFlatDataAndDimensions(logIn, n), tensors.FromFlatDataAndDimensions(logGeneral, n))
	if err != nil {
		return 0, nil, err
	}
	slopes, err := tensors.CopyFlatData[float64](out[1])
	return tensors.ToScalar[float64](out[0]), slopes, err
}

// Latents are the normalised latents of a set's first scored images under a run's Glow, z[scale][image], and the
// scales' contributions to ln p that are computed on the way back from latents to pixels, c[scale][image], in nats.
func (l *Lab) Latents(run *runs.Run, set string, images int) (z [][][]float32, c [][]float64) {
	tests, err := l.engine.TestImages(set, l.size.TestImages)
	must(err)
	tests = tests.Chunk(0, min(images, tests.Len()))
	network, err := l.engine.Network(run, 2*tests.Len())
	must(err)
	defer network.Close()
	inverter, err := invert.New(network)
	must(err)
	defer inverter.Close()
	latents, _, err := inverter.Encode(l.ctx, tests.Pixels, nil)
	must(err)
	back, err := inverter.Decode(l.ctx, latents)
	must(err)
	for scale, values := range latents.Scales {
		var of [][]float32
		for i := range latents.Len() {
			of = append(of, values[i*latents.Dims[scale]:(i+1)*latents.Dims[scale]])
		}
		z = append(z, of)
	}
	return z, back.Scales
}

// Glow is the Glow of a configuration that the notebook's results rest on, with their sets in the roles in and smooth,
// where its weights are on this disk; and else one of the lab's size, trained here on sets that strata draws.
func (l *Lab) Glow(configuration string) (run *runs.Run, in, smooth string) {
	defer gonbui.Sync()
	run, in, smooth, err := l.ofResults(configuration)
	if err != nil {
		gonbui.DisplayMarkdown(fmt.Sprintf("*The Glow of the results cannot be used (%v), so one of size %s is trained "+
			"here.*", err, l.size.Name))
		in, smooth = "shapes", "digits"
		return l.Train(in, l.Train("leaves", nil)), in, smooth
	}
	gonbui.DisplayMarkdown(fmt.Sprintf("The Glow is `%s` of the results: %s, %d steps.", configuration,
		run.Info.Spec.Network(), run.Info.Spec.Train.Steps))
	return run, in, smooth
}

func (l *Lab) ofResults(configuration string) (run *runs.Run, in, smooth string, err error) {
	folder, err := show.Folder()
	if err != nil {
		return nil, "", "", err
	}
	manifest, err := result.ReadManifest(folder)
	if err != nil {
		return nil, "", "", err
	}
	trained, err := result.Read[result.Run](folder)
	if err != nil {
		return nil, "", "", err
	}
	at := slices.IndexFunc(trained, func(r result.Run) bool { return r.Configuration == configuration && r.ID != "" })
	if at < 0 {
		return nil, "", "", fmt.Errorf("they have no %s", configuration)
	}
	if run, err = runs.Open(l.engine.Runs, trained[at].ID); err != nil || !run.Info.Done {
		return nil, "", "", errors.New("its weights are not on this disk")
	}
	in, smooth = manifest.Roles["in"], manifest.Roles["smooth"]
	for _, set := range []string{in, smooth} {
		if _, err := l.engine.Set(set, imageset.Test); err != nil {
			return nil, "", "", fmt.Errorf("set %q is not here", set)
		}
	}
	return run, in, smooth, nil
}
