//go:build !goexperiment.simd

package main

const simd = "off: set GOEXPERIMENT=simd, it is ten times faster"
