package foreign

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"strata/pkg/flow"
	"strata/pkg/glow"

	"gonum.org/v1/gonum/mat"
)

// layerName is the number of a layer and the tensor's name in it.
var layerName = regexp.MustCompile(`^flow\.layers\.(\d{1,6})\.(.+)$`)

// convertY0ast reads the conditioned Glow of y0ast/Glow-PyTorch (facts of its model.py and modules.py at 13c7b01). Its
// layers are numbered through: a scale is a squeeze, which has no weights, K steps, and a split, which the last scale
// has not.
//
//	theirs                                                 strata's
//	flow.layers.N.actnorm.{bias,logs} [1,C,1,1]            scaleI/stepK/actnorm/{loc,log_scale} [C]
//	flow.layers.N.invconv.{p,lower,upper} [C,C]            .../invconv/{p,l,u}
//	flow.layers.N.invconv.{log_s,sign_s} [C]               .../invconv/{log_s,sign_s}
//	flow.layers.N.invconv.weight [C,C], without LU         its factors
//	flow.layers.N.block.{0,2}.conv.weight                  .../coupling/{conv1,conv2}/weight
//	flow.layers.N.block.{0,2}.actnorm.{bias,logs}          .../coupling/{conv1,conv2}/actnorm/{loc,log_scale}
//	flow.layers.N.block.4.conv.{weight,bias}, .4.logs      .../coupling/conv3/{weight,bias,logs}
//	flow.layers.N.conv.conv.{weight,bias}, .conv.logs      scaleI/split_prior/{weight,bias,logs}
//	learn_top_fn.conv.{weight,bias}, learn_top_fn.logs     top_prior/{bias,logs}
//	prior_h [1,2C,H,W], zeros                              says how large images are
//
// Halves, interleaving, sigmoid(r + 2), actnorms and the scale of x are strata's. The top prior convolves zeros, padded
// by zeros, so that its kernel has no effect and only bias and logs are kept.
func convertY0ast(s *source) (*Weights, error) {
	if anyHasPrefix(s.tensors, "project_ycond.", "project_class.") {
		return nil, errors.New("trained with labels (project_ycond): it gives p(x|y) only, and strata's conditioned Glow " +
			"has no labels")
	}
	scales, k, err := y0astLayout(s)
	if err != nil {
		return nil, err
	}
	step := func(scale, i int) string { return fmt.Sprintf("flow.layers.%d", (scale-1)*(k+2)+i) }
	first := step(1, 1)
	channels := s.size(axis{first + ".actnorm.bias", 1}, axis{first + ".actnorm.logs", 1},
		axis{first + ".block.4.conv.weight", 0})
	hidden := s.size(axis{first + ".block.0.conv.weight", 0}, axis{first + ".block.2.conv.weight", 0},
		axis{first + ".block.4.conv.weight", 1})
	config := glow.Config{Scales: scales, K: k, Hidden: hidden, Channels: channels / 4, Prior: glow.Conditioned,
		Height: s.size(axis{"prior_h", 2}) << scales, Width: s.size(axis{"prior_h", 3}) << scales}
	if anyHasPrefix(s.tensors, "learn_top_fn.") {
		config.Prior = glow.ConditionedTop
	}
	if config.Height == 0 || config.Width == 0 {
		return nil, errors.New("tensor prior_h is missing or misshapen, which says how large the images are")
	}
	if hidden == 0 {
		return nil, fmt.Errorf("the weights of %s.block are missing, which say how wide the coupling networks are", first)
	}
	if channels == 0 || channels%4 != 0 {
		return nil, fmt.Errorf("tensor %s.actnorm.bias: %d channels are not four times those of an image", first, channels)
	}
	if err := config.Validate(); err != nil {
		return nil, err
	}

	w := &Weights{Config: config, Values: map[string][]float32{}}
	norm := func(ours, theirs string, channels int) {
		w.Values[ours+"/loc"] = s.take(theirs+".bias", 1, channels, 1, 1)
		w.Values[ours+"/log_scale"] = s.take(theirs+".logs", 1, channels, 1, 1)
	}
	zeroConv := func(ours, theirs string, in, out int) {
		w.Values[ours+"/weight"] = s.take(theirs+".conv.weight", out, in, 3, 3)
		w.Values[ours+"/bias"] = s.take(theirs+".conv.bias", out)
		w.Values[ours+"/logs"] = s.take(theirs+".logs", out, 1, 1)
	}
	for scale := 1; scale <= scales; scale++ {
		for i := 1; i <= k; i++ {
			ours, theirs := fmt.Sprintf("scale%d/step%d", scale, i), step(scale, i)
			norm(ours+"/actnorm", theirs+".actnorm", channels)
			y0astMixing(s, w, ours+"/invconv", theirs+".invconv", channels)
			w.Values[ours+"/coupling/conv1/weight"] = s.take(theirs+".block.0.conv.weight", hidden, channels/2, 3, 3)
			norm(ours+"/coupling/conv1/actnorm", theirs+".block.0.actnorm", hidden)
			w.Values[ours+"/coupling/conv2/weight"] = s.take(theirs+".block.2.conv.weight", hidden, hidden, 1, 1)
			norm(ours+"/coupling/conv2/actnorm", theirs+".block.2.actnorm", hidden)
			zeroConv(ours+"/coupling/conv3", theirs+".block.4", hidden, channels)
		}
		if scale < scales {
			zeroConv(fmt.Sprintf("scale%d/split_prior", scale), step(scale, k+1)+".conv", channels/2, channels)
			channels *= 2
		}
	}
	if config.Prior == glow.ConditionedTop {
		zeroConv("top_prior", "learn_top_fn", 2*channels, 2*channels)
		delete(w.Values, "top_prior/weight")
	}
	zeros := s.take("prior_h", 1, 2*channels, config.Height>>scales, config.Width>>scales)
	if slices.ContainsFunc(zeros, func(v float32) bool { return v != 0 }) {
		return nil, errors.New("tensor prior_h is not zero: the top prior would depend on the position, which strata's " +
			"does not")
	}
	return w, nil
}

// y0astLayout counts scales and steps.
func y0astLayout(s *source) (scales, k int, err error) {
	var splits []int
	steps, invconv := 0, false
	for _, t := range s.tensors {
		match := layerName.FindStringSubmatch(t.Name)
		if match == nil {
			continue
		}
		number, _ := strconv.Atoi(match[1]) // at most six digits
		switch kind, _, _ := strings.Cut(match[2], "."); kind {
		case "conv":
			splits = append(splits, number)
		case "actnorm", "invconv", "block":
			steps = max(steps, number)
			invconv = invconv || kind == "invconv"
		}
	}
	if !invconv {
		return 0, 0, errors.New("no 1x1 convolution (invconv): a model with shuffled or reversed channels, whose order is " +
			"not in the file")
	}
	slices.Sort(splits)
	splits = slices.Compact(splits)
	scales, k = 1+len(splits), steps
	if len(splits) > 0 {
		k = splits[0] - 1
	}
	if layers := scales * (k + 2); k < 1 || layers > len(s.tensors) || scales > maxScales {
		return 0, 0, fmt.Errorf("%d tensors do not fill the %d layers of %d scales with splits at %v", len(s.tensors), layers,
			scales, splits)
	}
	// An additive coupling shifts only.
	name := "flow.layers.1.block.4.conv.weight"
	if n := s.size(axis{name, 0}); n > 0 && 2*n == s.size(axis{"flow.layers.1.actnorm.bias", 1}) {
		return 0, 0, fmt.Errorf("tensor %s has %d outputs, half of the channels: additive coupling, and strata's is affine",
			name, n)
	}
	return scales, k, nil
}

// y0astMixing takes a 1x1 convolution, by its LU factors or whole.
func y0astMixing(s *source, w *Weights, ours, theirs string, channels int) {
	if s.byName[theirs+".weight"] == nil {
		for name, of := range map[string]string{"p": "p", "lower": "l", "upper": "u"} {
			w.Values[ours+"/"+of] = s.take(theirs+"."+name, channels, channels)
		}
		for _, name := range []string{"log_s", "sign_s"} {
			w.Values[ours+"/"+name] = s.take(theirs+"."+name, channels)
		}
		return
	}
	values := s.take(theirs+".weight", channels, channels)
	if len(values) != channels*channels {
		return
	}
	matrix := mat.NewDense(channels, channels, nil)
	for i, v := range values {
		matrix.Set(i/channels, i%channels, float64(v))
	}
	f, err := flow.FactoriseLU(matrix)
	if err != nil {
		s.problems = append(s.problems, fmt.Errorf("tensor %s.weight: %w", theirs, err))
		return
	}
	w.Values[ours+"/p"], w.Values[ours+"/l"], w.Values[ours+"/u"] = f.P, f.L, f.U
	w.Values[ours+"/log_s"], w.Values[ours+"/sign_s"] = f.LogS, f.SignS
}
