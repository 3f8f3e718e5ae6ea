//go:build ((linux && (amd64 || arm64)) || (darwin && arm64)) && !noxla

package backend

import "github.com/gomlx/go-xla/compute/xla"

// Nothing is downloaded without being asked for: go-xla would fetch its plugins the first time it is opened.
func init() { xla.EnableAutoInstall(false) }
