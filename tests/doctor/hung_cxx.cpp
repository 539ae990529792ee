// A program in C++ that hangs: two threads transfer between two accounts, in both directions.
#include <cstdio>
#include <functional>
#include <future>
#include <mutex>
#include <thread>
#include <unistd.h>

namespace bank
{
struct account {
    std::mutex lock;
};

static std::promise<void> met[2];
static account first, second;

template <int number> void transfer(account &from, account &to)
{
    std::lock_guard<std::mutex> one(from.lock);
    met[number].set_value();
    met[1 - number].get_future().wait();
    std::lock_guard<std::mutex> other(to.lock);
}
} // namespace bank

int main()
{
    alarm(3600);
    std::thread one(bank::transfer<0>, std::ref(bank::first), std::ref(bank::second));
    std::thread two(bank::transfer<1>, std::ref(bank::second), std::ref(bank::first));
    std::puts("ready");
    std::fflush(stdout);
    one.join();
    two.join();
}
