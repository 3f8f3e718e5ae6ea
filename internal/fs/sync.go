package fs

import "os"

// Sync makes the names in a folder durable: a file that was renamed into it is there after a power cut.
func Sync(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}
