// Package show is what the cells of strata's notebooks call: one call shows one thing in the notebook, from result
// files on disk.
//
//	show.Figure("fig1a")               // drawn from the results folder
//	show.Table("1")                    // the paper's table beside ours
//	show.Claims("D1", "D2")            // verdicts
//
// It knows no model, so that its cells compile in no time; package lab is for the cells that train and score.
//
// Results come from the folder that [From] names, or else from STRATA_RESULTS, or else from the newest folder below
// STRATA_FIGURES/results. Functions panic with an error that says what to do: a cell that cannot show what it should
// must fail. Outside of a notebook they display nothing.
package show

import (
	"bytes"
	"cmp"
	"encoding/base64"
	"errors"
	"fmt"
	"html"
	"image/png"
	"path/filepath"
	"slices"
	"strings"

	"github.com/janpfeifer/gonb/gonbui"

	"strata/pkg/figure"
	"strata/pkg/folders"
	"strata/pkg/imageset"
	"strata/pkg/report"
	"strata/pkg/result"
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

// From names the results that everything below shows: a folder of STRATA_FIGURES/results such as "procedural-quick", an
// absolute path, or "" for STRATA_RESULTS or else the newest. In a notebook it stands beside the other parameters,
// outside of functions, so that it holds for every cell:
//
//	var _ = show.From("procedural-quick")
func From(results string) string {
	from = results
	return from
}

func resultsFolder() string {
	folder, err := Folder()
	must(err)
	return folder
}

// Folder is the results folder that the notebook reads.
func Folder() (string, error) { return folders.Results(from) }

// results says what a results folder holds: size, seeds, verdicts, and which set plays which role for which of the
// paper's.
func results(folder string) (string, error) {
	manifest, err := result.ReadManifest(folder)
	if err != nil {
		return "", err
	}
	claims, err := result.ReadClaims(folder)
	if err != nil {
		return "", err
	}
	subsets, err := result.Read[result.Subset](folder)
	if err != nil {
		return "", err
	}
	verdicts := map[result.Verdict]int{}
	for _, c := range claims {
		verdicts[c.Verdict]++
	}
	text := fmt.Sprintf("Results in `%s`, size %s, seeds %s. "+
		"Of the paper's claims %d hold there, %d are open, %d do not hold, not measured: %d.",
		filepath.Base(folder), manifest.Size, strings.Trim(fmt.Sprint(manifest.Seeds), "[]"),
		verdicts[result.Holds], verdicts[result.Open], verdicts[result.DoesNotHold], verdicts[result.NotMeasured])
	if manifest.Size == "smoke" {
		text += " **Size smoke trains for seconds: it shows that everything runs, and none of the paper's effects.**"
	}
	return text + playing(manifest, subsets), nil
}

// roles are those that a set can play, in the order in which people read them.
var roles = []string{"in", "near", "smooth", "general", "far", "faces", "further", "grey_in", "grey_smooth",
	"grey_general",
	"mri_one", "mri_others", "mri_all", "general_clean", "general_box", "general_bicubic", "general_bilinear"}

// playing is a table of the roles: set, test images that were scored, and the paper's set that it stands for.
func playing(manifest result.Manifest, subsets []result.Subset) string {
	images := map[string]int{}
	for _, s := range subsets {
		if s.Split == imageset.Test { // curves look at fewer
			images[s.Set] = max(images[s.Set], s.Images)
		}
	}
	text := "\n\n| role | set | test images | stands for |\n|---|---|---|---|\n"
	for _, role := range roles {
		if set := manifest.Roles[role]; set != "" && images[set] > 0 {
			text += fmt.Sprintf("| %s | %s | %d | %s |\n", role, set, images[set], manifest.StandsFor[set])
		}
	}
	return text
}

// Figure shows figures of the paper by name, fig1a to figS8, each with what it shows, and a sentence for every claim
// that it is about: what this run measured, what the paper has, and the verdict.
func Figure(names ...string) {
	defer gonbui.Sync()
	results, err := figure.Open(resultsFolder())
	must(err)
	said := map[string]bool{} // two figures of one claim say it once
	for _, name := range names {
		file, f, err := drawn(results, name)
		must(err)
		claims := slices.DeleteFunc(results.ClaimsOf(name), func(c result.Claim) bool { return said[c.ID] })
		for _, c := range claims {
			said[c.ID] = true
		}
		page, err := sized(file, f, claims)
		must(err)
		gonbui.DisplayHTML(page)
	}
}

// sized is a figure with its text, as wide beside others as it is on paper: figures of one column take half of the
// page.
func sized(file []byte, f *figure.Figure, claims []result.Claim) (string, error) {
	titles, err := result.ClaimTitles()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	paragraph := func(style, content string) {
		if content != "" {
			fmt.Fprintf(&text, `<p style="margin:.4em 0;%s">%s</p>`, style, content)
		}
	}
	paragraph("font-style:italic", html.EscapeString(cmp.Or(f.Shows, f.Caption)))
	for _, c := range claims {
		paragraph("", fmt.Sprintf("<b>%s</b> %s", html.EscapeString(heading(titles, c)),
			html.EscapeString(figure.Sentence(c))))
	}
	paragraph("font-size:85%;opacity:.75", html.EscapeString(f.MeasuredOn))
	if f.IsEmpty() { // nothing but a caption, which says why
		return "<figure><figcaption>" + text.String() + "</figcaption></figure>", nil
	}
	config, err := png.DecodeConfig(bytes.NewReader(file))
	if err != nil {
		return "", err
	}
	const twoColumns, onScreen = 2008, 960 // pixels of a figure of two columns, and what they take here
	return fmt.Sprintf(`<figure style="margin:1em 0;max-width:%dpx"><img alt="%s" style="width:%dpx;max-width:100%%" `+
		`src="data:image/png;base64,%s"><figcaption>%s</figcaption></figure>`,
		onScreen, html.EscapeString(f.Caption), config.Width*onScreen/twoColumns,
		base64.StdEncoding.EncodeToString(file), text.String()), nil
}

// drawn is a figure, and as PNG.
func drawn(results *figure.Results, name string) (file []byte, f *figure.Figure, err error) {
	var known []string
	for _, entry := range figure.All() {
		known = append(known, entry.Name)
		if entry.Name != name {
			continue
		}
		f, err := entry.Draw(results)
		if err != nil {
			return nil, nil, err
		}
		var drawing bytes.Buffer
		err = f.PNG(&drawing)
		return drawing.Bytes(), f, err
	}
	return nil, nil, fmt.Errorf("no figure %q: choose of %s", name, strings.Join(known, ", "))
}

// Table shows tables of the paper by name, 1 to S4: each of the paper's values with what was measured here beside it,
// its interval, and how they agree; and below a sentence for every claim that the table decides.
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
		said, err := sentences(results, "tables/table"+name)
		return fmt.Sprintf("**Table %s.** %s\n\n%s\n%s\n\n%s", t.Name, t.Caption, t.Markdown(),
			read.Results[0].Explanation(t), said), err
	}
	return "", fmt.Errorf("no table %q: choose of %s", name, strings.Join(known, ", "))
}

// heading is what stands before the sentence of a claim: its title, or else its text, and its id.
func heading(titles map[string]string, c result.Claim) string {
	return fmt.Sprintf("%s (%s).", cmp.Or(titles[c.ID], c.Text), c.ID)
}

// sentences says in Markdown what became of the claims that a table is about.
func sentences(folder, name string) (string, error) {
	results, err := figure.Open(folder)
	if err != nil {
		return "", err
	}
	titles, err := result.ClaimTitles()
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for _, c := range results.ClaimsOf(name) {
		fmt.Fprintf(&text, "- **%s** %s\n", heading(titles, c), figure.Sentence(c))
	}
	return strings.ReplaceAll(text.String(), "<", "&lt;"), nil
}

// Claims shows claims of the paper by id with their verdicts, and under them why those do not hold that do not. Without
// ids it shows all.
func Claims(ids ...string) {
	defer gonbui.Sync()
	text, err := claims(resultsFolder(), ids)
	must(err)
	gonbui.DisplayMarkdown(text)
}

func claims(results string, ids []string) (string, error) {
	all, err := result.ReadClaims(results)
	if err != nil {
		return "", err
	}
	conditions, err := result.Read[result.Condition](results)
	if err != nil {
		return "", err
	}
	var chosen []result.Claim
	if len(ids) == 0 {
		chosen = all
	}
	for _, id := range ids {
		i := slices.IndexFunc(all, func(c result.Claim) bool { return c.ID == id })
		if i < 0 {
			return "", fmt.Errorf("no claim %q in %s", id, results)
		}
		chosen = append(chosen, all[i])
	}
	text := report.ClaimsMarkdown(chosen, conditions...)
	reasons, err := result.Reasons(chosen)
	if err != nil {
		return "", err
	}
	if len(reasons) > 0 {
		text += "\nWhy, where a claim does not hold:\n\n"
		for _, r := range reasons {
			text += fmt.Sprintf("- **%s**: %s\n", r.Claims(), r.Why)
		}
	}
	return text, nil
}

// CheckBands compares the claims with these ids with the bands in which they were measured before
// (experiments/bands.yaml), all of them without ids. It is for the last cell of a notebook: it notices a change of the
// program, not a disagreement with the paper.
func CheckBands(ids ...string) ([]string, error) {
	folder, err := Folder()
	if err != nil {
		return nil, err
	}
	all, err := result.ReadClaims(folder)
	if err != nil {
		return nil, err
	}
	asked := func(c result.Claim) bool { return len(ids) == 0 || slices.Contains(ids, c.ID) }
	checked, err := result.CheckBands(slices.DeleteFunc(all, func(c result.Claim) bool { return !asked(c) }))
	if errors.Is(err, result.ErrNoBand) {
		return []string{"no band for these claims at this size on these sets; each value lies within its interval"}, nil
	}
	return checked, err
}
