package nn

import (
	"reflect"
	"unsafe"

	. "github.com/gomlx/gomlx/core/graph"
)

// newClosure is GoMLX's NewClosure, made to work under XLA.
//
// GoMLX v0.28 keeps one cache of scalar constants a graph, and go-xla v0.4 one of reduction functions a program. Both hand a
// closure what belongs to the function around it, or to another closure, and StableHLO refuses to use a value of one function
// in another. There is no way around the caches but through their private fields: while a closure is built they are empty
// maps, and afterwards the old ones are back.
//
// TestClosuresNeedHelp fails on the day that the libraries do without.
func newClosure(g *Graph, build func(g *Graph) []*Node) (f *Function) {
	defer emptyWhile(privateField(reflect.ValueOf(g), "scalars"))()
	builder := privateField(reflect.ValueOf(g), "builder").Elem()
	if builder.Elem().FieldByName("cacheReductions").IsValid() { // only go-xla's has it
		defer emptyWhile(privateField(builder, "cacheReductions"))()
	}
	return NewClosure(g, build)
}

// privateField is a field of what v points to, writable.
func privateField(v reflect.Value, name string) reflect.Value {
	f := v.Elem().FieldByName(name)
	return reflect.NewAt(f.Type(), unsafe.Pointer(f.UnsafeAddr())).Elem()
}

// emptyWhile empties a map until what it returns is called.
func emptyWhile(m reflect.Value) (restore func()) {
	old := reflect.ValueOf(m.Interface())
	m.Set(reflect.MakeMap(m.Type()))
	return func() { m.Set(old) }
}
