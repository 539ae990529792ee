// Go, asked line by line as ../../external.h says.
//
//	queue SIDES ITEMS            million items/s through one channel, a goroutine for each side
//	submit WORKERS TASKS         million empty goroutines/s, until a WaitGroup has seen them all
//	one WORKERS TRIPS            microseconds for a goroutine whose result comes by a channel
//	fib WORKERS N                milliseconds for fib(N), a goroutine for each call
//	yield WORKERS TIMES          nanoseconds for a yield of one of two
//	start WORKERS TASKS          nanoseconds for an empty goroutine, a hundred at a time
//	start-wait WORKERS TASKS     the same for one that yields once
//	ping-pong WORKERS TRIPS      nanoseconds for a way of a ball over channels with room for one
//	select-one WORKERS TIMES     nanoseconds for a put and a select of eight channels, one of them ready
//	select-all WORKERS TIMES     the same with all of them ready
//	select-none WORKERS TIMES    the same with none ready, without a wait and without a put
//	select-ball WORKERS TRIPS    nanoseconds for a way of a ball, put into one of eight channels and selected
//	asleep WORKERS COUNT         seconds until so many wait, each with a deadline
//	asleep-memory WORKERS COUNT  gigabytes that they took the last time
//	late WORKERS COUNT           seconds by which the last of so many that sleep for 5 s is late
//
// Goroutines are not threads: two that take turns need no help of the kernel. WORKERS is GOMAXPROCS.
package main

import (
	"bufio"
	"fmt"
	"os"
	"runtime"
	"sync"
	"time"
)

const bound = 1024

func queue(sides int, items int) float64 {
	channel := make(chan int64, bound)
	each := items / sides
	var all sync.WaitGroup
	all.Add(2 * sides)
	start := time.Now()
	for i := 0; i < sides; i++ {
		go func() {
			for item := 0; item < each; item++ {
				channel <- int64(item)
			}
			all.Done()
		}()
		go func() {
			for n := 0; n < each; n++ {
				<-channel
			}
			all.Done()
		}()
	}
	all.Wait()
	return float64(each*sides) / time.Since(start).Seconds() / 1e6
}

func submit(tasks int) float64 {
	var all sync.WaitGroup
	start := time.Now()
	all.Add(tasks)
	for i := 0; i < tasks; i++ {
		go all.Done()
	}
	all.Wait()
	return float64(tasks) / time.Since(start).Seconds() / 1e6
}

func one(trips int) float64 {
	start := time.Now()
	for i := 0; i < trips; i++ {
		result := make(chan int, 1)
		go func() { result <- i }()
		<-result
	}
	return time.Since(start).Seconds() / float64(trips) * 1e6
}

func fib(n int) int {
	if n < 2 {
		return n
	}
	x := make(chan int, 1)
	go func() { x <- fib(n - 1) }()
	y := fib(n - 2)
	return <-x + y
}

func forkJoin(n int) float64 {
	start := time.Now()
	result := fib(n)
	elapsed := time.Since(start)
	runtime.KeepAlive(result)
	return elapsed.Seconds() * 1e3
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	cores := runtime.GOMAXPROCS(0)
	for lines.Scan() {
		var what string
		var count, size int
		fmt.Sscan(lines.Text(), &what, &count, &size)
		if what == "queue" {
			runtime.GOMAXPROCS(cores)
		} else {
			runtime.GOMAXPROCS(count)
		}
		switch what {
		case "queue":
			fmt.Println(queue(count, size))
		case "submit":
			fmt.Println(submit(size))
		case "one":
			fmt.Println(one(size))
		case "fib":
			fmt.Println(forkJoin(size))
		case "yield":
			fmt.Println(yield(size))
		case "start":
			fmt.Println(start(size, false))
		case "start-wait":
			fmt.Println(start(size, true))
		case "ping-pong":
			fmt.Println(pingPong(size))
		case "asleep":
			fmt.Println(asleep(size))
		case "asleep-memory":
			fmt.Println(asleepMemory(size))
		case "select-one":
			fmt.Println(selectOne(size))
		case "select-all":
			fmt.Println(selectAll(size))
		case "select-none":
			fmt.Println(selectNone(size))
		case "select-ball":
			fmt.Println(selectBall(size))
		case "late":
			fmt.Println(late(size))
		default:
			fmt.Println("no such work")
		}
	}
}
