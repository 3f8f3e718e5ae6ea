//go:build !goexperiment.simd

package glow_test

import "testing"

func requireSIMD(tb testing.TB) {
	tb.Helper()
	tb.Fatal("built without SIMD, ten times slower: set GOEXPERIMENT=simd (make bench does)")
}
