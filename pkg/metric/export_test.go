package metric

// KeepAtMost makes a Resampler keep less.
func (r *Resampler) KeepAtMost(bytes int) { r.most = bytes }
