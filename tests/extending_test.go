package tests

import (
	"context"
	"fmt"
	"image"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"strata/pkg/claim"
	"strata/pkg/density"
	"strata/pkg/evaluate"
	"strata/pkg/flow"
	"strata/pkg/flow/flowtest"
	"strata/pkg/folders"
	"strata/pkg/imageset"
	"strata/pkg/metric"
	"strata/pkg/models"
	"strata/pkg/nn"
	"strata/pkg/opened"
	"strata/pkg/optimiser"
	"strata/pkg/plan"
	"strata/pkg/result"
	"strata/pkg/runs"
	"strata/pkg/score"

	"github.com/goccy/go-yaml"
	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
)

// What docs/extending.md says is done here with a toy of each, and the page's code is this file's (TestExtendingPage).
// A figure has its toy in pkg/figure/extending_test.go.

// Shear adds a bent copy of the first channel to each of the others.
type Shear struct {
	Name     string
	Channels int
}

func (s Shear) Params() []nn.Param {
	return []nn.Param{{Name: s.Name + "/by", Shape: []int{s.Channels - 1}}}
}

func (s Shear) Forward(w *nn.Weights, x *Node) (y, logDet *Node) { return s.move(w, x, Add) }

func (s Shear) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) { return s.move(w, y, Sub) }

func (s Shear) move(w *nn.Weights, x *Node, move func(a, b *Node) *Node) (y, logDet *Node) {
	first, others := nn.Channels(x, 0, 1), nn.Channels(x, 1, s.Channels)
	by := Mul(nn.PerChannel(w.Get(s.Name+"/by"), others), BroadcastToShape(Tanh(first), others.Shape()))
	volume := nn.SumPerImage(ZerosLike(first)) // it does not change: ln 1 for each image
	return Concatenate([]*Node{first, move(others, by)}, 0), volume
}

func TestNewLayer(t *testing.T) {
	flowtest.CheckLayer(t, Shear{Name: "shear", Channels: 3}, 3, 2, 2)
	flowtest.CheckLayer(t, flow.Chain{flow.ActNorm{Name: "norm", Channels: 3}, Shear{Name: "shear", Channels: 3}}, 3, 2, 2)
}

// ToyConfig is the configuration of a flow of K norms and shears.
type ToyConfig struct {
	Height   int `json:"height" yaml:"height"`
	Width    int `json:"width" yaml:"width"`
	Channels int `json:"channels" yaml:"channels"`
	K        int `json:"k" yaml:"k"`
}

func (c ToyConfig) Model() (density.Model, error) {
	if c.K < 1 {
		return nil, fmt.Errorf("toy: k %d must be at least 1", c.K)
	}
	m := Toy{config: c}
	for k := range c.K {
		m.layers = append(m.layers, flow.ActNorm{Name: fmt.Sprintf("norm%d", k+1), Channels: c.Channels},
			Shear{Name: fmt.Sprintf("shear%d", k+1), Channels: c.Channels})
	}
	return m, nil
}

func (c ToyConfig) ForImages(height, width, channels int) density.Config {
	c.Height, c.Width, c.Channels = height, width, channels
	return c
}

func (c ToyConfig) Cost() (kind string, products float64) { return "toy", float64(c.K) }

// Toy is the model. It holds no weights.
type Toy struct {
	config ToyConfig
	layers flow.Chain
}

func (m Toy) Kind() string                    { return "toy" }
func (m Toy) String() string                  { return fmt.Sprintf("toy K%d", m.config.K) }
func (m Toy) Shape() (h, w, c int)            { return m.config.Height, m.config.Width, m.config.Channels }
func (m Toy) Scales() int                     { return 0 }
func (m Toy) Params() []nn.Param              { return m.layers.Params() }
func (m Toy) CalibrationImages() int          { return 16 }
func (m Toy) Input(pixels, noise *Node) *Node { return density.FromPixels(pixels, noise) }

func (m Toy) LogLikelihood(w *nn.Weights, x *Node) density.Likelihood {
	z, logDet := m.layers.Forward(w, x)
	normal := AddScalar(MulScalar(Mul(z, z), -0.5), -0.5*math.Log(2*math.Pi))
	return density.Likelihood{Total: Add(nn.SumPerImage(normal), logDet)}
}

var toyKind = models.Kind{Name: "toy", Record: "toy", Config: ToyConfig{},
	Optimiser:    func(int) optimiser.Config { return optimiser.PaperAdamax() },
	Augmentation: imageset.PaperAugmentation}

const toyNetwork = `
toy: {k: 2}
`

var perByte = score.Derived{Name: "per_byte", Of: func(own, _ score.Columns) ([]float64, error) {
	values, err := own(score.LogLikelihood)
	if err != nil {
		return nil, err
	}
	bytes, err := own(score.PNGColumn)
	if err != nil {
		return nil, err
	}
	perByte := make([]float64, len(values))
	for i := range values {
		perByte[i] = values[i] / bytes[i]
	}
	return perByte, nil
}}

// register lists the toys where strata's own entries are listed in the source.
var register = sync.OnceFunc(func() {
	models.Register(toyKind)
	score.Register(perByte)
})

const toyClaim = `
- id: X1
  title: Toys of dark images take bright ones for outliers
  where: nowhere
  claim: a toy of dark images takes bright ones for outliers, whatever their PNGs weigh
  paper: "> 60"
  if: AUROC of the ratio above 60, of ln p a byte above 50
  measured: AUROC of the ratio of two toys, %
  shows: auroc(ratio(toy_dark, toy_bright), in, out)
  holds:
    - auroc(ratio(toy_dark, toy_bright), in, out) > 60
    - auroc(per_byte(toy_dark), in, out) > 50
`

// toys is an engine on two sets, folders of pictures, and a size that has a network of the toy.
func toys(t *testing.T) (*runs.Engine, plan.Size) {
	t.Helper()
	register()
	data := t.TempDir()
	writePictures(t, filepath.Join(data, "dark"), 20)
	writePictures(t, filepath.Join(data, "bright"), 200)
	size, err := plan.LoadSize("smoke")
	require.NoError(t, err)
	var networks plan.Networks
	require.NoError(t, yaml.Unmarshal([]byte(toyNetwork), &networks))
	size.Networks["toy"] = networks["toy"]
	return &runs.Engine{Sets: opened.Sets{Data: data, Out: io.Discard}, Runs: t.TempDir()}, size
}

// writePictures draws 40 pictures around a grey level.
func writePictures(t *testing.T, folder string, level int) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(level), 1))
	require.NoError(t, os.Mkdir(folder, 0o755))
	for i := range 40 {
		picture := image.NewNRGBA(image.Rect(0, 0, 32, 32))
		for at := range picture.Pix {
			picture.Pix[at] = uint8(level + rng.IntN(20))
			if at%4 == 3 {
				picture.Pix[at] = 255 // opaque
			}
		}
		require.NoError(t, imageset.WritePNG(filepath.Join(folder, fmt.Sprintf("%02d.png", i)), picture))
	}
}

// A folder of pictures is a set: it is listed, opened, trained on and scored.
func TestNewImageSet(t *testing.T) {
	engine, size := toys(t)
	infos, err := engine.Library().List()
	require.NoError(t, err)
	dark := slices.IndexFunc(infos, func(info imageset.Info) bool { return info.Name == "dark" })
	require.GreaterOrEqual(t, dark, 0)
	require.NoError(t, infos[dark].Problem)
	test, err := engine.Set("dark", imageset.Test)
	require.NoError(t, err)
	require.Equal(t, []int{32, 32, 3}, []int{test.Height, test.Width, test.Channels})
	require.Equal(t, 8, test.Len(), "every fifth is a test image")
	require.False(t, test.Drawn(), "somebody's pictures stay out of version control")

	run, err := engine.Train(t.Context(), runs.Request{Set: "dark", Size: size, Seed: 1, Steps: 2})
	require.NoError(t, err)
	scores, err := evaluate.ScoreSets(t.Context(), engine, run, nil, []string{"dark", "bright"}, 0, density.Noise{})
	require.NoError(t, err)
	require.Len(t, scores.Rows, 16)
}

// A model that is listed has a record, is trained by its name, and scores.
func TestNewModel(t *testing.T) {
	engine, size := toys(t)
	run, scores := trainedToy(t, engine, size, "dark", "bright")
	require.Regexp(t, `^toy-dark-k2-s8-[0-9a-f]{12}$`, run.Info.ID)
	again, err := runs.Open(engine.Runs, "toy-dark")
	require.NoError(t, err)
	require.Equal(t, ToyConfig{Height: 32, Width: 32, Channels: 3, K: 2}, again.Info.Spec.Model.Config)
	require.Equal(t, "toy K2", again.Info.Spec.Network())
	require.Equal(t, 1.0, area(t, scores, score.LogLikelihood))
	require.Contains(t, runs.Choices(size), "toy")
}

// trainedToy is a toy of one set, and its score file of this set, in, and another, out.
func trainedToy(t *testing.T, engine *runs.Engine, size plan.Size, in, out string) (*runs.Run, *result.Scores) {
	t.Helper()
	run, err := engine.Train(t.Context(), runs.Request{Set: in, Model: "toy", Size: size, Seed: 1, Steps: 8})
	require.NoError(t, err)
	scores, err := evaluate.ScoreSets(t.Context(), engine, run, nil, []string{in, out}, 0, density.Noise{})
	require.NoError(t, err)
	path := filepath.Join(t.TempDir(), "scores.csv")
	require.NoError(t, scores.Write(path))
	scores, err = result.ReadScores(path)
	require.NoError(t, err)
	return run, scores
}

func area(t *testing.T, scores *result.Scores, column string) float64 {
	t.Helper()
	of := func(role string) []float64 {
		values, err := scores.Column(column, func(row result.ScoreRow) bool { return row.Role == role })
		require.NoError(t, err)
		return values
	}
	auroc, err := metric.AUROC(of("in"), of("out"))
	require.NoError(t, err)
	return auroc.Value
}

// A score that is listed is a column of strata score's files.
func TestNewScore(t *testing.T) {
	engine, size := toys(t)
	_, scores := trainedToy(t, engine, size, "dark", "bright")
	require.Contains(t, scores.Columns, "per_byte")
	require.Greater(t, area(t, scores, "per_byte"), 0.5)
}

// A claim is judged from its text, over the new score too.
func TestNewClaim(t *testing.T) {
	engine, size := toys(t)
	_, dark := trainedToy(t, engine, size, "dark", "bright")
	general, err := engine.Train(t.Context(), runs.Request{Set: "bright", Model: "toy", Size: size, Seed: 1, Steps: 8})
	require.NoError(t, err)
	bright, err := evaluate.ScoreSets(t.Context(), engine, general, nil, []string{"dark", "bright"}, 0, density.Noise{})
	require.NoError(t, err)

	claims, err := claim.Parse([]byte(toyClaim))
	require.NoError(t, err)
	judge, err := claim.NewJudge(scoreFiles{"toy-dark": dark, "toy-bright": bright}, []uint64{1})
	require.NoError(t, err)
	judged, err := judge.Judge(t.Context(), claims[0])
	require.NoError(t, err)
	require.Equal(t, result.Holds, judged.Verdict, judged.Note)
	require.Len(t, judged.Conditions, 2)
	require.Equal(t, []string{"toy-dark", "toy-bright"}, judged.Configurations)
}

// scoreFiles serve claims from score files by the names of configurations.
type scoreFiles map[string]*result.Scores

func (files scoreFiles) Values(_ context.Context, of score.Column) (population string, values []float64, err error) {
	for configuration, table := range files {
		if of.Configuration == configuration || of.Configuration == "" { // what is of the images stands in all of them
			values, err = table.Column(of.Name, func(row result.ScoreRow) bool { return row.Role == of.Role })
			return of.Role, values, err
		}
	}
	return "", nil, plan.Absent("%s is not trained", of.Configuration)
}

func (scoreFiles) Has(string) bool { return true }
func (scoreFiles) Steps(string, uint64) (int, error) {
	return 8, nil
}
func (scoreFiles) LastScale() int { return 0 }
func (scoreFiles) BitsPerDim(string, float64) (float64, error) {
	return 0, plan.Absent("no toy is asked for it")
}
func (scoreFiles) Describe(_, _ []string) (sets, networks, steps string) {
	return "", "", ""
}

// The page's code is the tests': every line of a block of Go or YAML stands in one of them, in the block's order.
func TestExtendingPage(t *testing.T) {
	root, err := folders.Root()
	require.NoError(t, err)
	read := func(path string) string {
		text, err := os.ReadFile(filepath.Join(root, path))
		require.NoError(t, err)
		return string(text)
	}
	var sources [][]string
	for _, path := range []string{"tests/extending_test.go", "pkg/figure/extending_test.go"} {
		sources = append(sources, trimmed(read(path)))
	}
	page := read("docs/extending.md")
	require.LessOrEqual(t, strings.Count(page, "\n"), 155, "it is one page")
	blocks := 0
	for i, block := range strings.Split(page, "```") {
		language, code, _ := strings.Cut(block, "\n")
		if i%2 == 0 || language != "go" && language != "yaml" {
			continue
		}
		blocks++
		found := false
		for _, source := range sources {
			found = found || inOrder(trimmed(code), source)
		}
		require.True(t, found, "the tests of docs/extending.md have not, in this order:\n%s", code)
	}
	require.Equal(t, 6, blocks, "an example of each, two of a model, and none of a set, which needs no code")
}

// trimmed are the lines of a text without indentation, without empty ones and what "// ..." says is left out.
func trimmed(text string) []string {
	var lines []string
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "// ...")
		if line = strings.TrimSpace(line); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// inOrder says whether all lines stand in a source, in their order.
func inOrder(lines, source []string) bool {
	for _, line := range source {
		if len(lines) > 0 && line == lines[0] {
			lines = lines[1:]
		}
	}
	return len(lines) == 0
}
