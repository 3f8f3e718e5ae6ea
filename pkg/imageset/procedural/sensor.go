package procedural

import "math"

// The sensor's noise has the same law in every set: a standard deviation of noiseLow ... noiseHigh
// grey levels drawn per image, a part shared by the channels, and a slight blur, as demosaicing and
// resizing leave it.
const (
	noiseLow, noiseHigh = 1.6, 2.6
	noiseShared         = 0.6 // weight of the shared part; 0.8 of the channel's own: squares add to 1
	noiseOwn            = 0.8
	noiseSide           = 0.15 // weight of each neighbour in a row, then in a column, beside 1 in the middle
)

// Pixels before the noise stay this far from 0 and 255, so that the noise is hardly ever cut off.
const blackest, whitest = 9, 246

// expose turns the canvas into bytes (HWC): noise is added, and the sum rounded.
func (c *canvas) expose(r *random, out []uint8) {
	const wide = Side + 2
	var shared [wide * wide]float64
	for i := range shared {
		shared[i] = r.normal()
	}
	// The blur divides the variance by (1 + 2 side^2)^2; this restores it.
	gain := r.between(noiseLow, noiseHigh) / (1 + 2*noiseSide*noiseSide)
	var raw, row [wide * wide]float64
	for ch := range Channels {
		for i := range raw {
			raw[i] = dot(noiseShared, shared[i], noiseOwn, r.normal())
		}
		for i := 1; i < len(raw)-1; i++ {
			row[i] = raw[i] + mul(noiseSide, raw[i-1]+raw[i+1])
		}
		for y := range Side {
			for x := range Side {
				i := (y+1)*wide + x + 1
				noise := mul(gain, row[i]+mul(noiseSide, row[i-wide]+row[i+wide]))
				v := clamp(c.pixels[y*Side+x][ch], blackest, whitest) + noise
				out[(y*Side+x)*Channels+ch] = uint8(clamp(math.Floor(v+0.5), 0, 255))
			}
		}
	}
}
