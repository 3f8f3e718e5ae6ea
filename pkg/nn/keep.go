package nn

import . "github.com/gomlx/gomlx/core/graph"

// A loop's gradient builds each turn again, see Scan. What is dear to compute and wanted by the gradient a turn can hand to
// Keep: the loop forwards then stores it, and the turn that is built again finds it there instead of computing it.

type tapeKey struct{}

// tape is what Keep works on while a turn is being built.
type tape struct {
	replay bool
	nodes  []*Node
	next   int
}

// Keep is v, from the loop forwards. Who keeps takes the gradient into its own hands (WithGradient): in the loop backwards
// v has no path to what it was computed from, but one to from that carries nothing, so that differentiation finds them.
func Keep(v *Node, from ...*Node) *Node {
	t := tapeOf(v.Graph())
	switch {
	case t == nil:
		return v
	case t.replay:
		t.next++
		return Linked(t.nodes[t.next-1], from...)
	}
	t.nodes = append(t.nodes, v)
	return v
}

// replays says whether what is kept comes from a tape now.
func replays(g *Graph) bool {
	t := tapeOf(g)
	return t != nil && t.replay
}

func tapeOf(g *Graph) *tape {
	t, _ := g.State(tapeKey{}).(*tape)
	return t
}

// recording builds with a tape that records, if wanted, and returns what was kept.
func recording(g *Graph, wanted bool, build func()) []*Node {
	if !wanted {
		onTape(g, nil, build)
		return nil
	}
	t := &tape{}
	onTape(g, t, build)
	return t.nodes
}

// replaying builds with what was kept; where that is nothing, all is computed again.
func replaying(g *Graph, kept []*Node, build func()) {
	if len(kept) == 0 {
		onTape(g, nil, build)
		return
	}
	onTape(g, &tape{replay: true, nodes: kept}, build)
}

// onTape puts a tape in the place of the one of an outer loop.
func onTape(g *Graph, t *tape, build func()) {
	outer := tapeOf(g)
	set := func(t *tape) {
		if t == nil {
			g.AttachState(tapeKey{}, nil)
		} else {
			g.AttachState(tapeKey{}, t)
		}
	}
	set(t)
	defer set(outer)
	build()
}
