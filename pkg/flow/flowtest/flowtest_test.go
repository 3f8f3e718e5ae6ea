package flowtest

import (
	"testing"

	"strata/pkg/backend/backendtest"
	"strata/pkg/flow"
	"strata/pkg/nn"

	. "github.com/gomlx/gomlx/core/graph"
	"github.com/stretchr/testify/require"
)

// scaling is y = exp(s) x with one s a channel: a correct layer, and the base of the broken ones.
type scaling struct {
	breakForward func(x, y, logDet *Node) (*Node, *Node)
	breakInverse func(y, x, logDet *Node) (*Node, *Node)
}

func (scaling) Params() []nn.Param { return []nn.Param{{Name: "s", Shape: []int{2}}} }

func (l scaling) Forward(w *nn.Weights, x *Node) (y, logDet *Node) {
	y, logDet = flow.ActNorm{Name: "n", Channels: 2}.Forward(l.norm(w), x)
	if l.breakForward != nil {
		return l.breakForward(x, y, logDet)
	}
	return y, logDet
}

func (l scaling) Inverse(w *nn.Weights, y *Node) (x, logDet *Node) {
	x, logDet = flow.ActNorm{Name: "n", Channels: 2}.Inverse(l.norm(w), y)
	if l.breakInverse != nil {
		return l.breakInverse(y, x, logDet)
	}
	return x, logDet
}

func (scaling) norm(w *nn.Weights) *nn.Weights {
	s := w.Get("s")
	return nn.NewWeights(flow.ActNorm{Name: "n", Channels: 2}.Params(), []*Node{ZerosLike(s), s}, w.Lowering)
}

func TestCorrectLayerPasses(t *testing.T) { CheckLayer(t, scaling{}, 2, 2, 3) }

// A law that accepts a broken layer is worth nothing: each of these breaks exactly the laws named.
func TestBrokenLayersAreCaught(t *testing.T) {
	for _, c := range []struct {
		name   string
		layer  scaling
		broken []string
	}{
		{"log-determinants wrong in both directions", scaling{
			func(_, y, d *Node) (*Node, *Node) { return y, MulScalar(d, 0.5) },
			func(_, x, d *Node) (*Node, *Node) { return x, MulScalar(d, 0.5) },
		}, []string{"jacobian"}},
		{"log-determinant of Inverse with the sign of Forward", scaling{
			breakInverse: func(_, x, d *Node) (*Node, *Node) { return x, Neg(d) },
		}, []string{"round trip", "hard inputs"}},
		{"Inverse slightly off", scaling{
			breakInverse: func(_, x, d *Node) (*Node, *Node) { return MulScalar(x, 1+1e-7), d },
		}, []string{"round trip", "hard inputs"}},
		{"gradient cut", scaling{
			breakForward: func(_, y, d *Node) (*Node, *Node) {
				return Add(MulScalar(y, 0.5), StopGradient(MulScalar(y, 0.5))), d
			},
		}, []string{"jacobian", "gradients"}},
		{"log-determinant without a gradient", scaling{
			breakForward: func(_, y, d *Node) (*Node, *Node) { return y, StopGradient(d) },
		}, []string{"gradients"}},
		{"images see each other", scaling{
			breakForward: func(_, y, d *Node) (*Node, *Node) {
				return y, Add(d, MulScalar(ReduceAllSum(Abs(y)), 1e-11))
			},
		}, []string{"independent images"}},
		{"NaN for black", scaling{
			breakForward: func(x, y, d *Node) (*Node, *Node) {
				// 0/0 at -1/2 and 0 everywhere else.
				shifted := nn.Channels(AddScalar(x, 0.5), 0, 1)
				return y, Add(d, nn.SumPerImage(StopGradient(AddScalar(Div(shifted, shifted), -1))))
			},
		}, []string{"hard inputs"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := newSubject(c.layer, form{backendtest.Go(t), nn.Products}, 2, 2, 3)
			require.NoError(t, err)
			var broken []string
			for _, law := range laws {
				if _, err := law.check(s); err != nil {
					broken = append(broken, law.name)
				}
			}
			require.Equal(t, c.broken, broken)
		})
	}
}
