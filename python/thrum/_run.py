"""python3 -m thrum: run a program that knows nothing of thrum with thrum in place.

The program becomes __main__, as under `python3 PROGRAM`. An exception that ends it is printed
without the frames of this module, and its exit status is what it would have been.
"""

import linecache
import os
import signal
import sys
import types

__all__ = ["main"]

USAGE = """usage: python3 -m thrum SCRIPT [ARGUMENTS]
       python3 -m thrum -m MODULE [ARGUMENTS]
       python3 -m thrum -c COMMAND [ARGUMENTS]

Runs a program with threading, queue and concurrent.futures replaced by thrum. It needs no change.
"""


def _main_module(**attributes):
    module = types.ModuleType("__main__")
    module.__dict__.update(attributes, __builtins__=__builtins__)
    sys.modules["__main__"] = module
    return module.__dict__


def _show_source(code, source):
    """From Python 3.13 on, tracebacks show the lines of a command."""
    if sys.version_info >= (3, 14):
        linecache._register_code(code, source, "<string>")
    elif sys.version_info >= (3, 13):
        linecache.cache["<string>"] = len(source), None, source.splitlines(True), "<string>"


def _run_command(command):
    code = compile(command, "<string>", "exec")
    _show_source(code, command)
    exec(code, _main_module(__spec__=None))


def _run_script(path):
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        import runpy

        sys.path.pop(0)
        runpy.run_path(path, run_name="__main__")
        return
    from importlib.machinery import SourceFileLoader

    sys.path[0] = os.path.dirname(os.path.realpath(path))
    with open(path, "rb") as file:
        code = compile(file.read(), path, "exec")
    loader = SourceFileLoader("__main__", path)
    exec(code, _main_module(__file__=path, __cached__=None, __loader__=loader, __spec__=None))


def _run_module(name):
    import runpy

    _main_module()
    runpy._run_module_as_main(name)


def _strip(traceback):
    """The traceback without the frames of this module and of runpy at its beginning."""
    while traceback and traceback.tb_frame.f_globals.get("__name__") in (__name__, "runpy"):
        traceback = traceback.tb_next
    return traceback


def _die(error):
    """End as the interpreter does after an exception that nobody caught."""
    error.__traceback__ = _strip(error.__traceback__)
    sys.excepthook(type(error), error, error.__traceback__)
    if isinstance(error, KeyboardInterrupt):
        import atexit
        import threading

        threading._shutdown()
        atexit._run_exitfuncs()
        sys.stdout.flush()
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.kill(os.getpid(), signal.SIGINT)
    sys.exit(1)


def main(arguments):
    """Run what the command line says. Does not return normally if the program does not."""
    if not arguments or arguments[0] in ("-h", "--help"):
        (sys.stdout if arguments else sys.stderr).write(USAGE)
        sys.exit(0 if arguments else 2)
    if arguments[0] in ("-V", "--version"):
        import thrum

        print("thrum", thrum.__version__)
        return
    run, first = _run_script, 0
    if arguments[0] in ("-m", "-c"):
        run, first = (_run_module if arguments[0] == "-m" else _run_command), 1
        if len(arguments) < 2:
            sys.exit(f"thrum: {arguments[0]} needs an argument")
    elif arguments[0].startswith("-"):
        sys.exit(f"thrum: there is no option {arguments[0]}; see python3 -m thrum --help")
    if run is _run_script and not os.path.exists(arguments[0]):
        sys.exit(f"thrum: can't open file {arguments[0]!r}: no such file")
    target = arguments[first]
    sys.argv[:] = [arguments[0]] + arguments[first + 1 :] if run is not _run_script else arguments
    if run is _run_command:
        sys.path[0] = ""

    from thrum._install import install

    install()
    try:
        run(target)
    except SystemExit:
        raise
    except BaseException as error:
        _die(error)
