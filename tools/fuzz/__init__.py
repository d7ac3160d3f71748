"""Fuzzing: random machines and damaged files. Nothing that a guest or a file does may crash, hang or confuse the host.

``python -m tools.fuzz`` compiles the core under AddressSanitizer and UndefinedBehaviorSanitizer (`build`), runs trials
in processes of their own (`run`) and says of each that fails how to see it again. A trial is in `machines` or `files`.
"""
