package result

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"strata/experiments"

	"github.com/goccy/go-yaml"
)

// Reasons says of every claim that does not hold why, as far as that is known (experiments/reasons.yaml): a line a
// claim.
func Reasons(claims []Claim) ([]Reason, error) {
	text, err := experiments.Files.ReadFile("reasons.yaml")
	if err != nil {
		return nil, err
	}
	var known []struct {
		Claims        []string
		In, Size, Why string
	}
	if err := yaml.UnmarshalWithOptions(text, &known, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("experiments/reasons.yaml: %w", err)
	}
	var reasons []Reason
	for _, c := range claims {
		if c.Verdict != DoesNotHold {
			continue
		}
		why := "No reason is recorded for these sets."
		for _, r := range known {
			if slices.Contains(r.Claims, c.ID) && strings.Contains(c.Data, r.In) && (r.Size == "" || r.Size == c.Size) {
				why = r.Why
				break
			}
		}
		if c.Size == "smoke" {
			why = "Size smoke trains for seconds: its numbers say nothing of the paper."
		}
		at := slices.IndexFunc(reasons, func(r Reason) bool { return r.Why == why })
		if at < 0 {
			at = len(reasons)
			reasons = append(reasons, Reason{Why: why})
		}
		reasons[at].IDs = append(reasons[at].IDs, c.ID)
	}
	return reasons, nil
}

// Reason is why claims do not hold, as far as it is known.
type Reason struct {
	IDs []string
	Why string
}

// Claims are the claims in a line.
func (r Reason) Claims() string { return strings.Join(r.IDs, ", ") }

// band is where a measured value is expected at a size, for one set as in-distribution or, with set empty, for all.
type band struct {
	Claim string  `yaml:"claim"`
	Size  string  `yaml:"size"`
	Set   string  `yaml:"set"`
	Low   float64 `yaml:"low"`
	High  float64 `yaml:"high"`
	Why   string  `yaml:"why"`
}

// ErrNoBand says that nothing was measured before that some claims could be compared with.
var ErrNoBand = errors.New("no band of experiments/bands.yaml fits these claims")

// CheckBands compares claims with the bands of experiments/bands.yaml: what was measured before, give or take what
// other seeds and machines may change. It is no verdict on the paper; it notices when a change of the program moves a
// result. Every claim must also be a finite number within its interval. It returns the bands that were checked.
func CheckBands(claims []Claim) (checked []string, err error) {
	text, err := experiments.Files.ReadFile("bands.yaml")
	if err != nil {
		return nil, err
	}
	var bands []band
	if err := yaml.UnmarshalWithOptions(text, &bands, yaml.Strict()); err != nil {
		return nil, fmt.Errorf("experiments/bands.yaml: %w", err)
	}
	if len(claims) == 0 {
		return nil, errors.New("there are no claims")
	}
	var problems []error
	for _, c := range claims {
		if c.Verdict == NotMeasured {
			continue
		}
		if !(c.Low <= c.Value && c.Value <= c.High) || math.IsInf(c.Value, 0) {
			err := fmt.Errorf("%s: %g is not within its interval [%g, %g]", c.ID, c.Value, c.Low, c.High)
			problems = append(problems, err)
		}
		for _, b := range bands {
			if b.Claim != c.ID || b.Size != "" && b.Size != c.Size || b.Set != "" && !strings.Contains(c.Data, b.Set) {
				continue
			}
			line := fmt.Sprintf("%s: %.4g in [%g, %g] (%s)", c.ID, c.Value, b.Low, b.High, b.Why)
			if !(c.Value >= b.Low && c.Value <= b.High) {
				problems = append(problems, errors.New("outside of its band: "+line))
			}
			checked = append(checked, line)
		}
	}
	if len(checked) == 0 && len(problems) == 0 {
		return nil, ErrNoBand
	}
	return checked, errors.Join(problems...)
}
