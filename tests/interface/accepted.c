/* What must compile without a warning, as C and as C++17, with and without optimization: functions whose blocks
 * under thrum_with and thrum_with_until return on every path, or set a variable that is read after them. */
#include <thrum.h>

#include <errno.h>

int returns_inside(thrum_lock *lock, const int *value);
int returns_on_each_path(thrum_rlock *lock, int value);
int returns_in_nested_blocks(thrum_lock *outer, thrum_semaphore *inner);
int returns_in_a_switch(thrum_lock *lock, int value);
int returns_in_a_loop(thrum_lock *lock);
int returns_with_or_without(thrum_lock *lock);
int returns_after_the_other(thrum_condition *condition, int value);
int sets_a_variable(thrum_rwlock *lock, const int *value);
int sets_it_on_both_paths(thrum_rwlock *lock, const int *value);
int without_braces(thrum_lock *lock, int value);
int does_not_hold(thrum_lock *lock);

int returns_inside(thrum_lock *lock, const int *value)
{
    thrum_with (lock)
        return *value;
}

int returns_on_each_path(thrum_rlock *lock, int value)
{
    thrum_with (lock) {
        if (value < 0)
            return -EINVAL;
        return value;
    }
}

int returns_in_nested_blocks(thrum_lock *outer, thrum_semaphore *inner)
{
    thrum_with (outer) {
        thrum_with (inner) {
            return 1;
        }
    }
}

int returns_in_a_switch(thrum_lock *lock, int value)
{
    switch (value) {
    case 1:
        thrum_with (lock)
            return 1;
        break;
    case 2:
        thrum_with (lock) {
            value++;
        }
        break;
    default:
        return 0;
    }
    return value;
}

int returns_in_a_loop(thrum_lock *lock)
{
    for (;;) {
        thrum_with (lock)
            return 1;
    }
}

int returns_with_or_without(thrum_lock *lock)
{
    thrum_with_until (lock, thrum_in(1)) {
        return 0;
    }
    else
    {
        return -ETIMEDOUT;
    }
}

int returns_after_the_other(thrum_condition *condition, int value)
{
    thrum_with_until (condition, THRUM_NOW)
        return value;
    return -EAGAIN;
}

int sets_a_variable(thrum_rwlock *lock, const int *value)
{
    int copy;
    thrum_with (thrum_reading(lock))
        copy = *value;
    return copy;
}

int sets_it_on_both_paths(thrum_rwlock *lock, const int *value)
{
    int copy;
    thrum_with_until (thrum_writing(lock), thrum_in(0.5))
        copy = *value;
    else copy = -1;
    return copy;
}

int without_braces(thrum_lock *lock, int value)
{
    if (value)
        thrum_with (lock)
            value++;
    else
        value--;
    return value;
}

int does_not_hold(thrum_lock *lock)
{
    int rounds = 0;
    for (int i = 0; i < 3; i++) {
        thrum_with (lock) {
            if (i == 1)
                continue;
            if (i == 2)
                break;
            rounds++;
        }
    }
    return rounds;
}
