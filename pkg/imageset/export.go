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
		var picture image.Image
		shape := image.Rect(0, 0, set.Width, set.Height)
		if set.Channels == 1 {
			picture = &image.Gray{Pix: set.Image(i), Stride: set.Width, Rect: shape}
		} else {
			colours := image.NewRGBA(shape)
			drawImage(colours, 0, 0, 1, set, i)
			picture = colours
		}
		if err := WritePNG(filepath.Join(folder, fmt.Sprintf("%s-%05d.png", name, i)), picture); err != nil {
			return err
		}
	}
	return nil
}
