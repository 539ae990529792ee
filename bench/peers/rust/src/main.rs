//! crossbeam, rayon and tokio, asked line by line as ../../external.h says.
//!
//!     queue SIDES ITEMS            million items/s through one bounded crossbeam channel
//!     rayon-submit WORKERS TASKS   million empty tasks/s, spawned into a scope from outside
//!     rayon-one WORKERS TRIPS      microseconds for an install from outside
//!     rayon-fib WORKERS N          milliseconds for fib(N), a join for each call
//!     rayon-fork, rayon-uneven, rayon-skewed, rayon-sum, rayon-sort, rayon-sort-unstable,
//!     rayon-mandelbrot WORKERS SIZE   see joins.rs
//!     tokio-submit WORKERS TASKS   million empty tasks/s, with a JoinHandle of each
//!     tokio-one WORKERS TRIPS      microseconds for a spawn and its result
//!     yield WORKERS TIMES          of tokio, as are all below: nanoseconds for a yield of one of two
//!     start WORKERS TASKS          nanoseconds for an empty task, a hundred at a time
//!     start-wait WORKERS TASKS     the same for one that yields once
//!     ping-pong WORKERS TRIPS      nanoseconds for a way of a ball over channels with room for one
//!     asleep WORKERS COUNT         seconds until so many wait, each with a deadline
//!     asleep-memory WORKERS COUNT  gigabytes that they took the last time
//!     late WORKERS COUNT           seconds by which the last of so many that sleep for 5 s is late
//!
//! Pools are made before the clock starts.
mod fibers;
mod joins;

use std::io::{self, BufRead};
use std::thread;
use std::time::Instant;

const BOUND: usize = 1024;

fn queue(sides: usize, items: usize) -> f64 {
    let (sender, receiver) = crossbeam_channel::bounded::<u64>(BOUND);
    let each = items / sides;
    let start = Instant::now();
    thread::scope(|scope| {
        for _ in 0..sides {
            scope.spawn(|| {
                for item in 0..each {
                    sender.send(item as u64).unwrap();
                }
            });
            scope.spawn(|| {
                for _ in 0..each {
                    receiver.recv().unwrap();
                }
            });
        }
    });
    (each * sides) as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn rayon_pool(workers: usize) -> rayon::ThreadPool {
    rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()
        .unwrap()
}

fn rayon_submit(workers: usize, tasks: usize) -> f64 {
    let pool = rayon_pool(workers);
    let start = Instant::now();
    pool.in_place_scope(|scope| {
        for _ in 0..tasks {
            scope.spawn(|_| {});
        }
    });
    tasks as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn rayon_one(workers: usize, trips: usize) -> f64 {
    let pool = rayon_pool(workers);
    let start = Instant::now();
    for trip in 0..trips {
        assert_eq!(pool.install(|| trip), trip);
    }
    start.elapsed().as_secs_f64() / trips as f64 * 1e6
}

fn fib(n: usize) -> u64 {
    if n < 2 {
        return n as u64;
    }
    let (x, y) = rayon::join(|| fib(n - 1), || fib(n - 2));
    x + y
}

fn rayon_fib(workers: usize, n: usize) -> f64 {
    let pool = rayon_pool(workers);
    let start = Instant::now();
    assert!(pool.install(|| fib(n)) > 0);
    start.elapsed().as_secs_f64() * 1e3
}

fn tokio_runtime(workers: usize) -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(workers)
        .build()
        .unwrap()
}

fn tokio_submit(workers: usize, tasks: usize) -> f64 {
    let runtime = tokio_runtime(workers);
    let start = Instant::now();
    let handles: Vec<_> = (0..tasks).map(|_| runtime.spawn(async {})).collect();
    runtime.block_on(async {
        for handle in handles {
            handle.await.unwrap();
        }
    });
    tasks as f64 / start.elapsed().as_secs_f64() / 1e6
}

fn tokio_one(workers: usize, trips: usize) -> f64 {
    let runtime = tokio_runtime(workers);
    let start = Instant::now();
    for trip in 0..trips {
        let task = runtime.spawn(async move { trip });
        assert_eq!(runtime.block_on(task).unwrap(), trip);
    }
    start.elapsed().as_secs_f64() / trips as f64 * 1e6
}

/// The figure for a line such as "queue 4 1000000".
fn answer(line: &str) -> Option<f64> {
    let mut words = line.split_whitespace();
    let work = match words.next()? {
        "queue" => queue,
        "rayon-submit" => rayon_submit,
        "rayon-one" => rayon_one,
        "rayon-fib" => rayon_fib,
        "rayon-fork" => joins::fork,
        "rayon-uneven" => joins::uneven,
        "rayon-skewed" => joins::skewed,
        "rayon-sum" => joins::sum,
        "rayon-sort" => joins::sort,
        "rayon-sort-unstable" => joins::sort_unstable,
        "rayon-mandelbrot" => joins::mandelbrot,
        "tokio-submit" => tokio_submit,
        "tokio-one" => tokio_one,
        "yield" => fibers::yields,
        "start" => fibers::start,
        "start-wait" => fibers::start_wait,
        "ping-pong" => fibers::ping_pong,
        "asleep" => fibers::asleep,
        "asleep-memory" => fibers::asleep_memory,
        "late" => fibers::late,
        _ => return None,
    };
    let count = words.next()?.parse().ok()?;
    let size = words.next()?.parse().ok()?;
    Some(work(count, size))
}

fn main() {
    fibers::begin();
    for line in io::stdin().lock().lines() {
        match answer(&line.unwrap()) {
            Some(figure) => println!("{figure}"),
            None => println!("no such work"),
        }
    }
}
