package figure

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"strata/pkg/result"
)

// ReadmeFile is the page of all figures and tables beside the index, for whoever opens their folder.
const ReadmeFile = "README.md"

// readmeSections are the headings of the page, each with figures of the index and what people call them; the scorecard
// comes first, since it says at a glance what became of the paper.
var readmeSections = []struct {
	title   string
	figures []named
}{
	{"Scorecard", []named{{"scorecard", "All claims"}}},
	{"Figure 1: what likelihoods see", []named{{"fig1", "Figure 1"}}},
	{"Figure 2: the hierarchy of distributions", []named{{"fig2", "Figure 2"}}},
	{"Figure 3: the hierarchy of features", []named{{"fig3", "Figure 3"}}},
	{"Supplement", []named{{"figS1", "Figure S1"}, {"figS2", "Figure S2"}, {"figS3", "Figure S3"},
		{"figS4", "Figure S4"}, {"figS5", "Figure S5"}, {"figS6", "Figure S6"},
		{"figS7", "Figure S7"}, {"figS8", "Figure S8"}}},
	{"Further figures", []named{{"table2", "Table 2 as dots"}, {"claims_over_steps", "Claims over steps"},
		{"sets", "Image sets"}, {"augmentation", "Augmentation"}, {"kernel", "Kernels of the general set"}}},
}

// readme is the page: every figure with what became of its claims, and links to the tables. It is a function of the
// results and of where the files lie.
func (w *writer) readme() ([]byte, error) {
	titles, err := result.ClaimTitles()
	if err != nil {
		return nil, err
	}
	from := filepath.ToSlash(relative(w.folder, w.results.folder))
	var text strings.Builder
	fmt.Fprintf(&text, "# Figures and tables\n\nDrawn by `strata figures` from [%s](%s), and never edited: "+
		"[%s](%s) says which files each comes from. Under each stand the claims of the paper that it is about: the paper's "+
		"value / what was measured here, with its 95 %% interval / the verdict. AUROCs are in %%, with in as the positive "+
		"class; `experiments/claims.yaml` says what each claim asks for. %s\n",
		filepath.Base(w.results.folder), from, IndexFile, IndexFile, w.results.measuredOn(nil, tableRoles))
	for _, section := range readmeSections {
		fmt.Fprintf(&text, "\n## %s\n", section.title)
		for _, f := range section.figures {
			i := slices.IndexFunc(w.index, func(row IndexRow) bool { return row.Figure == f.id })
			if i < 0 {
				continue
			}
			row := w.index[i]
			if len(section.figures) > 1 {
				fmt.Fprintf(&text, "\n### %s\n", f.name)
			}
			picture, shown := w.pictureLink(row, f.name)
			parts := w.partsOf(f.id)
			text.WriteString("\n" + picture + "\n")
			if !shown && len(parts) > 0 { // its charts are nobody's images
				text.WriteString("\n")
				for _, p := range parts {
					fmt.Fprintf(&text, "<img alt=\"%s\" src=\"%s\" width=\"400\">\n", f.name+p.letter, p.file)
				}
			}
			if said := w.results.verdicts(row, titles); said != "" && !strings.HasPrefix(said, picture) {
				text.WriteString("\n" + said)
			}
			if shown && len(parts) > 0 {
				fmt.Fprintf(&text, "\nBy themselves: %s.\n", linked(parts))
			}
		}
	}
	text.WriteString("\n## Tables\n\nThe paper's values with those of here beside them.\n")
	for _, row := range w.index {
		if _, name, ok := strings.Cut(filepath.ToSlash(row.Figure), "tables/table"); ok {
			fmt.Fprintf(&text, "\n### Table %s: %s\n\n%s\n", name, row.Caption, links(row.Files))
			if said := w.results.verdicts(IndexRow{Figure: filepath.ToSlash(row.Figure)}, titles); said != "" {
				text.WriteString("\n" + said)
			}
		}
	}
	return []byte(strings.TrimRight(text.String(), "\n") + "\n"), nil
}

// isIgnored says whether a file lies where git does not look: nobody who reads the page has it.
func isIgnored(file string) bool {
	return strings.HasPrefix(filepath.ToSlash(file), ignoredFigures+"/")
}

// pictureLink shows the PNG of a figure, or says why it does not.
func (w *writer) pictureLink(row IndexRow, name string) (text string, shown bool) {
	if why, empty := w.empty[row.Figure]; empty {
		return why, false
	}
	for _, file := range row.Files {
		if filepath.Ext(file) == ".png" && !isIgnored(file) {
			return fmt.Sprintf("![%s](%s)", name, filepath.ToSlash(file)), true
		}
	}
	return name + ": it shows images that are not strata's own, and stays out of the repository.", false
}

// verdicts are what became of the claims of a figure or table, a line each; of a figure without claims its caption.
func (r *Results) verdicts(row IndexRow, titles map[string]string) string {
	var text strings.Builder
	for _, c := range r.ClaimsOf(row.Figure) {
		here := Here(c)
		if here == "" {
			here = "\u2013"
		}
		fmt.Fprintf(&text, "- **%s** %s: paper %s / here %s / %s\n", c.ID, titles[c.ID], c.Paper, here, c.Verdict)
	}
	if said, _, _ := strings.Cut(row.Caption, setsSentence); text.Len() == 0 && said != "" {
		return strings.TrimSpace(said) + "\n"
	}
	return text.String()
}

// lettered is a figure that a composed one consists of.
type lettered struct{ letter, file string }

// partsOf are the parts of a figure that may be seen and show something: fig1a and others of fig1.
func (w *writer) partsOf(name string) (parts []lettered) {
	for _, row := range w.index {
		letter, ok := strings.CutPrefix(row.Figure, name)
		_, empty := w.empty[row.Figure]
		if ok && len(letter) == 1 && len(row.Files) > 0 && !isIgnored(row.Files[0]) && !empty {
			parts = append(parts, lettered{strings.ToUpper(letter), filepath.ToSlash(row.Files[0])})
		}
	}
	return parts
}

func linked(parts []lettered) string {
	var all []string
	for _, p := range parts {
		all = append(all, fmt.Sprintf("[%s](%s)", p.letter, p.file))
	}
	return strings.Join(all, ", ")
}

// links are those to files by their kinds: "[.md](tables/table1.md), [.csv](tables/table1.csv)".
func links(files []string) string {
	var all []string
	for _, file := range files {
		all = append(all, fmt.Sprintf("[%s](%s)", filepath.Base(file), filepath.ToSlash(file)))
	}
	return strings.Join(all, ", ")
}
