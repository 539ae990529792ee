# shellcheck shell=bash
# Sourced by tests of lines that several processes write to one pipe.

# await_full: returns when the pipe that is standard input is full, so that those who write to it wait in the middle of
# lines. A page of the pipe may hold less than a page of text.
await_full() {
    python3 -c '
import array, fcntl, termios, time
held = array.array("i", [0])
while held[0] < 30 * 1024:
    time.sleep(0.01)
    fcntl.ioctl(0, termios.FIONREAD, held)'
}
