package foreign

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"strata/pkg/glow"
)

// convertOwn reads strata's own names of the paper's Glow (../shared/parity/README.md). Where names begin with param/,
// those are the weights, and the others (in/, out/, ...) are passed over, as is the state of the optimiser in
// tensors.npz of a checkpoint. Images are taken as square: the flattened latents say how many positions there are, not
// how they lie.
func convertOwn(s *source) (*Weights, error) {
	prefix := ""
	if anyHasPrefix(s.tensors, "param/") {
		prefix = "param/"
	}
	for _, t := range s.tensors {
		name, isWeight := strings.CutPrefix(t.Name, prefix)
		switch {
		case !isWeight || strings.HasPrefix(name, "optimiser/"):
			s.taken[t.Name] = true
		case strings.HasPrefix(name, "class0/"):
			return nil, errors.New("a class-conditional Glow, which is not read from files")
		case strings.Contains(name, "/coupling/dense1/"):
			return nil, errors.New("a fully connected Glow, whose weights do not say what shape images have")
		case strings.HasPrefix(name, "scale1/split_prior/") || strings.HasPrefix(name, "top_prior/"):
			return nil, errors.New("a conditioned Glow, whose weights under these names do not say how large images are")
		}
	}
	var config glow.Config
	folders := s.folders()
	for folders[fmt.Sprintf("%sscale%d", prefix, config.Scales+1)] {
		config.Scales++
	}
	for folders[fmt.Sprintf("%sscale1/step%d", prefix, config.K+1)] {
		config.K++
	}
	if config.K == 0 || config.Scales == 0 || config.Scales > maxScales {
		return nil, fmt.Errorf("%d scales of %d steps", config.Scales, config.K)
	}
	first := prefix + "scale1/step1/"
	channels := s.size(axis{first + "actnorm/loc", 0}, axis{first + "actnorm/log_scale", 0},
		axis{first + "invconv/log_s", 0})
	if channels == 0 || channels%4 != 0 {
		return nil, fmt.Errorf("tensor %sactnorm/loc: %d channels are not four times those of an image", first, channels)
	}
	config.Channels = channels / 4
	config.Hidden = s.size(axis{first + "coupling/conv1/weight", 0}, axis{first + "coupling/conv2/weight", 0},
		axis{first + "coupling/conv3/weight", 1})
	latent := fmt.Sprintf("%sscale%d/latent_actnorm/", prefix, config.Scales)
	size := s.size(axis{latent + "loc", 0}, axis{latent + "log_scale", 0})
	lastChannels := channels << (config.Scales - 1)
	side := int(math.Sqrt(float64(size / lastChannels)))
	if side*side*lastChannels != size || side == 0 {
		return nil, fmt.Errorf("tensor %sloc: %d values are not %d channels of a square", latent, size, lastChannels)
	}
	config.Height, config.Width = side<<config.Scales, side<<config.Scales
	model, err := glow.New(config)
	if err != nil {
		return nil, err
	}
	w := &Weights{Config: config, Values: map[string][]float32{}}
	for _, p := range model.Params() {
		w.Values[p.Name] = s.take(prefix+p.Name, p.Shape...)
	}
	return w, nil
}

// folders are the beginnings of all names up to a slash.
func (s *source) folders() map[string]bool {
	folders := map[string]bool{}
	for _, t := range s.tensors {
		for i, c := range t.Name {
			if c == '/' {
				folders[t.Name[:i]] = true
			}
		}
	}
	return folders
}
