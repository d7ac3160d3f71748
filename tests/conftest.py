"""Tests interrupt programs. A shell makes what it runs in the background ignore SIGINT, and programs inherit that."""

import signal

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
