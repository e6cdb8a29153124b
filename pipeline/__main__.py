"""`python -m pipeline`: see `pipeline.cli`."""

import signal

if __name__ == "__main__":
    on_ctrl_c = signal.getsignal(signal.SIGINT)
    if on_ctrl_c is signal.default_int_handler:
        # Until the command line is loaded, Ctrl-C ends us like any program: without a traceback.
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    from pipeline.cli import main

    signal.signal(signal.SIGINT, on_ctrl_c)
    main()
