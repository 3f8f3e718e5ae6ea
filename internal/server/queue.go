package server

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"runtime/debug"
	"sync"

	"strata/pkg/density"
	"strata/pkg/detector"
	"strata/pkg/imageset/intake"
)

// job is a picture that waits for the networks.
type job struct {
	ctx      context.Context
	prepared detector.Prepared
	heat     bool
	result   detector.Result
	err      error
	done     func()
}

// queue lets pictures of several requests share a batch: the networks compute full ones, whatever is in them. While one is
// computed others come, and all that wait then are the next.
type queue struct {
	detector *detector.Detector
	jobs     chan *job
	quit     chan struct{}
	ended    sync.WaitGroup
	batched  func(images int) // hears the size of each
}

func newQueue(d *detector.Detector) *queue {
	q := &queue{detector: d, jobs: make(chan *job, density.ScoreBatch), quit: make(chan struct{}), batched: func(int) {}}
	q.ended.Go(q.work)
	return q
}

// close ends the work, and leaves what waits.
func (q *queue) close() {
	close(q.quit)
	q.ended.Wait()
}

// errQueue is what a picture gets that the networks failed on.
var errQueue = errors.New("not computed")

func (q *queue) work() {
	for {
		select {
		case first := <-q.jobs:
			q.compute(q.gather(first))
		case <-q.quit:
			return
		}
	}
}

// gather is all that waits, up to a batch.
func (q *queue) gather(first *job) []*job {
	group := []*job{first}
	for len(group) < density.ScoreBatch {
		select {
		case next := <-q.jobs:
			group = append(group, next)
		default:
			return group
		}
	}
	return group
}

// compute judges a group. Those whose client has gone are left out.
func (q *queue) compute(group []*job) {
	var wanted []*job
	var o detector.Options
	for _, j := range group {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		j.err = errQueue
		wanted = append(wanted, j)
		if j.heat {
			o.Look = func(float64) bool { return true }
		}
	}
	if len(wanted) > 0 {
		q.batched(len(wanted))
		err := q.one(wanted, o)
		for _, j := range wanted {
			if j.err != nil && err != nil {
				j.err = err
			}
			j.prepared = detector.Prepared{} // in tiles it is megabytes, and its request waits for others
		}
	}
	for _, j := range group {
		j.done()
	}
}

// one judges a batch. A panic in it is an error of its requests, and not the end of the process and of all others.
func (q *queue) one(jobs []*job, o detector.Options) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a panic: %v\n%s", p, debug.Stack())
		}
	}()
	at := 0
	_, err = q.detector.Judge(context.Background(), prepared(jobs), o, func(r detector.Result) error {
		jobs[at].result, jobs[at].err = r, nil
		at++
		return nil
	})
	return err
}

func prepared(jobs []*job) iter.Seq[detector.Prepared] {
	return func(yield func(detector.Prepared) bool) {
		for _, j := range jobs {
			if !yield(j.prepared) {
				return
			}
		}
	}
}

// warm compiles the programs, so that the first request does not wait for that.
func (q *queue) warm() error {
	if err := q.detector.Open(0); err != nil {
		return err
	}
	blank := &intake.Picture{Height: detector.Side, Width: detector.Side, Channels: 1, Pixels: make([]uint8, detector.Side*detector.Side)}
	done := make(chan struct{})
	j := &job{ctx: context.Background(), prepared: detector.Prepared{Windows: q.detector.Preparation().Of(blank)},
		done: func() { close(done) }}
	q.jobs <- j
	<-done
	return j.err
}

// judge queues the pictures of a request as they are decoded, and waits for all. Their number is bounded by what waits in the
// queue, a batch, and by the limits of requests.
func (q *queue) judge(ctx context.Context, pictures iter.Seq[detector.Prepared], heat bool) ([]*job, error) {
	var jobs []*job
	var wait sync.WaitGroup
	for p := range pictures {
		j := &job{ctx: ctx, prepared: p, heat: heat}
		jobs = append(jobs, j)
		if p.Err != nil { // answered without the networks
			j.result = detector.Result{Path: p.File.Name, Err: p.Err}
			continue
		}
		wait.Add(1)
		j.done = wait.Done
		select {
		case q.jobs <- j:
		case <-ctx.Done():
			wait.Done()
			j.err = ctx.Err()
		}
	}
	all := make(chan struct{})
	go func() { wait.Wait(); close(all) }()
	select {
	case <-all:
	case <-ctx.Done(): // what is queued is left out when its turn comes; nobody looks at it any more
		return nil, ctx.Err()
	}
	for _, j := range jobs {
		if j.err != nil {
			return nil, j.err
		}
	}
	return jobs, ctx.Err()
}
