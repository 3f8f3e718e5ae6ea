package markup

import (
	"strings"

	"golang.org/x/net/html"
)

// spaced puts the thin space around the names of functions, "ln" and "det", that TeX puts there: MathML has it for
// operators, and treeblood writes names as identifiers.
func spaced(math string) (string, error) {
	nodes, err := html.ParseFragment(strings.NewReader(math), nil)
	if err != nil {
		return "", err
	}
	body := &html.Node{Type: html.DocumentNode}
	for _, n := range nodes {
		body.AppendChild(n)
	}
	var names []*html.Node
	for n := range body.Descendants() {
		if n.Type == html.ElementNode && n.Parent.Data == "mrow" && isFunction(n) {
			names = append(names, n)
		}
	}
	for _, n := range names {
		if next := element(n.NextSibling, false); next != nil && !opens(next) {
			n.Parent.InsertBefore(thinSpace(), n.NextSibling)
		}
		if before := element(n.PrevSibling, true); before != nil && before.Data != "mo" && before.Data != "mspace" {
			n.Parent.InsertBefore(thinSpace(), n)
		}
	}
	var text strings.Builder
	for n := range body.ChildNodes() {
		if err := html.Render(&text, n); err != nil {
			return "", err
		}
	}
	return text.String(), nil
}

// isFunction says whether an element is the name of a function, or one with an index or limits.
func isFunction(n *html.Node) bool {
	switch n.Data {
	case "msub", "msup", "msubsup", "munder":
		first := element(n.FirstChild, false)
		return first != nil && isFunction(first)
	case "mi":
		return functions[content(n)]
	}
	return false
}

// functions are the names that TeX has commands for.
var functions = map[string]bool{"arccos": true, "arcsin": true, "arctan": true, "cos": true, "cosh": true, "cot": true,
	"det": true, "dim": true, "exp": true, "gcd": true, "inf": true, "ker": true, "lg": true, "lim": true, "ln": true,
	"log": true, "max": true, "min": true, "sin": true, "sinh": true, "sup": true, "tan": true, "tanh": true}

// opens says whether an element is a parenthesis, which stands close to the name before it.
func opens(n *html.Node) bool {
	if n.Data == "mrow" {
		first := element(n.FirstChild, false)
		return first != nil && opens(first)
	}
	return n.Data == "mo" && strings.ContainsAny(content(n), "([{") || n.Data == "mspace"
}

// element is the first element from a node on, backwards where asked.
func element(n *html.Node, backwards bool) *html.Node {
	for n != nil && n.Type != html.ElementNode {
		if backwards {
			n = n.PrevSibling
		} else {
			n = n.NextSibling
		}
	}
	return n
}

func content(n *html.Node) string {
	if n.FirstChild == nil {
		return ""
	}
	return strings.TrimSpace(n.FirstChild.Data)
}

func thinSpace() *html.Node {
	return &html.Node{Type: html.ElementNode, Data: "mspace", Namespace: "math",
		Attr: []html.Attribute{{Key: "width", Val: "0.1667em"}}}
}
