package figure

import (
	"math"

	"gonum.org/v1/plot"
)

// asinhUnit is where an asinh axis turns from straight to logarithmic, nats.
const asinhUnit = 100

func asinh(v float64) float64 { return math.Asinh(v / asinhUnit) }

// asinhScale is an axis that is straight within asinhUnit of 0 and logarithmic beyond, on both sides.
type asinhScale struct{}

// Normalize implements plot.Normalizer.
func (asinhScale) Normalize(low, high, v float64) float64 {
	return (asinh(v) - asinh(low)) / (asinh(high) - asinh(low))
}

// asinhTicks are 0 and powers of ten from asinhUnit on, on both sides.
var asinhTicks = plot.TickerFunc(func(low, high float64) []plot.Tick {
	ticks := []plot.Tick{{Value: 0, Label: "0"}}
	superscripts := []rune("\u2070\u00B9\u00B2\u00B3\u2074\u2075\u2076\u2077\u2078\u2079")
	for exponent := 2; exponent < len(superscripts); exponent++ {
		value := math.Pow(10, float64(exponent))
		label := "10" + string(superscripts[exponent])
		ticks = append(ticks, plot.Tick{Value: value, Label: label}, plot.Tick{Value: -value, Label: "\u2212" + label})
	}
	within := ticks[:0]
	for _, t := range ticks {
		if low <= t.Value && t.Value <= high {
			within = append(within, t)
		}
	}
	return within
})
