// oneTBB, asked line by line as ../external.h says.
//
//     queue SIDES ITEMS     million items/s through one concurrent_bounded_queue
//     submit WORKERS TASKS  million empty tasks/s in a task_group, until its wait returns
//     fib WORKERS N         milliseconds for fib(N), a task_group for each call
//     sum WORKERS COUNT     nanoseconds for a parallel_reduce over so many doubles
//     sort WORKERS COUNT    milliseconds for a parallel_sort of so many doubles
//     mandelbrot WORKERS SIDE   milliseconds for a square image, its rows by a parallel_for
//
// The thread that waits for a task_group works meanwhile: it is one of the WORKERS.
#include <chrono>
#include <iostream>
#include <oneapi/tbb/blocked_range.h>
#include <oneapi/tbb/concurrent_queue.h>
#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/parallel_reduce.h>
#include <oneapi/tbb/parallel_sort.h>
#include <oneapi/tbb/task_arena.h>
#include <oneapi/tbb/task_group.h>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

namespace
{

// Seconds that the work takes.
template <typename Work> double timed(const Work &work)
{
    auto start = std::chrono::steady_clock::now();
    work();
    return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double queue(int sides, long items)
{
    tbb::concurrent_bounded_queue<long> queue;
    queue.set_capacity(1024);
    long each = items / sides;
    double seconds = timed([&] {
        std::vector<std::thread> threads;
        for (int i = 0; i < sides; i++) {
            threads.emplace_back([&] {
                for (long item = 0; item < each; item++)
                    queue.push(item);
            });
            threads.emplace_back([&] {
                long item;
                for (long n = 0; n < each; n++)
                    queue.pop(item);
            });
        }
        for (std::thread &thread : threads)
            thread.join();
    });
    return static_cast<double>(each * sides) / seconds / 1e6;
}

// Does the work as one of `workers` threads. More than there are processors have to be allowed.
template <typename Work> double timed_in_arena(int workers, const Work &work)
{
    tbb::global_control control(tbb::global_control::max_allowed_parallelism,
                                static_cast<size_t>(workers));
    tbb::task_arena arena(workers);
    arena.initialize();
    return timed([&] { arena.execute(work); });
}

double submit(int workers, long tasks)
{
    double seconds = timed_in_arena(workers, [tasks] {
        tbb::task_group group;
        for (long i = 0; i < tasks; i++)
            group.run([] {});
        group.wait();
    });
    return static_cast<double>(tasks) / seconds / 1e6;
}

long fib(long n)
{
    if (n < 2)
        return n;
    long x, y;
    tbb::task_group group;
    group.run([&x, n] { x = fib(n - 1); });
    y = fib(n - 2);
    group.wait();
    return x + y;
}

double fork_join(int workers, long n)
{
    long result = 0;
    double seconds = timed_in_arena(workers, [&] { result = fib(n); });
    return result > 0 ? seconds * 1e3 : -1; // a result that nobody looks at might not be computed
}

double sum(int workers, long count)
{
    std::vector<double> values(static_cast<size_t>(count));
    for (size_t i = 0; i < values.size(); i++)
        values[i] = static_cast<double>((i * 2654435761u) % 1000003);
    long times = count > 100000 ? 20000000 / count : 20000;
    double result = 0;
    double seconds = timed_in_arena(workers, [&] {
        for (long i = 0; i < times; i++)
            result += tbb::parallel_reduce(
                tbb::blocked_range<size_t>(0, values.size()), 0.0,
                [&](const tbb::blocked_range<size_t> &range, double total) {
                    for (size_t j = range.begin(); j < range.end(); j++)
                        total += values[j];
                    return total;
                },
                [](double a, double b) { return a + b; });
    });
    return result >= 0 ? seconds * 1e9 / static_cast<double>(times) : -1;
}

double sort(int workers, long count)
{
    std::vector<double> values(static_cast<size_t>(count));
    unsigned long x = 1;
    for (double &value : values) {
        x = x * 6364136223846793005u + 1442695040888963407u;
        value = static_cast<double>(x >> 11);
    }
    return timed_in_arena(workers, [&] { tbb::parallel_sort(values); }) * 1e3;
}

unsigned short iterations(double re, double im)
{
    double x = 0, y = 0;
    unsigned short n = 0;
    for (; n < 1000 && x * x + y * y < 4; n++) {
        double next = x * x - y * y + re;
        y = 2 * x * y + im;
        x = next;
    }
    return n;
}

double mandelbrot(int workers, long side)
{
    std::vector<unsigned short> image(static_cast<size_t>(side * side));
    double size = static_cast<double>(side);
    return timed_in_arena(workers,
                          [&] {
                              tbb::parallel_for(0L, side, [&](long row) {
                                  for (long column = 0; column < side; column++)
                                      image[static_cast<size_t>(row * side + column)] = iterations(
                                          -2.0 + 3.0 * static_cast<double>(column) / size,
                                          -1.5 + 3.0 * static_cast<double>(row) / size);
                              });
                          }) *
           1e3;
}

} // namespace

int main()
{
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::string what;
        int count = 0;
        long size = 0;
        words >> what >> count >> size;
        if (what == "queue" && count > 0)
            std::cout << queue(count, size) << std::endl;
        else if (what == "submit" && count > 0)
            std::cout << submit(count, size) << std::endl;
        else if (what == "fib" && count > 0)
            std::cout << fork_join(count, size) << std::endl;
        else if (what == "sum" && count > 0)
            std::cout << sum(count, size) << std::endl;
        else if (what == "sort" && count > 0)
            std::cout << sort(count, size) << std::endl;
        else if (what == "mandelbrot" && count > 0)
            std::cout << mandelbrot(count, size) << std::endl;
        else
            std::cout << "no such work" << std::endl;
    }
}
