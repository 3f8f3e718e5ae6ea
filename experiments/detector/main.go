// Command detector measures how well strata fit and strata detect find what they should, on the real sets of the data folder:
//
//	go run ./experiments/detector                     # all detectors that are not there yet, one after the other
//	go run ./experiments/detector -cases cifar10-     # some
//	go run ./experiments/detector -tables             # docs/detector_evidence.md of the committed results
//	go run ./experiments/detector -many 100000        # images/s and memory of one strata detect
//
// make detector-evidence is all of it. Detectors, scores and the images' zips stay in the work folder, from which a stopped run
// goes on; results are committed, and hold no picture.
package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"

	"strata/pkg/backend"
	"strata/pkg/folders"
	"strata/pkg/imageset"

	"github.com/google/renameio/v2"
)

func main() {
	backend.HugePages()
	cases := flag.String("cases", "", "only detectors whose names match this regular expression")
	work := flag.String("work", filepath.Join("runs", "detector"), "folder for models, zips and scores")
	tables := flag.Bool("tables", false, "write the page of the committed results, and measure nothing")
	many := flag.Int("many", 0, "measure one strata detect of so many drawn images, and nothing else")
	folder := flag.Bool("folder", false, "with -many: files of a folder, not of a zip")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, *cases, *work, *tables, *many, *folder); err != nil {
		fmt.Fprintln(os.Stderr, "detector:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, cases, work string, tables bool, many int, folder bool) error {
	matching, err := regexp.Compile(cases)
	if err != nil {
		return err
	}
	root, err := folders.Root()
	if err != nil {
		return err
	}
	results := filepath.Join(root, "experiments", "detector", "results")
	if tables {
		return writePage(root, results)
	}
	for _, folder := range []string{filepath.Join(results, "many"), filepath.Join(results, "choices"),
		filepath.Join(work, "sets"), filepath.Join(work, "models"), filepath.Join(work, "measured"),
	} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	if many > 0 {
		return scale(ctx, root, work, results, many, folder)
	}
	data, ok, err := folders.Data()
	if err != nil {
		return err
	}
	if !ok {
		return fmt.Errorf("there is no data folder: STRATA_DATA names it")
	}
	h := &harness{work: work, out: os.Stderr, library: library{Library: imageset.Library{Data: data, Out: os.Stderr, Context: ctx}}}
	all := map[string]*measured{}
	for _, e := range experiments() {
		if !matching.MatchString(e.Name) {
			continue
		}
		m, err := h.measure(ctx, e)
		if err != nil {
			return fmt.Errorf("%s: %w", e.Name, err)
		}
		all[e.Name] = m
		r, err := derive(e, m)
		if err != nil {
			return err
		}
		if err := writeJSON(filepath.Join(results, e.Name+".json"), r); err != nil {
			return err
		}
		for _, c := range r.Cases {
			fmt.Printf("%s against %s: combined %s, best %s %s\n", e.Name, c.Name,
				c.Combined[combinations(e)[0].Name], c.Best, c.Scores[c.Best])
		}
	}
	if cases == "" {
		for _, drawn := range []bool{false, true} {
			some := slices.DeleteFunc(experiments(), func(e experiment) bool { return (e.General != general) != drawn })
			c, err := choose(some, all)
			if err != nil {
				return err
			}
			if err := writeJSON(filepath.Join(results, "choices", choiceFiles[drawn]), c); err != nil {
				return err
			}
		}
	}
	return writePage(root, results)
}

// choiceFiles are where the comparisons of choices are, by whether the general Glow is the drawn one.
var choiceFiles = map[bool]string{false: "general.json", true: "drawn.json"}

func writeJSON(path string, value any) error {
	text, err := json.MarshalIndent(value, "", " ")
	if err != nil {
		return err
	}
	return renameio.WriteFile(path, append(text, '\n'), 0o644)
}
