package procedural

import "math"

// Arithmetic with the same result on every machine.
//
// Sums, products, quotients, square roots and floors are exactly rounded by IEEE 754 and thus the
// same everywhere. Two things are not: the transcendental functions of package math (assembly on
// some processors), and a product that the compiler fuses with a following sum (arm64, amd64 from
// level v3 on). So this package has its own sine, and rounds every product explicitly before it is
// added to anything: the Go specification promises that float64(x*y) is not fused. Quotients by a
// power of two, which the compiler turns into products, are rounded in the same way.
// TestNothingIsFused asks the compiler whether one was forgotten.

// mul is a*b, rounded, never fused with a later sum.
func mul(a, b float64) float64 { return float64(a * b) }

// dot is a*b + c*d.
func dot(a, b, c, d float64) float64 { return float64(a*b) + float64(c*d) }

// lerp goes from a (t = 0) to b (t = 1).
func lerp(a, b, t float64) float64 { return a + float64(t*(b-a)) }

func clamp(x, low, high float64) float64 { return min(max(x, low), high) }

// smooth is the cubic step: 0 up to 0, 1 from 1 on, flat at both ends.
func smooth(t float64) float64 {
	t = clamp(t, 0, 1)
	return float64(t*t) * (3 - float64(2*t))
}

// sine is sin(2 pi t): t counts turns. Its error is below 1e-7.
func sine(t float64) float64 {
	t -= math.Floor(t + 0.5) // now in [-1/2, 1/2)
	if t > 0.25 {
		t = 0.5 - t
	} else if t < -0.25 {
		t = -0.5 - t
	}
	x := float64(2 * math.Pi * t)
	z := float64(x * x)
	// Taylor's series up to x^11, enough for |x| <= pi/2.
	p := mul(-1.0/39916800, z)
	p = mul(p+1.0/362880, z)
	p = mul(p-1.0/5040, z)
	p = mul(p+1.0/120, z)
	p = mul(p-1.0/6, z)
	return mul(p+1, x)
}

// cosine is cos(2 pi t).
func cosine(t float64) float64 { return sine(t + 0.25) }
