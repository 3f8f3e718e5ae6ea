// Package markup makes HTML of Markdown with formulas, as the cells of notebooks have it: $...$ in a line, $$...$$ on
// their own. Formulas become MathML, which browsers draw themselves.
package markup

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"github.com/wyatt915/treeblood"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
	markdownhtml "github.com/yuin/goldmark/renderer/html"
)

var (
	converter = goldmark.New(goldmark.WithExtensions(extension.GFM),
		goldmark.WithRendererOptions(markdownhtml.WithUnsafe()))
	formulas = regexp.MustCompile(`(?s)\$\$(.+?)\$\$|\$([^$\s][^$\n]*?)\$`)
)

// HTML converts a text. Formulas are taken out first, as their underscores and stars are none of Markdown's.
func HTML(text string) (string, error) {
	var converted []string
	var failed error
	text = formulas.ReplaceAllStringFunc(text, func(found string) string {
		match := formulas.FindStringSubmatch(found)
		math, err := formula(strings.TrimSpace(match[1]+match[2]), match[1] != "")
		if err != nil && failed == nil {
			failed = fmt.Errorf("formula %s: %w", found, err)
		}
		converted = append(converted, math)
		return fmt.Sprintf("FORMULA%dX", len(converted)-1)
	})
	if failed != nil {
		return "", failed
	}
	var page bytes.Buffer
	if err := converter.Convert([]byte(text), &page); err != nil {
		return "", err
	}
	result := page.String()
	for i, math := range converted {
		result = strings.Replace(result, fmt.Sprintf("FORMULA%dX", i), math, 1)
	}
	return result, nil
}

// formula is TeX as MathML, on a line of its own where it is displayed.
func formula(tex string, displayed bool) (string, error) {
	math, err := treeblood.InlineStyle(tex, nil)
	if displayed {
		math, err = treeblood.DisplayStyle(tex, nil)
	}
	if err != nil {
		return "", err
	}
	if unknown := unknownCommand.FindStringSubmatch(math); unknown != nil {
		return "", fmt.Errorf("\\%s is no command that pages can show: \\text and \\mathrm are for words", unknown[1])
	}
	return spaced(math)
}

// unknownCommand is what the converter writes for a command that it does not know, and browsers show as a red speck.
var unknownCommand = regexp.MustCompile(`<merror[^>]*>([^<]*)</merror>`)
