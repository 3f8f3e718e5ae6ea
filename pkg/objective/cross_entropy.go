package objective

import . "github.com/gomlx/gomlx/core/graph"

// CrossEntropy is the mean over images of -ln p(y|x) with p(.|x) the softmax of logits [N, B] and the true classes y as
// oneHot [N, B], in nats: the loss of the discriminative baseline (digest §9).
func CrossEntropy(logits, oneHot *Node) *Node {
	return ReduceAllMean(Sub(logSumExp(logits), OfClass(logits, oneHot)))
}

// logSumExp is ln sum exp(l) over the classes of l [N, B]: [B]. The largest is taken out first, so that no exponential
// overflows.
func logSumExp(l *Node) *Node {
	largest := StopGradient(ReduceMax(l, 0))
	rest := Exp(Sub(l, BroadcastToShape(Reshape(largest, 1, largest.Shape().Dim(0)), l.Shape())))
	return Add(Log(ReduceSum(rest, 0)), largest)
}
