// Package show is what the cells of strata's notebooks call: one call shows one thing in the notebook, from result files on disk.
//
//	show.Figure("fig1a")               // drawn from the results folder
//	show.Table("1")                    // the paper's table beside ours
//	show.Claims("D1", "D2")            // verdicts
//
// It knows no model, so that its cells compile in no time; package lab is for the cells that train and score.
//
// Results come from the folder that [From] names, or else from STRATA_RESULTS, or else from the newest folder below STRATA_FIGURES/results.
// Functions panic with an error that says what to do: a cell that cannot show what it should must fail. Outside of a notebook they display nothing.
package show

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"image/png"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"strata/pkg/figure"
	"strata/pkg/folders"
	"strata/pkg/ledger"
	"strata/pkg/report"
	"strata/pkg/score"
)

// must panics with an error; the notebook shows it.
func must(err error) {
	if err != nil {
		panic(err)
	}
}

// Results is the results folder that the notebook reads, shown with what it holds.
func Results() {
	defer gonbui.Sync()
	text, err := results(resultsFolder())
	must(err)
	gonbui.DisplayMarkdown(text)
}

// from is the folder that From named.
var from string

// From names the results that everything below shows: a folder of STRATA_FIGURES/results such as "shapes_in-demo", an absolute path, or "" for
// STRATA_RESULTS or else the newest. In a notebook it stands beside the other parameters, outside of functions, so that it holds for every cell:
//
//	var _ = show.From("shapes_in-demo")
func From(results string) string {
	from = results
	return from
}

func resultsFolder() string {
	folder, err := folders.Results(from)
	must(err)
	return folder
}

// results says what a results folder holds: size, verdicts, and which set plays which role for which of the paper's.
func results(folder string) (string, error) {
	claims, err := ledger.Read(folder)
	if err != nil {
		return "", err
	}
	verdicts := map[ledger.Verdict]int{}
	var sizes []string
	for _, c := range claims {
		verdicts[c.Verdict]++
		if c.Size != "" && !slices.Contains(sizes, c.Size) {
			sizes = append(sizes, c.Size)
		}
	}
	text := fmt.Sprintf("Results in `%s`, size %s. Of the paper's claims %d hold there, %d do not, not measured: %d.", folder, strings.Join(sizes, ", "),
		verdicts[ledger.Holds], verdicts[ledger.DoesNotHold], verdicts[ledger.NotMeasured])
	sets, err := playing(folder)
	return text + sets, err
}

// playing is a table of the roles: set, test images that were scored, and the paper's set that it stands for.
func playing(folder string) (string, error) {
	read, err := report.Read([]string{folder})
	if err != nil {
		return "", err
	}
	stands := map[string]string{}
	for _, m := range read.Results[0].Marks {
		if set, paper, ok := strings.Cut(m.Text, " for "); ok {
			stands[set] = paper
		}
	}
	if runs := read.Results[0].Runs; len(runs) > 0 { // those of no table cell are in the runs' provenance
		set, paper := slices.Index(runs[0], "set"), slices.Index(runs[0], "stands_for")
		for _, run := range runs[1:] {
			if set >= 0 && paper >= 0 && run[paper] != "" {
				stands[run[set]] = run[paper]
			}
		}
	}
	text := "\n\n| role | set | test images | stands for |\n|---|---|---|---|\n"
	for _, file := range []string{"scores.csv", "scores_grey.csv", "scores_mri.csv"} {
		table, err := score.Read(filepath.Join(folder, file))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		for i, images := 0, 0; i < len(table.Rows); i += images {
			row := table.Rows[i]
			for images = 0; i+images < len(table.Rows) && table.Rows[i+images].Role == row.Role && table.Rows[i+images].Set == row.Set; images++ {
			}
			text += fmt.Sprintf("| %s | %s | %d | %s |\n", row.Role, row.Set, images, stands[row.Set])
		}
	}
	return text, nil
}

// Figure shows figures of the paper by name, fig1a to figS8, each with its caption.
func Figure(names ...string) {
	defer gonbui.Sync()
	for _, name := range names {
		png, caption, err := drawn(resultsFolder(), name)
		must(err)
		page, err := sized(png, caption)
		must(err)
		gonbui.DisplayHTML(page)
	}
}

// sized is a figure with its caption, as wide beside others as it is on paper: figures of one column take half of the page.
func sized(file []byte, caption string) (string, error) {
	config, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return "", err
	}
	const twoColumns, onScreen = 2008, 960 // pixels of a figure of two columns, and what they take here
	return fmt.Sprintf(`<figure style="margin:1em 0;max-width:%dpx"><img alt="%s" style="width:%dpx;max-width:100%%" src="data:image/png;base64,%s"><figcaption><em>%s</em></figcaption></figure>`,
		onScreen, html.EscapeString(caption), config.Width*onScreen/twoColumns, base64.StdEncoding.EncodeToString(file), html.EscapeString(caption)), nil
}

// drawn is a figure as PNG, with its caption.
func drawn(results, name string) (png []byte, caption string, err error) {
	var known []string
	for _, entry := range figure.All() {
		known = append(known, entry.Name)
		if entry.Name != name {
			continue
		}
		f, err := entry.Draw(results)
		if err != nil {
			return nil, "", err
		}
		var file bytes.Buffer
		err = f.PNG(&file)
		return file.Bytes(), f.Caption, err
	}
	return nil, "", fmt.Errorf("no figure %q: choose of %s", name, strings.Join(known, ", "))
}

// Table shows tables of the paper by name, 1 to S4: each of the paper's values with what was measured here beside it, its interval, and how they
// agree.
func Table(names ...string) {
	defer gonbui.Sync()
	for _, name := range names {
		text, err := table(resultsFolder(), name)
		must(err)
		gonbui.DisplayMarkdown(text)
	}
}

func table(results, name string) (string, error) {
	read, err := report.Read([]string{results})
	if err != nil {
		return "", err
	}
	var known []string
	for _, t := range read.Results[0].Tables {
		known = append(known, t.Name)
		if t.Name != name {
			continue
		}
		return fmt.Sprintf("**Table %s.** %s\n\n%s\n%s", t.Name, t.Caption, t.Markdown(), read.Results[0].Explanation(t)), nil
	}
	return "", fmt.Errorf("no table %q: choose of %s", name, strings.Join(known, ", "))
}

// Claims shows claims of the paper by id with their verdicts, and under them why those do not hold that do not. Without ids it shows all.
func Claims(ids ...string) {
	defer gonbui.Sync()
	text, err := claims(resultsFolder(), ids)
	must(err)
	gonbui.DisplayMarkdown(text)
}

func claims(results string, ids []string) (string, error) {
	all, err := ledger.Read(results)
	if err != nil {
		return "", err
	}
	var chosen []ledger.Claim
	if len(ids) == 0 {
		chosen = all
	}
	for _, id := range ids {
		i := slices.IndexFunc(all, func(c ledger.Claim) bool { return c.ID == id })
		if i < 0 {
			return "", fmt.Errorf("no claim %q in %s", id, results)
		}
		chosen = append(chosen, all[i])
	}
	text := ledger.Markdown(chosen)
	reasons, err := ledger.Reasons(chosen)
	if err != nil {
		return "", err
	}
	if len(reasons) > 0 {
		text += "\nWhy, where a claim does not hold:\n\n- " + strings.Join(reasons, "\n- ") + "\n"
	}
	return text, nil
}

// CheckBands compares the claims with these ids with the bands in which they were measured before (experiments/bands.yaml), all of them without ids.
// It is for the last cell of a notebook: it notices a change of the program, not a disagreement with the paper.
func CheckBands(ids ...string) ([]string, error) {
	folder, err := folders.Results(from)
	if err != nil {
		return nil, err
	}
	all, err := ledger.Read(folder)
	if err != nil {
		return nil, err
	}
	checked, err := ledger.CheckBands(slices.DeleteFunc(all, func(c ledger.Claim) bool { return len(ids) > 0 && !slices.Contains(ids, c.ID) }))
	if errors.Is(err, ledger.ErrNoBand) {
		return []string{"no band for these claims at this size on these sets; each value lies within its interval"}, nil
	}
	return checked, err
}
