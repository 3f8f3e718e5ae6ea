//go:build !(linux && cgo)

package backend

// TrimMemory gives back memory that C code has freed, where it keeps some.
func TrimMemory() {}
