// Package models lists the density models that there are (kinds.go), and says how a run writes down which one it is.
// What declares, trains, scores and draws asks here once, and from then on knows a density.Config or a density.Model.
//
//	config := glow.Config{Height: 32, Width: 32, Channels: 3, Scales: 3, K: 32, Hidden: 512}
//	model, err := models.Spec{Config: config}.New()
package models

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"strata/pkg/density"
)

// Spec is the configuration of a model as a run's record holds it, {"glow": {"height": 32, ...}}, or none: {}.
type Spec struct{ Config density.Config }

// New builds the model. It fails where there is none, or where its configuration is not valid.
func (s Spec) New() (density.Model, error) {
	if s.Config == nil {
		return nil, fmt.Errorf("models: no model is named: one of %s", strings.Join(recordNames(), ", "))
	}
	return s.Config.Model()
}

// MarshalJSON is the configuration under the name of its type.
func (s Spec) MarshalJSON() ([]byte, error) {
	if s.Config == nil {
		return []byte("{}"), nil
	}
	for name, of := range records() {
		if reflect.TypeOf(of) == reflect.TypeOf(s.Config) {
			return json.Marshal(map[string]density.Config{name: s.Config})
		}
	}
	return nil, fmt.Errorf("models: a %T cannot be written down: pkg/models does not list it", s.Config)
}

// UnmarshalJSON reads what MarshalJSON wrote.
func (s *Spec) UnmarshalJSON(text []byte) error {
	var named map[string]json.RawMessage
	if err := json.Unmarshal(text, &named); err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(named))
	switch len(names) {
	case 0:
		s.Config = nil
		return nil
	case 1:
	default:
		return fmt.Errorf("models: %s are named, and a run has one model", strings.Join(names, " and "))
	}
	of, ok := records()[names[0]]
	if !ok {
		return fmt.Errorf("models: no model %q: one of %s", names[0], strings.Join(recordNames(), ", "))
	}
	config := reflect.New(reflect.TypeOf(of))
	if err := json.Unmarshal(named[names[0]], config.Interface()); err != nil {
		return fmt.Errorf("models: %s: %w", names[0], err)
	}
	s.Config = config.Elem().Interface().(density.Config)
	return nil
}

func recordNames() []string { return slices.Sorted(maps.Keys(records())) }
