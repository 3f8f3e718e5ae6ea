package lab

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"strata/pkg/plan"
	"strata/pkg/runs"

	"github.com/janpfeifer/gonb/gonbui"
)

// Needs shows what data and how much time a notebook's targets take at each size: runs, training steps, and time on two
// cores without a GPU.
// Targets are those of strata reproduce.
func Needs(targets ...string) {
	defer gonbui.Sync()
	text, err := needs(targets)
	must(err)
	gonbui.DisplayMarkdown(text)
}

func needs(targets []string) (string, error) {
	all, err := plan.LoadConfigurations()
	if err != nil {
		return "", err
	}
	chosen, err := all.For(targets...)
	if err != nil {
		return "", err
	}
	var ids, roles []string
	for _, c := range chosen {
		ids = append(ids, c.Name)
		for _, role := range []string{c.Set, c.Outliers} {
			if role != "" && !slices.Contains(roles, role) {
				roles = append(roles, role)
			}
		}
	}
	text := fmt.Sprintf("Runs: %s. Image sets in the roles: %s.\n\n| size | network | steps | training on two cores, from nothing "+
		"|\n|---|---|---|---|\n", strings.Join(ids, ", "), strings.Join(roles, ", "))
	for _, name := range plan.SizeNames() {
		size, err := plan.LoadSize(name)
		if err != nil {
			return "", err
		}
		left := time.Duration(0)
		for _, c := range chosen {
			left += size.Estimate(c)
		}
		text += fmt.Sprintf("| %s | Glow K %d, hidden %d | %d, finetuned %d | %s |\n", name, size.Glow().K, size.Glow().Hidden, size.Steps,
			size.FinetuneSteps, runs.Roughly(left))
	}
	return text + fmt.Sprintf("\n`strata reproduce %s --size demo` trains what is missing, once, and shares it with the other notebooks.",
		strings.Join(targets, " ")), nil
}
