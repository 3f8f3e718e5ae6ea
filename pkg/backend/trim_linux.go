//go:build linux && cgo

package backend

// #cgo LDFLAGS: -ldl
// #define _GNU_SOURCE
// #include <dlfcn.h>
// #include <stddef.h>
//
// // Not every C library has it.
// static void trim(void) {
//	int (*malloc_trim)(size_t) = (int (*)(size_t)) dlsym(RTLD_DEFAULT, "malloc_trim");
//	if (malloc_trim) malloc_trim(0);
// }
import "C"

// TrimMemory gives the system back what C code has freed and glibc keeps. XLA's compiler works in many threads, each with
// a part of the heap, and leaves holes in them: of the plan of size smoke on two cores, each program that was new left 250
// to 320 MB so, and the process had 660 MB after four of them where it would have grown by gigabytes over a plan.
func TrimMemory() { C.trim() }
