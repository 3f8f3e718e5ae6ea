package runs_test

import (
	"fmt"
	"os"

	"strata/pkg/opened"
	"strata/pkg/plan"
	"strata/pkg/runs"
)

// What the paper's Table 3 needs, each run before what is made from it.
func ExampleLoadConfigurations() {
	all, err := plan.LoadConfigurations()
	if err != nil {
		fmt.Println(err)
		return
	}
	wanted, err := all.For("table3")
	if err != nil {
		fmt.Println(err)
		return
	}
	for _, c := range wanted {
		fmt.Printf("%s %s of %s, parent %q, loss %q\n", c.Name, c.Model, c.Set, c.Parent, c.Loss)
	}
	// Output:
	// glow-general glow of general, parent "", loss ""
	// glow-in-from-general glow of in, parent "glow-general", loss ""
	// glow-in-outlier-loss glow of in, parent "glow-general", loss "outlier"
	// glow-in-margin-loss glow of in, parent "glow-general", loss "margin"
}

func ExampleLoadSize() {
	size, err := plan.LoadSize("paper")
	if err != nil {
		fmt.Println(err)
		return
	}
	batch, steps := size.BudgetOf("pixelcnn", false)
	fmt.Println(size.Glow().K, batch, steps)
	// Output: 32 64 93720
}

// Without a data folder the procedural sets play the roles.
func ExampleEngine_Roles() {
	engine := &runs.Engine{Sets: opened.Sets{Cache: os.Getenv("STRATA_CACHE"), Out: os.Stderr}}
	roles, err := engine.Roles(nil)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(roles.Set("in"), "against", roles.Set("smooth"))
	fmt.Println(plan.StandsFor(roles.Set("smooth")))
	// Output:
	// shapes_in against digits
	// SVHN
}

// The plan that strata reproduce shows, computed without training anything.
func ExampleEngine_Schedule() {
	folder, err := os.MkdirTemp("", "runs")
	if err != nil {
		fmt.Println(err)
		return
	}
	defer os.RemoveAll(folder)
	engine := &runs.Engine{Sets: opened.Sets{Cache: os.Getenv("STRATA_CACHE"), Out: os.Stderr}, Runs: folder}
	all, err := plan.LoadConfigurations()
	if err != nil {
		fmt.Println(err)
		return
	}
	wanted, err := all.For("table2")
	if err != nil {
		fmt.Println(err)
		return
	}
	size, err := plan.LoadSize("smoke")
	if err != nil {
		fmt.Println(err)
		return
	}
	roles := plan.Roles{Family: "my own", Sets: map[string]string{"in": "textures", "general": "textures"}}
	schedule, err := engine.Schedule(wanted, size, roles, []uint64{1, 2})
	if err != nil {
		fmt.Println(err)
		return
	}
	missing, _ := schedule.Missing()
	for _, run := range missing {
		fmt.Println(run.Configuration.Name, run.Seed, run.Run.Info.Spec.Network())
	}
	// Output:
	// glow-general 1 Glow L3 K1 H8
	// glow-in-from-general 1 Glow L3 K1 H8
	// glow-general 2 Glow L3 K1 H8
	// glow-in-from-general 2 Glow L3 K1 H8
}
