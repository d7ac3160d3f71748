"""The hypervisor on our machine: sharing of harts, guests that misbehave, how a run ends."""

from __future__ import annotations

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

pytestmark = pytest.mark.skipif(not (IMAGES / "hv.elf").exists(), reason="firmware and guests are not built")

HELLO = "    li s1, 0\n    j say\n" + SAY_AND_STOP + 'text: .asciz "fine\\n"\n'


def image(name: str) -> str:
    return str(IMAGES / f"{name}.elf")


@pytest.mark.parametrize("harts", [1, 2, 4])
def test_more_vcpus_than_harts(harts):
    done = run_vms({"a": image("smp"), "b": image("smp"), "c": image("timer")}, harts=harts, vcpus=3)
    assert done.stop.kind == "pass"
    for label in "ab":
        assert done.of(label)[-1] == "smp: 3 harts, all totals exact"
    assert done.of("c")[-1].startswith("timer: results right")


def test_hostile_next_to_an_innocent(tmp_path):
    alone = run_vms({"good": image("timer")})
    beside = run_vms({"bad": image("hostile"), "good": image("timer")}, vcpus=1)
    assert beside.of("good") == alone.of("good")
    assert beside.of("bad")[-1].endswith(", 0 escaped")
    assert beside.stop.kind == "pass"


def test_a_guest_that_cannot_take_its_trap_is_stopped_in_words(tmp_path):
    # stvec points outside memory: the first trap leads to another, for ever.
    bad = guest(tmp_path, "bad", "    li t0, 0x10\n    csrw stvec, t0\n    .word 0\n")
    done = run_vms({"bad": bad, "good": guest(tmp_path, "good", HELLO)})
    assert done.of("good") == ["fine"]
    report = " ".join(line for line in done.of("hv") if line.startswith("bad"))
    assert "stopped: its trap handler cannot be fetched" in report and "0x80200008" in report, done.of("hv")
    assert done.stop.kind == "fail"
    assert "good: off" in " ".join(done.of("hv"))


def test_a_guest_that_jumps_into_nothing_gets_an_access_fault(tmp_path):
    source = """
        la t0, trap
        csrw stvec, t0
        li t0, 0x40000000
        jr t0
        .align 2
    trap:
        csrr t0, scause
        csrr t1, stval
        li s1, 1
        li t2, 1                # instruction access fault
        bne t0, t2, say
        li t2, 0x40000000
        bne t1, t2, say
        li s1, 0
        j say
    """
    done = run_vms({"jumper": guest(tmp_path, "jumper", source + SAY_AND_STOP + 'text: .asciz "caught\\n"\n')})
    assert done.of("jumper") == ["caught"] and done.stop.kind == "pass"


def test_failure_of_one_is_failure_of_the_run(tmp_path):
    source = HELLO.replace("li s1, 0", "li s1, 1")
    done = run_vms({"sad": guest(tmp_path, "sad", source), "glad": guest(tmp_path, "glad", HELLO)})
    assert done.of("sad") == done.of("glad") == ["fine"]
    assert done.stop.kind == "fail"


def test_a_guest_that_never_yields_does_not_starve_the_others(tmp_path):
    # The spinner masks all interrupts and never leaves; the other still gets its half of the hart.
    spin = guest(tmp_path, "spin", "    csrw sie, zero\n1:  j 1b\n")
    done = run_vms({"spin": spin, "timer": image("timer")}, max_insns=1_000_000_000)
    assert done.of("timer")[-1].startswith("timer: results right")
    assert done.stop.kind == "limit"


def test_the_run_repeats_exactly():
    digests = set()
    for _ in range(2):
        done = run_vms({"a": image("smp"), "b": image("timer")}, harts=2, vcpus=2)
        digests.add((done.text, done.machine.instructions, done.machine.digest()))
    assert len(digests) == 1


def test_the_keyboard_goes_where_the_escape_key_says(tmp_path):
    echo = """
        li s1, 0
    1:  li a7, 2                # legacy console getchar
        ecall
        bltz a0, 1b
        la t0, text
        sb a0, 4(t0)
        j say
    """
    kernels = {
        label: guest(tmp_path, label, echo + SAY_AND_STOP + f'text: .asciz "{label}: ?\\n"\n') for label in ("v0", "v1")
    }
    done = run_vms(kernels, typed=b"\x1d1B\x1d0A")
    assert done.stop.kind == "pass", done.text
    assert done.of("v0") == ["v0: A"] and done.of("v1") == ["v1: B"]


def test_hostile_output_is_nobody_elses(tmp_path):
    # The first VM has the keyboard, so the other one's control characters go nowhere.
    done = run_vms({"good": guest(tmp_path, "good", HELLO), "bad": image("hostile")})
    assert done.stop.kind == "pass", done.text
    assert done.of("good") == ["fine"]
    for line in done.text.splitlines():
        assert "forged" not in line or line.startswith("[bad] "), line
        assert all(c == "\ufffd" or c.isprintable() for c in line), line
    assert [line for line in done.of("hv") if "off" in line and line.startswith("good")] == [
        "good: off: it powered off"
    ]
    assert "keyboard goes to" not in done.text and not [line for line in done.of("hv") if "vcpu 0" in line]


def test_hostile_tries_what_it_should():
    done = run_vms({"bad": image("hostile")}, net=True)
    tried = [line.split()[0] for line in done.of("bad") if line.endswith(" contained")]
    assert len(tried) >= 80 and len(set(tried)) == len(tried)
    assert done.of("bad")[-1] == f"hostile: {len(tried)} attacks, 0 escaped"
