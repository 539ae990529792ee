// Goroutines beside thrum's fibers: bench_fiber.c has the same work in the same order.

package main

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Two that yield to each other: nanoseconds for a yield.
func yield(times int) float64 {
	other := make(chan bool)
	go func() {
		for i := 0; i < times; i++ {
			runtime.Gosched()
		}
		other <- true
	}()
	runtime.Gosched()
	start := time.Now()
	for i := 0; i < times; i++ {
		runtime.Gosched()
	}
	elapsed := time.Since(start)
	<-other
	return float64(elapsed.Nanoseconds()) / float64(times) / 2
}

// Goroutines a hundred at a time: nanoseconds for one. The last one begins first here, so it is a
// WaitGroup that is waited for.
func start(tasks int, waits bool) float64 {
	const batch = 100
	var all sync.WaitGroup
	start := time.Now()
	for i := 0; i < tasks/batch; i++ {
		all.Add(batch)
		for k := 0; k < batch; k++ {
			if waits {
				go func() {
					runtime.Gosched()
					all.Done()
				}()
			} else {
				go all.Done()
			}
		}
		all.Wait()
	}
	return float64(time.Since(start).Nanoseconds()) / float64(tasks/batch*batch)
}

// A ball over channels with room for one: nanoseconds for a way.
func pingPong(trips int) float64 {
	there, back := make(chan int, 1), make(chan int, 1)
	go func() {
		for ball := range there {
			back <- ball
		}
	}()
	start := time.Now()
	for ball := 0; ball < trips; ball++ {
		there <- ball
		<-back
	}
	elapsed := time.Since(start)
	close(there)
	return float64(elapsed.Nanoseconds()) / float64(trips) / 2
}

// Gigabytes of memory that the program has.
func resident() float64 {
	var size, pages float64
	file, err := os.Open("/proc/self/statm")
	if err != nil {
		return 0
	}
	defer file.Close()
	fmt.Fscan(file, &size, &pages)
	return pages * float64(os.Getpagesize()) / 1e9
}

var atFirst = resident()
var asleepTook float64 // gigabytes, of the last crowd

// Seconds until so many wait for one event, each with a deadline.
func asleep(sleepers int) float64 {
	var inBed int64
	var all sync.WaitGroup
	morning, allInBed := make(chan bool), make(chan bool)
	all.Add(sleepers)
	start := time.Now()
	for i := 0; i < sleepers; i++ {
		go func() {
			if atomic.AddInt64(&inBed, 1) == int64(sleepers) {
				close(allInBed)
			}
			deadline := time.NewTimer(time.Hour)
			select {
			case <-morning:
			case <-deadline.C:
			}
			deadline.Stop()
			all.Done()
		}()
	}
	<-allInBed
	elapsed := time.Since(start)
	asleepTook = resident() - atFirst
	close(morning)
	all.Wait()
	debug.FreeOSMemory()
	return elapsed.Seconds()
}

func asleepMemory(sleepers int) float64 {
	if asleepTook == 0 {
		asleep(sleepers)
	}
	return asleepTook
}

// Seconds by which the last of so many that sleep for five is late.
func late(sleepers int) float64 {
	var all sync.WaitGroup
	var guard sync.Mutex
	var latest time.Duration
	all.Add(sleepers)
	for i := 0; i < sleepers; i++ {
		go func() {
			until := time.Now().Add(5 * time.Second)
			time.Sleep(time.Until(until))
			late := time.Since(until)
			guard.Lock()
			if late > latest {
				latest = late
			}
			guard.Unlock()
			all.Done()
		}()
	}
	all.Wait()
	debug.FreeOSMemory()
	return latest.Seconds()
}
