/* As plain.c, in C++: threads, locks and containers of its library. */
#include "cases.h"

#include <atomic>
#include <cassert>
#include <chrono>
#include <condition_variable>
#include <future>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace {

std::mutex lock;
std::condition_variable changed;
bool ready;

void bad_vector_without_lock()
{
    auto *numbers = new std::vector<int>;
    auto add = [&] {
        for (int i = 0; i < 4; i++)
            numbers->push_back(i);
    };
    std::thread first(add), second(add);
    first.join();
    second.join();
    assert(numbers->size() == 8);
    delete numbers;
}

void good_vector_with_lock()
{
    auto *numbers = new std::vector<int>;
    auto add = [&] {
        for (int i = 0; i < 4; i++) {
            std::lock_guard<std::mutex> guard(lock);
            numbers->push_back(i);
        }
    };
    std::thread first(add), second(add);
    first.join();
    second.join();
    assert(numbers->size() == 8);
    delete numbers;
}

struct settings {
    std::map<std::string, int> values;
    static settings *instance;
    static int made;

    static settings *get()
    {
        if (!instance) {
            made++;
            instance = new settings;
            instance->values["size"] = 3;
        }
        return instance;
    }
};

settings *settings::instance;
int settings::made;

void bad_singleton_made_twice()
{
    std::thread first(settings::get), second(settings::get);
    first.join();
    second.join();
    assert(settings::made == 1);
}

settings *made_once()
{
    static settings one;
    one.made++;
    return &one;
}

void good_static_made_once()
{
    settings *seen[2];
    std::thread first([&] { seen[0] = (std::lock_guard<std::mutex>(lock), made_once()); });
    std::thread second([&] { seen[1] = (std::lock_guard<std::mutex>(lock), made_once()); });
    first.join();
    second.join();
    assert(seen[0] == seen[1] && settings::made == 2);
}

/* The flag is set without the lock, so the notification may come between the check and the wait. */
void bad_notification_without_the_lock()
{
    std::thread waiter([] {
        std::unique_lock<std::mutex> guard(lock);
        while (!ready)
            changed.wait(guard);
    });
    ready = true;
    changed.notify_one();
    waiter.join();
}

void good_notification()
{
    std::thread waiter([] {
        std::unique_lock<std::mutex> guard(lock);
        changed.wait(guard, [] { return ready; });
    });
    {
        std::lock_guard<std::mutex> guard(lock);
        ready = true;
    }
    changed.notify_one();
    waiter.join();
}

void bad_captured_variable_is_gone()
{
    std::thread later;
    auto *text = new std::string("a text that is too long to be stored in the object itself");
    later = std::thread([text] { assert(text->size() > 40); });
    delete text;
    later.join();
}

void good_futures_and_exceptions()
{
    auto sum = std::async(std::launch::async, [] {
        std::ostringstream out;
        for (int i = 0; i < 10; i++)
            out << i << ' ';
        return out.str();
    });
    auto fails = std::async(std::launch::async, []() -> int { throw std::runtime_error("no"); });
    bool caught = false;
    try {
        fails.get();
    } catch (const std::runtime_error &error) {
        caught = std::string(error.what()) == "no";
    }
    std::cout << sum.get() << std::endl;
    assert(caught);
}

void good_shared_pointers()
{
    std::atomic<int> total{0};
    {
        auto shared = std::make_shared<std::vector<int>>(5, 2);
        std::vector<std::thread> threads;
        for (int i = 0; i < 3; i++)
            threads.emplace_back([shared, &total] { total += (int)shared->size(); });
        shared.reset();
        for (auto &thread : threads)
            thread.join();
    }
    assert(total == 15);
}

void good_timed_wait()
{
    std::unique_lock<std::mutex> guard(lock);
    std::thread other([] { std::this_thread::sleep_for(std::chrono::milliseconds(5)); });
    assert(!changed.wait_for(guard, std::chrono::milliseconds(1), [] { return ready; }));
    other.join();
}

const case_row cases[] = {
    CASE(bad_vector_without_lock),
    CASE(bad_singleton_made_twice),
    CASE(bad_notification_without_the_lock),
    CASE(bad_captured_variable_is_gone),
    CASE(good_vector_with_lock),
    CASE(good_static_made_once),
    CASE(good_notification),
    CASE(good_futures_and_exceptions),
    CASE(good_shared_pointers),
    CASE(good_timed_wait),
};

} // namespace

int main(int argc, char **argv)
{
    return run_cases(cases, sizeof cases / sizeof cases[0], argc, argv);
}
