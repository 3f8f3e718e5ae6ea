package train

import (
	"fmt"

	"strata/pkg/density"
	"strata/pkg/nn"
	"strata/pkg/objective"

	. "github.com/gomlx/gomlx/core/graph"
)

// Loss says what a model is trained on beside the mean negative log-likelihood of its own images (digest §4.3). The zero value
// is nothing more.
type Loss struct {
	// Outliers is what images of another set are trained to: one of the constants below.
	Outliers OutlierLoss `json:"outliers,omitempty" yaml:"outliers"`
	// WrongClass trains a class-conditional model with labels: the likelihood is that of the image's own class, and every
	// other class is trained as outliers are (paper §3.2).
	WrongClass bool `json:"wrong_class,omitempty" yaml:"wrong_class"`
	// Temperature is T and Lambda the weight of Eq. 2, for WrongClass too.
	Temperature float64 `json:"temperature,omitempty" yaml:"temperature"`
	Lambda      float64 `json:"lambda,omitempty" yaml:"lambda"`
}

// OutlierLoss names a loss on outliers.
type OutlierLoss string

// The losses on outliers.
const (
	NoOutliers OutlierLoss = ""
	// Eq2 is the paper's outlier loss, against a general model that is not trained.
	Eq2 OutlierLoss = "outlier"
	// Margin asks for a margin of one nat a dimension between inliers and outliers (Hendrycks et al. 2019).
	Margin OutlierLoss = "margin"
)

// PaperLoss is a loss at the paper's T = 1000 and lambda = 6000 (S4.4).
func PaperLoss(outliers OutlierLoss, wrongClass bool) Loss {
	l := Loss{Outliers: outliers, WrongClass: wrongClass}
	if l.NeedsGeneral() {
		l.Temperature, l.Lambda = 1000, 6000
	}
	return l
}

// NeedsGeneral says whether the loss compares with a general model.
func (l Loss) NeedsGeneral() bool { return l.Outliers == Eq2 || l.WrongClass }

// Validate says what is wrong with a loss.
func (l Loss) Validate() error {
	switch l.Outliers {
	case NoOutliers, Eq2, Margin:
	default:
		return fmt.Errorf("train: no outlier loss %q: choose %q, %q or none", l.Outliers, Eq2, Margin)
	}
	if l.NeedsGeneral() && !(l.Temperature > 0 && l.Lambda > 0) {
		return fmt.Errorf("train: temperature %g and lambda %g of the outlier loss must be positive; the paper's are 1000 and 6000",
			l.Temperature, l.Lambda)
	}
	return nil
}

// terms are a loss in a graph.
type terms struct {
	total, inlier, outlier *Node
	// checkIn and checkOut are finite for the images whose likelihoods are, [B]: what the rules of digest §4.4 look at.
	checkIn, checkOut *Node
}

// lossInputs are what a graph of the loss is made from: pairs are the weights of the margin loss's pairs, and general gives
// ln p_g of images.
type lossInputs struct {
	pixels, noise, weightsIn     *Node
	oneHot                       *Node
	outliers, noise2, weightsOut *Node
	pairs                        *Node
	general                      func(pixels, noise *Node) *Node
}

// build is the loss of a model. Inliers and outliers go through the network together, side by side in one batch.
func (l Loss) build(model density.Model, w *nn.Weights, in lossInputs) terms {
	dims := density.Dims(model)
	inliers := in.pixels.Shape().Dim(0)
	pixels, noise := in.pixels, in.noise
	if l.Outliers != NoOutliers {
		pixels, noise = Concatenate([]*Node{pixels, in.outliers}, 0), Concatenate([]*Node{noise, in.noise2}, 0)
	}
	likelihood := model.LogLikelihood(w, model.Input(pixels, noise))
	logIn := Slice(likelihood.Total, AxisRange(0, inliers))
	var t terms
	if l.WrongClass {
		classes := Slice(likelihood.Classes, AxisRange(), AxisRange(0, inliers))
		logIn = objective.OfClass(classes, in.oneHot)
		general := in.general(in.pixels, in.noise)
		t.checkIn = Add(ReduceSum(classes, 0), general)
		t.outlier = objective.WrongClass(classes, in.oneHot, general, in.weightsIn, l.Temperature, l.Lambda)
	} else {
		t.checkIn = logIn
	}
	nllIn := density.NLL(logIn, dims)
	t.inlier = objective.Inlier(nllIn, in.weightsIn)
	if l.Outliers != NoOutliers {
		logOut := Slice(likelihood.Total, AxisRange(inliers))
		t.checkOut = logOut
		var outlier *Node
		switch l.Outliers {
		case Eq2:
			general := in.general(in.outliers, in.noise2)
			t.checkOut = Add(logOut, general)
			outlier = objective.Outlier(logOut, general, in.weightsOut, l.Temperature, l.Lambda)
		case Margin:
			outlier = objective.Margin(nllIn, density.NLL(logOut, dims), in.pairs, dims)
		}
		if t.outlier != nil {
			outlier = Add(t.outlier, outlier)
		}
		t.outlier = outlier
	}
	t.total = t.inlier
	if t.outlier != nil {
		t.total = Add(t.inlier, t.outlier)
	}
	return t
}
