package imageset

import (
	"bytes"
	"fmt"
	"image"
	"image/jpeg"

	"strata/pkg/imageset/format"
)

// JPEG is the set after each image went once through JPEG of a quality from 1 to 100, chroma halved along both axes (4:2:0), as
// files on the web mostly did. It gives a lossless set the history of others: JPEG alone can move an AUROC from 50 to 99.
// Grey sets have no chroma.
func (s *Set) JPEG(quality int) (*Set, error) {
	if quality < 1 || quality > 100 {
		return nil, fmt.Errorf("image set %s/%s: JPEG of quality %d: expected 1 to 100", s.Name, s.Split, quality)
	}
	coded := *s
	coded.hash = ""
	coded.Pixels = make([]uint8, len(s.Pixels))
	coded.History = after(s.History, fmt.Sprintf("JPEG %d 4:2:0 at %dx%d", quality, s.Height, s.Width))
	size := s.ImageSize()
	_, err := format.Each(s.Len(), func() func(int) error {
		var file bytes.Buffer
		picture := image.NewRGBA(image.Rect(0, 0, s.Width, s.Height))
		return func(i int) error {
			file.Reset()
			var source image.Image = picture
			if s.Channels == 1 {
				source = &image.Gray{Pix: s.Image(i), Stride: s.Width, Rect: picture.Rect}
			} else {
				for p, from := 0, s.Image(i); p < s.Height*s.Width; p++ {
					copy(picture.Pix[4*p:4*p+3], from[3*p:])
					picture.Pix[4*p+3] = 255
				}
			}
			if err := jpeg.Encode(&file, source, &jpeg.Options{Quality: quality}); err != nil {
				return err
			}
			return format.DecodePicture(coded.Pixels[i*size:(i+1)*size], file.Bytes(), s.Height, s.Width, s.Channels)
		}
	})
	if err != nil {
		return nil, fmt.Errorf("image set %s/%s: JPEG: %w", s.Name, s.Split, err)
	}
	return &coded, nil
}

// lossless are histories that leave no trace of strata's side or of a known codec.
var lossless = map[string]bool{"": true, format.AsStored: true, format.AsDistributed: true, drawn: true}

// after is a history with one step more.
func after(history, step string) string {
	if lossless[history] {
		return step
	}
	return history + ", then " + step
}

// CompareHistories returns one line for each two of the sets that went through different codecs or resizing, to warn whoever
// compares them; none where all agree.
func CompareHistories(sets ...*Set) []string {
	var lines []string
	seen := map[string]bool{}
	for i, a := range sets {
		for _, b := range sets[:i] {
			if a.History == b.History || lossless[a.History] && lossless[b.History] {
				continue
			}
			line := fmt.Sprintf("warning: %s (%s) and %s (%s) differ in their history: unequal resizing or JPEG alone can move an AUROC "+
				"from 50 to 99", b.Name, historyOf(b), a.Name, historyOf(a))
			if !seen[line] {
				lines = append(lines, line)
			}
			seen[line] = true
		}
	}
	return lines
}

func historyOf(s *Set) string {
	if s.History == "" {
		return "unknown"
	}
	return s.History
}
