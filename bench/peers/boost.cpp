// Boost.Fiber, asked line by line as ../external.h says, with the work of bench_fiber.c.
//
//     yield 1 TIMES        nanoseconds for a yield of one of two
//     start 1 TASKS        nanoseconds for an empty fiber, a hundred at a time
//     start-wait 1 TASKS   the same for one that yields once
//     ping-pong 1 TRIPS    nanoseconds for a way of a ball over channels with room for one
//
// All in one thread, by the scheduler that goes round. Stacks are of the size that Boost has chosen, from
// its pool: of those that it offers the one that does not ask the system for each.
#include <boost/fiber/all.hpp>
#include <chrono>
#include <iostream>
#include <sstream>
#include <string>

namespace
{

namespace fibers = boost::fibers;

using stopwatch = std::chrono::steady_clock;

double nanoseconds_since(stopwatch::time_point start)
{
    return std::chrono::duration<double, std::nano>(stopwatch::now() - start).count();
}

double yield(long times)
{
    fibers::fiber other([times] {
        for (long i = 0; i < times; i++)
            boost::this_fiber::yield();
    });
    boost::this_fiber::yield();
    auto start = stopwatch::now();
    for (long i = 0; i < times; i++)
        boost::this_fiber::yield();
    double took = nanoseconds_since(start);
    other.join();
    return took / static_cast<double>(times) / 2;
}

// A hundred at a time, of which the last is waited for.
template <typename Task> double start(long tasks, const Task &task)
{
    const long batch = 100;
    fibers::pooled_fixedsize_stack stacks;
    auto start = stopwatch::now();
    for (long i = 0; i < tasks / batch; i++) {
        for (long k = 1; k < batch; k++)
            fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, task).detach();
        fibers::fiber(fibers::launch::post, std::allocator_arg, stacks, task).join();
    }
    return nanoseconds_since(start) / static_cast<double>(tasks / batch * batch);
}

double ping_pong(long trips)
{
    fibers::buffered_channel<long> there(2), back(2); // one place stays free
    fibers::fiber player([&] {
        for (long ball : there)
            back.push(ball);
    });
    auto start = stopwatch::now();
    for (long ball = 0; ball < trips; ball++) {
        there.push(ball);
        back.value_pop();
    }
    double took = nanoseconds_since(start);
    there.close();
    player.join();
    return took / static_cast<double>(trips) / 2;
}

} // namespace

int main()
{
    std::string line;
    while (std::getline(std::cin, line)) {
        std::istringstream words(line);
        std::string what;
        int workers = 0;
        long size = 0;
        words >> what >> workers >> size;
        if (what == "yield" && workers == 1)
            std::cout << yield(size) << std::endl;
        else if (what == "start" && workers == 1)
            std::cout << start(size, [] {}) << std::endl;
        else if (what == "start-wait" && workers == 1)
            std::cout << start(size, [] { boost::this_fiber::yield(); }) << std::endl;
        else if (what == "ping-pong" && workers == 1)
            std::cout << ping_pong(size) << std::endl;
        else
            std::cout << "no such work" << std::endl;
    }
}
