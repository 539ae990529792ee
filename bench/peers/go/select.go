// Go's select beside thrum_select: bench_select.c has the same work in the same order.

package main

import "time"

const eight = 8

func channels() (all [eight]chan int64) {
	for i := range all {
		all[i] = make(chan int64, 1)
	}
	return
}

// Takes an item from whichever has one: its index.
func take(all *[eight]chan int64) (index int, item int64) {
	select {
	case item = <-all[0]:
		index = 0
	case item = <-all[1]:
		index = 1
	case item = <-all[2]:
		index = 2
	case item = <-all[3]:
		index = 3
	case item = <-all[4]:
		index = 4
	case item = <-all[5]:
		index = 5
	case item = <-all[6]:
		index = 6
	case item = <-all[7]:
		index = 7
	}
	return
}

// The same without a wait: -1 if none has one.
func takeNow(all *[eight]chan int64) (index int) {
	select {
	case <-all[0]:
		index = 0
	case <-all[1]:
		index = 1
	case <-all[2]:
		index = 2
	case <-all[3]:
		index = 3
	case <-all[4]:
		index = 4
	case <-all[5]:
		index = 5
	case <-all[6]:
		index = 6
	case <-all[7]:
		index = 7
	default:
		index = -1
	}
	return
}

// One is ready: nanoseconds for a put and a select.
func selectOne(times int) float64 {
	all := channels()
	start := time.Now()
	for i := 0; i < times; i++ {
		all[i%eight] <- int64(i)
		take(&all)
	}
	return float64(time.Since(start).Nanoseconds()) / float64(times)
}

// All are ready.
func selectAll(times int) float64 {
	all := channels()
	for i := range all {
		all[i] <- 0
	}
	start := time.Now()
	for i := 0; i < times; i++ {
		index, item := take(&all)
		all[index] <- item
	}
	return float64(time.Since(start).Nanoseconds()) / float64(times)
}

// None is ready: nanoseconds for a select that does not wait.
func selectNone(times int) float64 {
	all := channels()
	start := time.Now()
	for i := 0; i < times; i++ {
		if takeNow(&all) >= 0 {
			return -1
		}
	}
	return float64(time.Since(start).Nanoseconds()) / float64(times)
}

// A ball between two goroutines: nanoseconds for a way.
func selectBall(trips int) float64 {
	all, back := channels(), make(chan int64, 1)
	done := make(chan bool)
	start := time.Now()
	go func() {
		for i := 0; i < trips; i++ {
			_, item := take(&all)
			back <- item
		}
		done <- true
	}()
	for ball := 0; ball < trips; ball++ {
		all[ball%eight] <- int64(ball)
		<-back
	}
	elapsed := time.Since(start)
	<-done
	return float64(elapsed.Nanoseconds()) / float64(trips) / 2
}
