package imageset

import (
	"fmt"
	"image"
	"os"
	"path/filepath"
	"strings"
)

// Export writes the first n images of a set, all for 0, as PNG files "SET-00000.png" of a folder, which is made where
// it is absent. It is for what wants pictures in files, as other people's tools do. A file that is there already is written anew.
func Export(set *Set, folder string, n int) error {
	if n <= 0 || n > set.Len() {
		n = set.Len()
	}
	if err := os.MkdirAll(folder, 0o755); err != nil {
		return err
	}
	name := strings.ReplaceAll(set.Name, string(filepath.Separator), "_")
	for i := range n {
		if err := WritePNG(filepath.Join(folder, fmt.Sprintf("%s-%05d.png", name, i)), Picture(set, i)); err != nil {
			return err
		}
	}
	return nil
}

// Picture is one image of a set, grey where the set is; it may share the set's pixels.
func Picture(set *Set, i int) image.Image {
	pixels, bounds := set.Image(i), image.Rect(0, 0, set.Width, set.Height)
	if set.Channels == 1 {
		return &image.Gray{Pix: pixels, Stride: set.Width, Rect: bounds}
	}
	rgb := image.NewNRGBA(bounds)
	for p := range set.Height * set.Width {
		copy(rgb.Pix[4*p:], pixels[3*p:3*p+3])
		rgb.Pix[4*p+3] = 255
	}
	return rgb
}
