package claim

import (
	"go/parser"
	"math"
	"testing"

	"strata/pkg/result"

	"github.com/stretchr/testify/require"
)

// The shown quantity is found in a condition wherever it stands, and what it is held against follows from that.
func TestThresholds(t *testing.T) {
	for _, test := range []struct {
		shown, decided string
		at             position
		want           threshold
	}{
		{"a(x)", "a(x)", whole, threshold{">", 30}},
		{"least(each(o, all, least(a(o), b(o))))", "each(o, all, b(o))", whole, threshold{">", 30}},
		{"least(pairs(a, b, all, c(a, b)))", "pairs(a, b, all, c(a, b))", whole, threshold{">", 30}},
		{"a(x) - b(x)", "a(x) - b(x)", whole, threshold{">", 30}},
		{"a(x)", "a(x) - b(x)", minuend, threshold{">", 90}}, // b is 60
		{"a(x)", "each(c, all, a(x) - b(c))", minuend, threshold{">", 90}},
		{"b(x)", "a(x) - b(x)", subtrahend, threshold{"<", 110}}, // a is 140
		{"a(x)", "b(x)", elsewhere, threshold{}},
		{"a(x)", "a(x) + b(x)", elsewhere, threshold{}},
		{"least(each(o, all, a(o)))", "each(o, all, a(o) - b(o))", elsewhere, threshold{}},
	} {
		shown, err := parser.ParseExpr(test.shown)
		require.NoError(t, err)
		decided, err := parser.ParseExpr(test.decided)
		require.NoError(t, err)
		at := positionOf(shown, decided)
		require.Equal(t, test.at, at, "%s in %s", test.shown, test.decided)
		// The shown quantity is 100 or, where it is taken from another, 80; the difference is 40 or 60, and must be above 30.
		value, difference := 100., 40.
		if at == subtrahend {
			value, difference = 80, 60
		}
		got := at.threshold(value, result.Condition{Value: difference, Comparison: ">", Bound: 30})
		if at == elsewhere {
			require.Empty(t, got.comparison)
			require.True(t, math.IsNaN(got.bound))
			continue
		}
		require.Equal(t, test.want, got, "%s in %s", test.shown, test.decided)
	}
}
