package claim

import (
	"go/ast"
	"go/token"
	"math"
	"slices"

	"strata/pkg/result"
)

// threshold is what the quantity that a claim shows must stand to, and how; no comparison says that a condition is
// about other quantities.
type threshold struct {
	comparison string
	bound      float64
}

// position is where the quantity that a claim shows stands in a condition.
type position int

const (
	elsewhere  position = iota // nowhere
	whole                      // it is what is compared with the bound, or the least of what is
	minuend                    // another quantity is taken from it
	subtrahend                 // it is taken from another
)

// positionOf finds the shown quantity in what a condition compares with its bound, of whatever each and pairs run over.
func positionOf(shown, decided ast.Expr) position {
	parts := partsOf(shown)
	if !slices.ContainsFunc(partsOf(decided), func(part string) bool { return !slices.Contains(parts, part) }) {
		return whole
	}
	if difference, ok := repeated(decided).(*ast.BinaryExpr); ok && difference.Op == token.SUB {
		switch text(shown, nil) {
		case text(difference.X, nil):
			return minuend
		case text(difference.Y, nil):
			return subtrahend
		}
	}
	return elsewhere
}

// partsOf are the quantities that an expression is the least of, as text; itself, where it is of none.
func partsOf(x ast.Expr) []string {
	x = repeated(x)
	call, ok := x.(*ast.CallExpr)
	if !ok || name(call.Fun) != "least" {
		return []string{text(x, nil)}
	}
	var parts []string
	for _, a := range call.Args {
		parts = append(parts, partsOf(a)...)
	}
	return parts
}

// repeated is what each and pairs repeat, of any other expression itself.
func repeated(x ast.Expr) ast.Expr {
	if call, ok := x.(*ast.CallExpr); ok && (name(call.Fun) == "each" || name(call.Fun) == "pairs") {
		return repeated(call.Args[len(call.Args)-1])
	}
	return x
}

// mirrored is a comparison seen from the other side.
var mirrored = map[string]string{">": "<", "<": ">", ">=": "<=", "<=": ">="}

// threshold is what a condition holds the shown quantity against, whose value is shown: the bound, or what the other
// quantity and the bound make of it.
func (p position) threshold(shown float64, c result.Condition) threshold {
	beyond := c.Value - c.Bound
	switch p {
	case whole:
		return threshold{c.Comparison, c.Bound}
	case minuend:
		return threshold{c.Comparison, shown - beyond}
	case subtrahend:
		return threshold{mirrored[c.Comparison], shown + beyond}
	}
	return threshold{bound: math.NaN()}
}
