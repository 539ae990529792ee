# Fibers in gdb, of a running program or one it is attached to, on x86-64 and aarch64:
#
#     (gdb) source tools/fibers.gdb
#     (gdb) thrum-fibers            lists them: ident, name, what each waits for
#     (gdb) thrum-fiber 12          where the fiber with that ident stands
#
# A fiber that runs stands on the stack of its worker's thread, where `thread apply all backtrace` shows
# it. One that does not has left four words (src/base/switch.h); thrum-fiber lends them to the selected
# thread for the length of a backtrace. Other registers are not known: what gdb says of the arguments of the
# first two frames, which are the switch, may be wrong. It needs the library's debugging information,
# and a process: the registers of a core file cannot be set.

define thrum-fibers
  set $thrum_ident = 1
  set $thrum_chunk = sizeof('context.c'::first_chunk) / sizeof('context.c'::first_chunk[0])
  while $thrum_ident < 'context.c'::used
    set $thrum_context = &'context.c'::chunks[$thrum_ident / $thrum_chunk][$thrum_ident % $thrum_chunk]
    if $thrum_context->process && $thrum_context->ops == &'fiber.c'::fiber_park_ops
      set $thrum_one = (struct thrum__fiber *)$thrum_context->fiber
      if $thrum_one->task
        if $thrum_one->worker->running == $thrum_one
          printf "%u \"%s\" runs\n", $thrum_ident, $thrum_context->name
        else
          if $thrum_context->wait_kind
            printf "%u \"%s\" waits for %s %p\n", $thrum_ident, $thrum_context->name, $thrum_context->wait_kind, $thrum_context->wait_object
          else
            printf "%u \"%s\" is ready\n", $thrum_ident, $thrum_context->name
          end
        end
      end
    end
    set $thrum_ident = $thrum_ident + 1
  end
end
document thrum-fibers
Lists the fibers that have a task: ident, name, and what each waits for.
end

# Has the newest frame selected, so that it is the thread's own registers that are set.
define thrum-fiber
  set $thrum_chunk = sizeof('context.c'::first_chunk) / sizeof('context.c'::first_chunk[0])
  set $thrum_context = &'context.c'::chunks[$arg0 / $thrum_chunk][$arg0 % $thrum_chunk]
  if $arg0 <= 0 || $arg0 >= 'context.c'::used || $thrum_context->ops != &'fiber.c'::fiber_park_ops
    printf "%d is no fiber\n", $arg0
  else
    set $thrum_one = (struct thrum__fiber *)$thrum_context->fiber
    if $thrum_one->worker->running == $thrum_one
      printf "%d runs: see the thread of its worker\n", $arg0
    else
      set $thrum_out = &$thrum_one->coroutine.registers
      frame 0
      if $_isvoid($x29)
        set $thrum_pc = $rip
        set $thrum_sp = $rsp
        set $thrum_frame = $rbp
        set $thrum_base = $rbx
        set $rip = $thrum_out->place
        set $rsp = $thrum_out->stack
        set $rbp = $thrum_out->frame
        set $rbx = $thrum_out->base
        backtrace
        set $rip = $thrum_pc
        set $rsp = $thrum_sp
        set $rbp = $thrum_frame
        set $rbx = $thrum_base
      else
        set $thrum_pc = $pc
        set $thrum_sp = $sp
        set $thrum_frame = $x29
        set $thrum_base = $x19
        set $pc = $thrum_out->place
        set $sp = $thrum_out->stack
        set $x29 = $thrum_out->frame
        set $x19 = $thrum_out->base
        backtrace
        set $pc = $thrum_pc
        set $sp = $thrum_sp
        set $x29 = $thrum_frame
        set $x19 = $thrum_base
      end
    end
  end
end
document thrum-fiber
Shows where the fiber with the given ident stands, while it waits.
end
