//! tokio's tasks beside thrum's fibers: bench_fiber.c has the same work in the same order.
use std::future::Future;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{mpsc, Notify};
use tokio::task::{spawn, yield_now};

/// The runtime for one worker is the one that is made for that; work is done by a task of it.
fn runtime(workers: usize) -> Runtime {
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers);
    }
    builder.enable_time().build().unwrap()
}

fn in_task(workers: usize, work: impl Future<Output = f64> + Send + 'static) -> f64 {
    runtime(workers).block_on(async { spawn(work).await.unwrap() })
}

fn nanoseconds(elapsed: Duration, count: usize) -> f64 {
    elapsed.as_nanos() as f64 / count as f64
}

async fn yield_often(times: usize) {
    for _ in 0..times {
        yield_now().await;
    }
}

/// Two that yield to each other: nanoseconds for a yield.
pub fn yields(workers: usize, times: usize) -> f64 {
    in_task(workers, async move {
        let other = spawn(yield_often(times));
        yield_now().await;
        let start = Instant::now();
        yield_often(times).await;
        let elapsed = start.elapsed();
        other.await.unwrap();
        nanoseconds(elapsed, 2 * times)
    })
}

/// Tasks a hundred at a time, of which the last is waited for: nanoseconds for one.
pub fn start(workers: usize, tasks: usize) -> f64 {
    in_task(workers, start_all(tasks, || async {}))
}

pub fn start_wait(workers: usize, tasks: usize) -> f64 {
    in_task(workers, start_all(tasks, yield_now))
}

async fn start_all<F>(tasks: usize, task: impl Fn() -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    const BATCH: usize = 100;
    let start = Instant::now();
    for _ in 0..tasks / BATCH {
        for _ in 1..BATCH {
            spawn(task());
        }
        spawn(task()).await.unwrap();
    }
    nanoseconds(start.elapsed(), tasks / BATCH * BATCH)
}

/// A ball over channels with room for one: nanoseconds for a way.
pub fn ping_pong(workers: usize, trips: usize) -> f64 {
    in_task(workers, async move {
        let (there, mut ball_there) = mpsc::channel::<usize>(1);
        let (back, mut ball_back) = mpsc::channel::<usize>(1);
        let player = spawn(async move {
            while let Some(ball) = ball_there.recv().await {
                back.send(ball).await.unwrap();
            }
        });
        let start = Instant::now();
        for ball in 0..trips {
            there.send(ball).await.unwrap();
            ball_back.recv().await.unwrap();
        }
        let elapsed = start.elapsed();
        drop(there);
        player.await.unwrap();
        nanoseconds(elapsed, 2 * trips)
    })
}

extern "C" {
    fn malloc_trim(keep: usize) -> i32;
}

/// Bytes of memory that the program has; a page has 4096.
fn resident() -> u64 {
    let all = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: u64 = all.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

static AT_FIRST: AtomicU64 = AtomicU64::new(0); // bytes
static ASLEEP_TOOK: AtomicU64 = AtomicU64::new(0); // bytes, of the last crowd

/// To be called before anything else.
pub fn begin() {
    AT_FIRST.store(resident(), Relaxed);
}

/// Ends the runtime and gives the memory back to the system.
fn end(runtime: Runtime) {
    drop(runtime);
    unsafe { malloc_trim(0) };
}

/// Seconds until so many wait for one event, each with a deadline.
pub fn asleep(workers: usize, sleepers: usize) -> f64 {
    let runtime = runtime(workers);
    let morning = Arc::new(Notify::new());
    let all_in_bed = Arc::new(Notify::new());
    let in_bed = Arc::new(AtomicUsize::new(0));
    let awake = Arc::new(AtomicUsize::new(0));
    let start = Instant::now();
    for _ in 0..sleepers {
        let (morning, all_in_bed) = (morning.clone(), all_in_bed.clone());
        let (in_bed, awake) = (in_bed.clone(), awake.clone());
        runtime.spawn(async move {
            let wake_up = morning.notified(); // from here on none is missed
            if in_bed.fetch_add(1, Relaxed) + 1 == sleepers {
                all_in_bed.notify_one();
            }
            tokio::time::timeout(Duration::from_secs(3600), wake_up).await.unwrap();
            if awake.fetch_add(1, Relaxed) + 1 == sleepers {
                all_in_bed.notify_one();
            }
        });
    }
    runtime.block_on(all_in_bed.notified());
    let elapsed = start.elapsed().as_secs_f64();
    ASLEEP_TOOK.store(resident() - AT_FIRST.load(Relaxed), Relaxed);
    morning.notify_waiters();
    runtime.block_on(all_in_bed.notified());
    end(runtime);
    elapsed
}

pub fn asleep_memory(workers: usize, sleepers: usize) -> f64 {
    if ASLEEP_TOOK.load(Relaxed) == 0 {
        asleep(workers, sleepers);
    }
    ASLEEP_TOOK.load(Relaxed) as f64 / 1e9
}

/// Seconds by which the last of so many that sleep for five is late.
pub fn late(workers: usize, sleepers: usize) -> f64 {
    let runtime = runtime(workers);
    let latest = Arc::new(AtomicU64::new(0));
    let tasks: Vec<_> = (0..sleepers)
        .map(|_| {
            let latest = latest.clone();
            runtime.spawn(async move {
                let until = Instant::now() + Duration::from_secs(5);
                tokio::time::sleep_until(until.into()).await;
                latest.fetch_max(until.elapsed().as_nanos() as u64, Relaxed);
            })
        })
        .collect();
    runtime.block_on(async {
        for task in tasks {
            task.await.unwrap();
        }
    });
    end(runtime);
    latest.load(Relaxed) as f64 / 1e9
}
