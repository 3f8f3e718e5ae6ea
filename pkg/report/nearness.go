package report

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/figure"
	"strata/pkg/metric"
	"strata/pkg/result"

	"github.com/google/renameio/v2"
)

// measuredFolder is what Nearness says of a results folder.
type measuredFolder struct {
	path     string
	name     string // its last element
	manifest result.Manifest
	cells    []result.Cell
	claims   []result.Claim
	runs     []result.Run
}

// run is the first finished run of a configuration.
func (f measuredFolder) run(configuration string) (result.Run, bool) {
	i := slices.IndexFunc(f.runs, func(r result.Run) bool { return r.Configuration == configuration && r.ID != "" })
	if i < 0 {
		return result.Run{}, false
	}
	return f.runs[i], true
}

// The Glows whose network and steps stand for a folder's.
const general, finetuned = "glow-general", "glow-in-from-general"

// trained is how many images the general Glow saw: folders of one family stand in this order.
func (f measuredFolder) trained() int {
	run, _ := f.run(general)
	return run.Steps * run.Batch
}

// Nearness lays results folders beside each other, in Markdown: how near each is to the paper's Tables 1 to 4 and what
// became of the claims, and the bits/dim of the paper's own sets beside Table S1's. What is trained for longer stands
// below, so that it can be seen to come closer. Folders of size smoke say nothing of the paper and are left out. Of a family
// with several sizes there is a figure too, FAMILY-sizes, which the text shows as a file beside it.
func Nearness(folders []string) (text string, figures []*figure.Figure, err error) {
	all, err := measuredFolders(folders)
	if err != nil {
		return "", nil, err
	}
	shown, figures, err := acrossSizes(all)
	return nearnessOfTables(all) + "\n" + shown + nearnessOfBits(all), figures, err
}

// measuredFolders are those that Nearness is of, in its order.
func measuredFolders(folders []string) ([]measuredFolder, error) {
	var all []measuredFolder
	for _, folder := range folders {
		f := measuredFolder{path: folder, name: filepath.Base(folder)}
		var err error
		if f.manifest, err = result.ReadManifest(folder); err != nil {
			return nil, err
		}
		if f.manifest.Size == "smoke" {
			continue
		}
		if err := cmp.Or(readInto(folder, &f.cells), readInto(folder, &f.claims), readInto(folder, &f.runs)); err != nil {
			return nil, err
		}
		all = append(all, f)
	}
	slices.SortStableFunc(all, func(a, b measuredFolder) int {
		return cmp.Or(cmp.Compare(a.manifest.Family, b.manifest.Family), cmp.Compare(a.trained(), b.trained()),
			cmp.Compare(a.name, b.name))
	})
	return all, nil
}

// nearnessOfTables has a row a folder.
func nearnessOfTables(all []measuredFolder) string {
	var b strings.Builder
	b.WriteString("| family | size | seeds | runs | network | steps | distinct cells of Tables 1 to 4 | " +
		"mean absolute error, points of AUROC | its change from the size above, on the cells of both | " +
		"Spearman's ρ with the paper | claims: hold | open | do not | not measured |\n" +
		"|---|---|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for i, f := range all {
		of := summarise(f.tables()).AUROC
		change := "–"
		if i > 0 && all[i-1].manifest.Family == f.manifest.Family {
			change = changed(all[i-1].distances(), f.distances())
		}
		verdicts := count(f.claims)
		fmt.Fprintf(&b, "| %s | [%s](%s) | %d | %d | %s | %s | %d of %d | %s | %s | %s | %d | %d | %d | %d |\n",
			f.manifest.Family, f.manifest.Size, f.name, len(f.manifest.Seeds), trainedConfigurations(f.runs), f.network(), f.steps(),
			of.Cells, of.Cells+of.NotRun, orNothing(of.Error, "%.1f"), change, orNothing(of.Rank, "%.2f"),
			verdicts[result.Holds], verdicts[result.Open], verdicts[result.DoesNotHold], verdicts[result.NotMeasured])
	}
	return b.String()
}

// trainedConfigurations is how many configurations have a run. What was not trained has a row that says so.
func trainedConfigurations(runs []result.Run) int {
	trained := map[string]bool{}
	for _, r := range runs {
		if r.ID != "" {
			trained[r.Configuration] = true
		}
	}
	return len(trained)
}

// tables are the cells of Tables 1 to 4.
func (f measuredFolder) tables() []result.Cell {
	return slices.DeleteFunc(slices.Clone(f.cells), func(c result.Cell) bool {
		return !slices.Contains([]string{"1", "2", "3", "4"}, c.Table)
	})
}

// distances are how far the measured cells of Tables 1 to 4 are from the paper's, by what they are about.
func (f measuredFolder) distances() map[result.Place]float64 {
	distances := map[result.Place]float64{}
	for _, c := range f.tables() {
		agreement := agreementOf(c)
		if agreement != Quoted && agreement != NotRun && !c.IsMean() {
			distances[distinct(c.Place)] = math.Abs(c.Measured - c.Value)
		}
	}
	return distances
}

// changed is how the mean of distances changed from some to others that both have, with an interval over cells. Which cells
// a size has differs, so that two means over all of them tell little.
func changed(from, to map[result.Place]float64) string {
	var changes []float64
	for place, distance := range to {
		if before, ok := from[place]; ok {
			changes = append(changes, distance-before)
		}
	}
	if len(changes) == 0 {
		return "–"
	}
	slices.Sort(changes) // a map has no order, and resamples are drawn by place
	mean, err := metric.Bootstrap([]metric.Population{{Name: "cells", Images: len(changes)}}, metric.Resamples,
		metric.ResampleSeed, metric.NewMean(changes))
	if err != nil {
		return "–"
	}
	return fmt.Sprintf("%s, %s", within(mean.Interval(), "%+.1f"), counted(len(changes), "cell"))
}

// orNothing is a value with its interval, or a dash where there is none.
func orNothing(v metric.Interval, format string) string {
	if math.IsNaN(v.Value) {
		return "–"
	}
	return within(v, format)
}

func (f measuredFolder) network() string {
	for _, name := range []string{general, finetuned} {
		if run, ok := f.run(name); ok {
			return run.Network
		}
	}
	return "–"
}

// steps are those of the general Glow, with its batch, and of the one that is finetuned from it.
func (f measuredFolder) steps() string {
	run, ok := f.run(general)
	if !ok {
		return "–"
	}
	said := fmt.Sprintf("%d of %d images", run.Steps, run.Batch)
	if tuned, ok := f.run(finetuned); ok {
		said += fmt.Sprintf(", then %d", tuned.Steps)
	}
	return said
}

// The columns of Table S1.
const (
	ofGeneral = iota
	fromScratch
	ofFinetuned
	trainings
)

// trainingOf is the column of a cell of Table S1.
func trainingOf(c result.Cell) int {
	switch {
	case c.Option("trained_on") == "Tiny":
		return ofGeneral
	case c.Option("init") == "scratch":
		return fromScratch
	}
	return ofFinetuned
}

// nearnessOfBits has the paper's row for every set of Table S1, and one a folder that measured it.
func nearnessOfBits(all []measuredFolder) string {
	var b strings.Builder
	b.WriteString("| set | results | network | bits/dim of the general Glow (steps) | of one from scratch (steps) | " +
		"of the finetuned one (steps) |\n|---|---|---|---|---|---|\n")
	for _, set := range []struct{ paper, name string }{
		{"CIFAR10", "CIFAR-10"}, {"CIFAR100", "CIFAR-100"}, {"SVHN", "SVHN"},
	} {
		var paper [trainings]string
		var rows []string
		for _, f := range all {
			var ours [trainings]string
			network := ""
			for _, c := range f.cells {
				if c.Table != "S1" || c.In != set.paper {
					continue
				}
				at := trainingOf(c)
				paper[at] = number(c, c.Value)
				// A set that stands for the paper's has bits/dim of its own, near to which is nothing.
				if c.IsMeasured() && !strings.Contains(c.StandsFor, c.InSet+" for ") {
					ours[at] = fmt.Sprintf("%s %s (%s)", number(c, c.Measured), interval(c), c.Steps)
					network = c.Network
				}
			}
			if network != "" {
				rows = append(rows, fmt.Sprintf("| | %s | %s | %s |\n", f.name, network, strings.Join(ours[:], " | ")))
			}
		}
		if len(rows) > 0 {
			fmt.Fprintf(&b, "| %s | the paper, 250 epochs | Glow L3 K32 H512 | %s |\n%s", set.name, strings.Join(paper[:], " | "),
				strings.Join(rows, ""))
		}
	}
	return b.String()
}

// acrossSizes are the figures of what larger networks and more steps change, one for each family with several sizes, and
// the text that shows them.
func acrossSizes(all []measuredFolder) (shown string, figures []*figure.Figure, err error) {
	for rest := all; len(rest) > 0; {
		family, n := rest[0].manifest.Family, 1
		for n < len(rest) && rest[n].manifest.Family == family {
			n++
		}
		sizes := rest[:n]
		rest = rest[n:]
		if n < 2 {
			continue
		}
		var opened []*figure.Results
		for _, f := range sizes {
			r, err := figure.Open(f.path)
			if err != nil {
				return "", nil, err
			}
			opened = append(opened, r)
		}
		drawn, err := figure.AcrossSizes(family+"-sizes", opened)
		if errors.Is(err, fs.ErrNotExist) { // no run was looked at while it was trained
			continue
		}
		if err != nil {
			return "", nil, err
		}
		figures = append(figures, drawn)
		shown += fmt.Sprintf("![Family %s: what larger networks change](%s.png)\n\n%s\n\n", family, drawn.Name, drawn.Caption)
	}
	return shown, figures, nil
}

// The marks between which UpdateReadme writes.
const (
	beginNearness = "<!-- Made by strata figures, never edited: -->\n"
	endNearness   = "<!-- Here it ends. -->\n"
)

// UpdateReadme writes Nearness of all complete results folders of a folder into its README.md, between two marks, with
// what larger networks change as a figure beside it for each family that has several sizes. Where there is no such page,
// or one without marks, it is somebody's own, and nothing is done.
func UpdateReadme(folder string) error {
	path := filepath.Join(folder, "README.md")
	page, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	before, rest, ok := bytes.Cut(page, []byte(beginNearness))
	if !ok {
		return nil
	}
	_, after, ok := bytes.Cut(rest, []byte(endNearness))
	if !ok {
		return fmt.Errorf("%s: there is no %q after %q: add it, and what stands between is written", path,
			strings.TrimSpace(endNearness), strings.TrimSpace(beginNearness))
	}
	manifests, err := filepath.Glob(filepath.Join(folder, "*", result.ManifestFile))
	if err != nil {
		return err
	}
	for i, m := range manifests {
		manifests[i] = filepath.Dir(m)
	}
	made, figures, err := Nearness(manifests)
	if err != nil {
		return err
	}
	for _, f := range figures {
		if _, err := f.Save(folder); err != nil {
			return err
		}
	}
	now := slices.Concat(before, []byte(beginNearness), []byte(made), []byte(endNearness), after)
	if bytes.Equal(now, page) {
		return nil
	}
	return renameio.WriteFile(path, now, 0o644)
}
