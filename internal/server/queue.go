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
	"strata/pkg/detector/output"
	"strata/pkg/imageset/intake"
)

// job is a picture that waits for the networks.
type job struct {
	ctx      context.Context
	prepared detector.Prepared // with Look where a heat map is wanted
	held     *body             // of its request, of which the heat map takes memory
	result   detector.Result
	heatMap  []byte // a PNG
	err      error
	done     func()
}

// queue lets pictures of several requests share a batch: the networks compute full ones, whatever is in them. While one is
// computed others come, and all that wait then are the next.
type queue struct {
	detector *detector.Detector
	work     *working
	jobs     chan *job
	quit     chan struct{}
	ended    sync.WaitGroup
	batched  func(images int) // hears the size of each
}

func newQueue(d *detector.Detector, most int64) *queue {
	q := &queue{detector: d, work: newWorking(most), jobs: make(chan *job, density.ScoreBatch), quit: make(chan struct{}),
		batched: func(int) {}}
	q.ended.Go(q.computeAll)
	return q
}

// close ends the work, and leaves what waits.
func (q *queue) close() {
	close(q.quit)
	q.ended.Wait()
}

// errQueue is what a picture gets that the networks failed on.
var errQueue = errors.New("not computed")

func (q *queue) computeAll() {
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
	for _, j := range group {
		if j.err = j.ctx.Err(); j.err != nil {
			continue
		}
		j.err = errQueue
		wanted = append(wanted, j)
	}
	if len(wanted) > 0 {
		q.batched(len(wanted))
		err := q.one(wanted)
		for _, j := range wanted {
			if errors.Is(j.err, errQueue) && err != nil {
				j.err = err
			}
		}
	}
	for _, j := range group {
		j.prepared = detector.Prepared{} // in tiles it is megabytes, and its request waits for others
		j.done()
	}
}

// one judges a batch. A panic in it is an error of its requests, and not the end of the process and of all others.
func (q *queue) one(jobs []*job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("a panic: %v\n%s", p, debug.Stack())
		}
	}()
	at := 0
	_, err = q.detector.Judge(context.Background(), prepared(jobs), detector.Options{}, func(r detector.Result) error {
		j := jobs[at]
		at++
		j.err = j.found(r)
		return nil
	})
	return err
}

// found keeps what is found of a picture, and its heat map as the PNG that is answered, which is small.
func (j *job) found(r detector.Result) (err error) {
	if r.View != nil {
		if j.heatMap, err = output.HeatPNG(r.View.Heat); err == nil {
			err = j.held.take(timesHeat * int64(len(j.heatMap)))
		}
	}
	j.result = r
	j.result.View = nil // megabytes in tiles
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

// judge queues the pictures of a request as they are decoded, and waits for all. Before one is decoded it waits until there is memory for
// what is made of it. The pictures of a request get that in their order, and each gives it back by itself, so that none waits for ever.
func (q *queue) judge(ctx context.Context, files []intake.File, limits intake.Limits, heat bool, held *body) ([]*job, error) {
	preparation := q.detector.Preparation()
	size := preparation.Bytes(heat)
	begun, read := 0, 0
	inTurn := func(yield func(intake.File) bool) {
		for _, file := range files {
			if q.work.acquire(ctx, size) != nil {
				return // its time is over
			}
			if begun++; !yield(file) {
				return
			}
		}
	}
	var jobs []*job
	var wait sync.WaitGroup
	for p := range preparation.Read(ctx, inTurn, limits) {
		read++
		p.Look = heat
		j := &job{ctx: ctx, prepared: p, held: held}
		jobs = append(jobs, j)
		if p.Err != nil { // answered without the networks
			j.result = detector.Result{Path: p.File.Name, Err: p.Err}
			q.work.release(size)
			continue
		}
		wait.Add(1)
		j.done = func() {
			q.work.release(size)
			wait.Done()
		}
		select {
		case q.jobs <- j:
		case <-ctx.Done():
			j.prepared, j.err = detector.Prepared{}, ctx.Err()
			j.done()
		}
	}
	q.work.release(size * int64(begun-read)) // of those that were dropped as its time was over
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
