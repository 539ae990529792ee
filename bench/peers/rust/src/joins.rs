//! rayon's joins and iterators beside thrum's fork-join: bench_parallel.c has the same work.
use crate::{fib, rayon_pool};
use rayon::prelude::*;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// Runs the work in a pool that was made before; seconds.
fn timed(workers: usize, work: impl FnOnce() + Send) -> f64 {
    let pool = rayon_pool(workers);
    let start = Instant::now();
    pool.install(work);
    start.elapsed().as_secs_f64()
}

fn fib_plain(n: usize) -> u64 {
    if n < 2 {
        return n as u64;
    }
    black_box(fib_plain as fn(usize) -> u64)(n - 1) + black_box(fib_plain as fn(usize) -> u64)(n - 2)
}

/// Nanoseconds for a join over the plain call.
pub fn fork(workers: usize, n: usize) -> f64 {
    let joins = timed(workers, || {
        black_box(fib(n));
    });
    let plain = timed(workers, || {
        black_box(fib_plain(n));
    });
    ((joins - plain) * 1e9 / 317810.0).max(0.01)
}

fn spin_for(time: Duration) {
    let start = Instant::now();
    while start.elapsed() < time {}
}

/// Milliseconds for a short part beside two long ones.
pub fn uneven(workers: usize, _: usize) -> f64 {
    let (short, long) = (Duration::from_micros(300), Duration::from_micros(3000));
    timed(workers, || {
        rayon::join(
            || spin_for(short),
            || rayon::join(|| spin_for(long), || spin_for(long)),
        );
    }) * 1e3
}

#[inline(never)]
fn node(levels: usize) -> u64 {
    let mut x = levels as u64;
    for _ in 0..10 {
        x = x
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
    }
    x >> 33
}

fn descend(levels: usize) -> u64 {
    if levels == 0 {
        return node(levels);
    }
    let (leaf, rest) = rayon::join(|| node(levels), || descend(levels - 1));
    leaf.wrapping_add(rest)
}

/// Microseconds for one tree of so many levels.
pub fn skewed(workers: usize, levels: usize) -> f64 {
    const TREES: usize = 200;
    timed(workers, || {
        for _ in 0..TREES {
            black_box(descend(levels));
        }
    }) * 1e6
        / TREES as f64
}

fn numbers(count: usize) -> Vec<f64> {
    (0..count)
        .map(|i| (i as u32).wrapping_mul(2654435761) as f64)
        .collect()
}

/// Nanoseconds for the sum of so many.
pub fn sum(workers: usize, count: usize) -> f64 {
    let values = numbers(count);
    let times = if count > 100000 { 20000000 / count } else { 20000 };
    timed(workers, || {
        for _ in 0..times {
            black_box(black_box(&values).par_iter().sum::<f64>());
        }
    }) * 1e9
        / times as f64
}

fn unsorted(count: usize) -> Vec<f64> {
    let mut x = 1u64;
    (0..count)
        .map(|_| {
            x = x
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (x >> 11) as f64
        })
        .collect()
}

/// Milliseconds for a sort that keeps the order of equal elements.
pub fn sort(workers: usize, count: usize) -> f64 {
    let mut values = unsorted(count);
    timed(workers, || {
        values.par_sort_by(|a, b| a.partial_cmp(b).unwrap())
    }) * 1e3
}

pub fn sort_unstable(workers: usize, count: usize) -> f64 {
    let mut values = unsorted(count);
    timed(workers, || {
        values.par_sort_unstable_by(|a, b| a.partial_cmp(b).unwrap())
    }) * 1e3
}

/// Milliseconds for a square image of so many rows.
pub fn mandelbrot(workers: usize, side: usize) -> f64 {
    let mut image = vec![0u16; side * side];
    timed(workers, || {
        image.par_chunks_mut(side).enumerate().for_each(|(row, line)| {
            for (column, point) in line.iter_mut().enumerate() {
                let re = -2.0 + 3.0 * column as f64 / side as f64;
                let im = -1.5 + 3.0 * row as f64 / side as f64;
                let (mut x, mut y, mut n) = (0.0, 0.0, 0);
                while n < 1000 && x * x + y * y < 4.0 {
                    (x, y) = (x * x - y * y + re, 2.0 * x * y + im);
                    n += 1;
                }
                *point = n;
            }
        })
    }) * 1e3
}
