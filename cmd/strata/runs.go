package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"strata/pkg/folders"
	"strata/pkg/result"
	"strata/pkg/runs"

	"github.com/dustin/go-humanize"
)

type runsCommand struct {
	List    runsListCommand    `cmd:"" default:"withargs" help:"What is in the run store, and what it takes on disk."`
	Compare runsCompareCommand `cmd:"" help:"In what runs differ: settings, results, mean scores of the same images."`
	Prune   runsPruneCommand   `cmd:"" help:"Remove runs or spare checkpoints."`
}

func (runsCommand) Help() string {
	return `Examples:
  strata runs
  strata runs list cifar10
  strata runs compare glow-shapes-l3-k4-h64-s1000-3a01 glow-shapes-l3-k4-h64-s500
  strata runs prune --old-code --spare`
}

type runsListCommand struct {
	Containing string `arg:"" optional:"" help:"Only runs with this in their names."`
}

func (c runsListCommand) Run(e *environment) error {
	store, all, err := openStore()
	if all == nil && err != nil {
		return err
	}
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, "run\tsteps\tstate\tvalue\ttime\tdisk\t")
	var total int64
	shown := 0
	for _, r := range all {
		if !strings.Contains(r.Info.ID, c.Containing) {
			continue
		}
		shown++
		bytes, bytesErr := r.Bytes()
		if bytesErr != nil {
			return bytesErr
		}
		total += bytes
		state := "done"
		switch {
		case !r.Info.Done:
			state = "cut off"
		case r.Info.Imported != nil:
			state = "imported"
		}
		if !r.IsCurrent() {
			state += ", old code"
		}
		steps := strconv.Itoa(r.Info.Spec.Train.Steps)
		if !r.Info.Done {
			steps = fmt.Sprintf("%d/%s", r.Steps(), steps)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%.3f\t%s\t%s\t\n", r.Info.ID, steps, state, r.Info.LastValue,
			time.Duration(r.Info.Seconds*float64(time.Second)).Round(time.Second), humanize.IBytes(uint64(bytes)))
	}
	table.Flush()
	fmt.Fprintf(e.out, "%d runs, %s in %s\n", shown, humanize.IBytes(uint64(total)), store)
	return err // of runs that cannot be read; the others are shown
}

type runsCompareCommand struct {
	Runs []string `arg:"" help:"Two runs or more, by name or the beginning of it."`
}

func (c runsCompareCommand) Run(e *environment) error {
	if len(c.Runs) < 2 {
		return fmt.Errorf("strata runs compare wants two runs or more")
	}
	store, err := folders.Runs()
	if err != nil {
		return err
	}
	var columns []map[string]string
	for i, id := range c.Runs {
		r, err := runs.Open(store, id)
		if err != nil {
			return err
		}
		column, err := facts(r)
		if err != nil {
			return err
		}
		columns = append(columns, column)
		fmt.Fprintf(e.out, "%c  %s\n", 'A'+i, r.Info.ID)
	}
	keys := map[string]bool{}
	for _, column := range columns {
		for key := range column {
			keys[key] = true
		}
	}
	fmt.Fprintln(e.out)
	table := tabwriter.NewWriter(e.out, 0, 0, 2, ' ', 0)
	same := 0
	for _, key := range slices.Sorted(maps.Keys(keys)) {
		differs := false
		line := key
		for _, column := range columns {
			differs = differs || column[key] != columns[0][key]
			value := column[key]
			if value == "" {
				value = "-"
			}
			line += "\t" + value
		}
		if !differs {
			same++
			continue
		}
		fmt.Fprintln(table, line)
	}
	table.Flush()
	fmt.Fprintf(e.out, "%d more are the same\n", same)
	return nil
}

// facts are what a run's record says, key by key, and the mean scores of the images that it scored.
func facts(r *runs.Run) (map[string]string, error) {
	text, err := json.Marshal(r.Info)
	if err != nil {
		return nil, err
	}
	var record map[string]any
	if err := json.Unmarshal(text, &record); err != nil {
		return nil, err
	}
	found := map[string]string{}
	var flatten func(prefix string, value any)
	flatten = func(prefix string, value any) {
		switch v := value.(type) {
		case map[string]any:
			for key, value := range v {
				flatten(strings.TrimPrefix(prefix+"."+key, "."), value)
			}
		case nil:
		case float64:
			found[prefix] = strconv.FormatFloat(v, 'g', 6, 64)
		default:
			found[prefix] = fmt.Sprint(v)
		}
	}
	flatten("", record)
	delete(found, "id")
	files, err := filepath.Glob(filepath.Join(r.Folder, "scores", "*.csv"))
	if err != nil {
		return nil, err
	}
	for _, file := range files {
		table, err := result.ReadScores(file)
		if err != nil {
			return nil, err
		}
		sums, n := make([]float64, len(table.Columns)), 0.
		for _, row := range table.Rows {
			if slices.ContainsFunc(row.Values, func(v float64) bool { return math.IsNaN(v) || math.IsInf(v, 0) }) {
				continue
			}
			n++
			for i, v := range row.Values {
				sums[i] += v
			}
		}
		for i, column := range table.Columns {
			found["mean "+column+" "+strings.TrimSuffix(filepath.Base(file), ".csv")] = fmt.Sprintf("%.1f", sums[i]/n)
		}
	}
	return found, nil
}

type runsPruneCommand struct {
	Runs       []string `arg:"" optional:"" help:"Runs to remove, by name or the beginning of it."`
	OldCode    bool     `help:"Remove runs of code that trained otherwise: nothing asks for them any more."`
	Unfinished bool     `help:"Remove runs that were cut off."`
	Spare      bool     `help:"Of finished runs, remove all checkpoints but the last."`
	Yes        bool     `help:"Remove, instead of showing what would be removed."`
}

func (c runsPruneCommand) Run(e *environment) error {
	store, all, err := openStore()
	if err != nil {
		return err
	}
	if len(c.Runs) == 0 && !c.OldCode && !c.Unfinished && !c.Spare {
		return fmt.Errorf("nothing to remove is named: a run, --old-code, --unfinished or --spare")
	}
	what := runs.Prune{OldCode: c.OldCode, Unfinished: c.Unfinished, Spare: c.Spare}
	for _, id := range c.Runs {
		r, err := runs.Open(store, id)
		if err != nil {
			return err
		}
		what.IDs = append(what.IDs, r.Info.ID)
	}
	found, err := what.Find(all)
	if err != nil {
		return err
	}
	var total int64
	for _, p := range found {
		name, err := filepath.Rel(store, p.Path)
		if err != nil {
			return err
		}
		total += p.Bytes
		fmt.Fprintf(e.out, "%s  %s: %s\n", name, humanize.IBytes(uint64(p.Bytes)), p.Why)
		if c.Yes {
			if err := p.Remove(); err != nil {
				return err
			}
		}
	}
	if !c.Yes {
		fmt.Fprintf(e.out, "%d to remove, %s: add --yes to remove them\n", len(found), humanize.IBytes(uint64(total)))
		return nil
	}
	fmt.Fprintf(e.out, "%d removed, %s\n", len(found), humanize.IBytes(uint64(total)))
	return runs.FinishRemovals(store)
}

// openStore lists the run store; an error beside them is of those that cannot be read.
func openStore() (store string, all []*runs.Run, err error) {
	if store, err = folders.Runs(); err != nil {
		return "", nil, err
	}
	all, err = runs.List(store)
	return store, all, err
}
