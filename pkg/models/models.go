// Package models knows every density model there is: how a run writes down which one it is, and how to build it again.
// What trains, scores and draws asks here once, and from then on knows a density.Model.
//
//	model, err := models.Spec{Glow: &glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 32, Hidden: 512}}.New()
package models

import (
	"fmt"
	"strings"

	"strata/pkg/density"
	"strata/pkg/glow"
	"strata/pkg/pixelcnn"
)

// Spec is one of the models with its configuration; exactly one field is set.
type Spec struct {
	Glow                 *glow.Config                 `json:"glow,omitempty" yaml:"glow"`
	PatchGlow            *glow.PatchConfig            `json:"patch_glow,omitempty" yaml:"patch_glow"`
	ClassConditionalGlow *glow.ClassConditionalConfig `json:"class_conditional_glow,omitempty" yaml:"class_conditional_glow"`
	PixelCNN             *pixelcnn.Config             `json:"pixelcnnpp,omitempty" yaml:"pixelcnnpp"`
}

// New builds the model. It fails where no field or more than one is set, or where the configuration is not valid.
func (s Spec) New() (density.Model, error) {
	var model density.Model
	var err error
	var named []string
	if s.Glow != nil {
		named = append(named, "glow")
		model, err = orNil(glow.New(*s.Glow))
	}
	if s.PatchGlow != nil {
		named = append(named, "patch_glow")
		model, err = orNil(glow.NewPatch(*s.PatchGlow))
	}
	if s.ClassConditionalGlow != nil {
		named = append(named, "class_conditional_glow")
		model, err = orNil(glow.NewClassConditional(*s.ClassConditionalGlow))
	}
	if s.PixelCNN != nil {
		named = append(named, "pixelcnnpp")
		model, err = orNil(pixelcnn.New(*s.PixelCNN))
	}
	switch len(named) {
	case 0:
		return nil, fmt.Errorf("models: no model is named: one of glow, patch_glow, class_conditional_glow and pixelcnnpp")
	case 1:
		return model, err
	}
	return nil, fmt.Errorf("models: %s are named, and a run has one model", strings.Join(named, " and "))
}

// orNil keeps a nil model of a type of its own from becoming an interface that is not nil.
func orNil[M density.Model](model M, err error) (density.Model, error) {
	if err != nil {
		return nil, err
	}
	return model, nil
}
