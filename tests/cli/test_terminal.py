"""The command on a terminal: raw while it runs, restored however it ends, and the keys that are its own."""

import fcntl
import os
import pty
import select
import signal
import subprocess
import termios
import time

import pytest
from programs import COMMAND, ECHO, ECHO_INTERRUPT, ENV, PASS, SLEEP, SPIN, program


class Session:
    """The command in a pseudo-terminal of its own."""

    def __init__(self, *args):
        self.master, self.slave = pty.openpty()
        self.before = termios.tcgetattr(self.slave)
        self.process = subprocess.Popen(
            [*COMMAND, *map(str, args)],
            stdin=self.slave,
            stdout=self.slave,
            stderr=self.slave,
            env=ENV,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        self.seen = b""

    def read(self, seconds=0.05):
        while select.select([self.master], [], [], seconds)[0]:
            self.seen += os.read(self.master, 4096)

    def wait_for(self, text, seconds=30):
        end = time.monotonic() + seconds
        while text not in self.seen:
            assert time.monotonic() < end and self.process.poll() is None or text in self.seen, self.seen
            self.read()

    def is_raw(self):
        return not termios.tcgetattr(self.slave)[3] & (termios.ICANON | termios.ECHO)

    def wait_raw(self):
        end = time.monotonic() + 30
        while not self.is_raw():
            assert time.monotonic() < end and self.process.poll() is None
            time.sleep(0.01)

    def type(self, data):
        os.write(self.master, data)

    def finish(self):
        """Exit status; checks that the terminal is as it was."""
        end = time.monotonic() + 30
        while self.process.poll() is None:
            assert time.monotonic() < end, self.seen
            self.read()
        self.read()
        assert termios.tcgetattr(self.slave) == self.before
        return self.process.returncode

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def session(tmp_path):
    sessions = []

    def start(source, *args):
        sessions.append(Session("--bare", program(tmp_path, source), *args))
        return sessions[-1]

    yield start
    for item in sessions:
        item.close()


@pytest.mark.parametrize("source", [ECHO, ECHO_INTERRUPT])
def test_keys_reach_the_guest_raw(session, source):
    run = session(source)
    run.wait_raw()
    for part in (b"hello\r", b"\x03", b"\x1a\x1c\x13", b"end"):
        run.type(part)
        run.wait_for(part)
    run.type(b"q")
    assert run.finish() == 0
    assert run.seen.count(b"hello") == 1  # the guest's echo and not the terminal's
    assert b"the machine powered off" in run.seen


def test_ctrl_a_x_quits(session):
    run = session(SPIN)
    run.wait_raw()
    run.type(b"\x01x")
    assert run.finish() == 130
    assert b"rvh-run: ended by the user" in run.seen


def test_ctrl_a_x_quits_while_everything_waits(session):
    run = session(ECHO_INTERRUPT)
    run.wait_raw()
    time.sleep(0.3)
    run.type(b"\x01")
    time.sleep(0.1)
    run.type(b"x")
    assert run.finish() == 130


def test_ctrl_a_h_helps_and_ctrl_a_twice_is_sent(session):
    run = session(ECHO)
    run.wait_raw()
    run.type(b"\x01h")
    run.wait_for(b"Ctrl-A x")
    run.type(b"\x01\x01\x01z.q")
    assert run.finish() == 0
    assert b"\x01.q" in run.seen


def test_ctrl_c_twice_ends_a_guest_that_does_not_read(session):
    run = session(SPIN)
    run.wait_raw()
    run.type(b"\x03")
    time.sleep(0.3)
    assert run.process.poll() is None
    end = time.monotonic() + 30
    while run.process.poll() is None and time.monotonic() < end:  # the first may not have been looked at yet
        run.type(b"\x03")
        time.sleep(0.2)
    assert run.finish() == 130


@pytest.mark.parametrize("number, status", [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_signals_restore_the_terminal(session, number, status):
    run = session(SPIN)
    run.wait_raw()
    run.process.send_signal(number)
    assert run.finish() == status


def test_stop_and_continue(session):
    run = session(ECHO)
    run.wait_raw()
    run.process.send_signal(signal.SIGTSTP)
    end = time.monotonic() + 30
    while run.is_raw():
        assert time.monotonic() < end
        time.sleep(0.01)
    assert termios.tcgetattr(run.slave) == run.before
    run.process.send_signal(signal.SIGCONT)
    run.wait_raw()
    run.type(b"hello q")
    assert run.finish() == 0


def test_stop_by_another_process(session):
    """SIGSTOP cannot be caught; the shell then sets the terminal as it likes."""
    run = session(ECHO)
    run.wait_raw()
    run.process.send_signal(signal.SIGSTOP)
    termios.tcsetattr(run.slave, termios.TCSANOW, run.before)
    run.process.send_signal(signal.SIGCONT)
    run.wait_raw()
    run.type(b"q")
    assert run.finish() == 0


def test_stuck_guest_is_noticed_on_a_terminal(session):
    run = session(SLEEP)
    assert run.finish() == 4


def test_bad_input_leaves_the_terminal_alone(session):
    run = session(PASS, "--dtb", "/nonexistent")
    assert run.finish() == 2
    assert run.seen.count(b"\n") == 1


def test_status_line(session):
    run = session(SPIN, "--timeout", "2")
    assert run.finish() == 3
    assert b"\r\x1b[K[" in run.seen and b"MIPS]" in run.seen
    last = run.seen.rpartition(b"\x1b[K")[2]
    assert last.startswith(b"rvh-run: hart 0: runs in M-mode") and b"\nrvh-run: the limit of 2 seconds" in last


def test_no_status_line_over_a_prompt(session):
    source = "li t0, 0x10000000\nli t1, '>'\nsb t1, 0(t0)\n" + SPIN
    run = session(source, "--timeout", "2")
    assert run.finish() == 3
    assert b"MIPS]" not in run.seen and b">" in run.seen


def test_a_background_process_leaves_the_terminal_alone(tmp_path):
    """Reading it would stop the process."""
    script = f"{' '.join(COMMAND)} --bare {program(tmp_path, PASS)} & wait $!"
    master, slave = pty.openpty()
    before = termios.tcgetattr(slave)
    process = subprocess.Popen(
        ["bash", "-m", "-c", script], stdin=slave, stdout=slave, stderr=slave, env=ENV, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )  # fmt: skip
    try:
        assert process.wait(60) == 0
        assert termios.tcgetattr(slave) == before
    finally:
        os.close(master)
        os.close(slave)
