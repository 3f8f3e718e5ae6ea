package markup

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestHTML(t *testing.T) {
	text, err := HTML("# A\n\n$a_1 * b_2$ and *c*\n\n$$\\ln p(x) = \\sum_i c_i$$\n\n| a | b |\n|---|---|\n| 1 | 2 |")
	require.NoError(t, err)
	for _, want := range []string{"<h1>A</h1>", "<em>c</em>", "<td>2</td>", `display="block"`} {
		require.Contains(t, text, want)
	}
	require.Equal(t, 2, strings.Count(text, "<math"))
	require.NotContains(t, text, "FORMULA")
}

// "ln p" has a thin space, "ln(p)" has none; a name has one before it too, unless an operator stands there.
func TestFunctionNamesAreSpaced(t *testing.T) {
	for tex, spaces := range map[string]int{
		`\ln p`:                  1,
		`\ln(p)`:                 0,
		`\ln \det A`:             2,
		`2 \ln p`:                2,
		`a = \ln p`:              1,
		`\log_2 P`:               1,
		`\ln p_{in} - \ln p_g`:   2,
		`\frac{\ln p}{T}`:        1,
		`f(x) \ln p`:             1, // after a closing parenthesis TeX has one too, which nobody misses
		`\mathrm{loss}(x)`:       0,
		`\ln\left|\det A\right|`: 2,
	} {
		text, err := HTML("$" + tex + "$")
		require.NoError(t, err)
		require.Equal(t, spaces, strings.Count(text, "<mspace"), "%s\n%s", tex, text)
	}
}

// A command that the converter does not know would be a red speck on the page.
func TestUnknownCommandsAreRefused(t *testing.T) {
	_, err := HTML(`the variance, $$\operatorname{Var}(a)$$`)
	require.ErrorContains(t, err, `\operatorname`)
	text, err := HTML(`the variance, $$\text{Var}(a)$$`)
	require.NoError(t, err)
	require.Contains(t, text, "Var")
}
