//go:build !(((linux && (amd64 || arm64)) || (darwin && arm64)) && !noxla)

package backend

import "github.com/gomlx/compute"

// loaded is nothing in a build without XLA.
func loaded(compute.Backend) (path, version string) { return "", "" }
