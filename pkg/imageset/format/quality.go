package format

import (
	"fmt"
	"math"
)

// jpegQuality says how a JPEG was made, as far as its tables tell: " 75 4:2:0", the quality on libjpeg's scale from 1 to 100 and the
// resolution of its chroma. It is part of a set's history: two sets of one codec and unlike qualities can be told apart by that alone. What
// cannot be told is left out.
func jpegQuality(data []byte) (text string) {
	for at := 2; at+4 <= len(data) && data[at] == 0xff; {
		marker, length := data[at+1], int(data[at+2])<<8|int(data[at+3])
		if marker == 0xff { // padding
			at++
			continue
		}
		if marker == 0xda || length < 2 || at+2+length > len(data) { // the scan begins
			break
		}
		segment := data[at+4 : at+2+length]
		switch {
		case marker == 0xdb && len(segment) >= 65 && segment[0] == 0: // the table of luminance, 8 bits a value
			text = fmt.Sprintf(" %d", qualityOf(segment[1:65])) + text
		case (marker == 0xc0 || marker == 0xc1 || marker == 0xc2) && len(segment) >= 15 && segment[5] == 3: // a frame of three components
			switch segment[7] {
			case 0x11:
				text += " 4:4:4"
			case 0x21:
				text += " 4:2:2"
			case 0x22:
				text += " 4:2:0"
			}
		}
		at += 2 + length
	}
	return text
}

// luminance is the standard's table (ITU-T T.81, K.1) in the order in which files have it.
var luminance = [64]float64{16, 11, 12, 14, 12, 10, 16, 14, 13, 14, 18, 17, 16, 19, 24, 40, 26, 24, 22, 22, 24, 49, 35, 37, 29,
	40, 58, 51, 61, 60, 57, 51, 56, 55, 64, 72, 92, 78, 64, 68, 87, 69, 55, 56, 80, 109, 81, 87, 95, 98, 103, 104, 103, 62, 77, 113, 121,
	112, 100, 120, 92, 101, 103, 99}

// qualityOf is the quality whose scaling of the standard's table comes nearest: 5000/q percent below 50, 200-2q percent from there.
func qualityOf(table []byte) int {
	best, least := 1, math.Inf(1)
	for quality := 1; quality <= 100; quality++ {
		scale := 200 - 2*float64(quality)
		if quality < 50 {
			scale = math.Floor(5000 / float64(quality))
		}
		distance := 0.0
		for i, v := range table {
			distance += math.Abs(float64(v) - min(max(math.Floor((luminance[i]*scale+50)/100), 1), 255))
		}
		if distance < least {
			best, least = quality, distance
		}
	}
	return best
}
