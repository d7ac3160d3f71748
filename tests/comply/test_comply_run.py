"""Verdicts, and how a failure came about."""

import pytest
from suites import FINISH, RAM, crash, htif, reference, signature, talker, write

from rvh import comply
from rvh.comply import expect
from rvh.comply.execute import Job, Outcome, Settings
from rvh.comply.suite import Test
from rvh.errors import InputError


def judge(path, folder=None, **settings):
    [test] = comply.find([path])
    return comply.run(Job(test, Settings(**{"limit": 100_000, "isa": "rv64gch", **settings})))


def test_htif(tmp_path):
    done = judge(htif(tmp_path / "t"))
    assert (done.status, done.message, done.story) == ("pass", "", None) and done.instructions == 4
    done = judge(htif(tmp_path / "t", 5 << 1 | 1))
    assert (done.status, done.message) == ("fail", "test 5 failed")


def test_a_trap_before_the_failure_is_explained(tmp_path):
    done = judge(crash(tmp_path / "t"), last=20)
    assert (done.status, done.message) == ("fail", "test 7 failed")
    lines = [str(line) for line in done.story.lines]
    [line] = [line for line in lines if "0x7ff" in line]
    assert line.startswith("M  0x00800000") and line.endswith(
        "csrr a0, 0x7ff                   trap into M: illegal instruction"
    )
    assert "<handler>" in lines[lines.index(line) + 1]
    assert [line.effect for line in done.story.lines][-2] == "t1=0xf"
    [summary] = done.story.summaries
    assert summary.endswith('This hart has no CSR of that number ("CSR Address Mapping Conventions")')
    assert "mcause=0x2: illegal instruction" in done.story.traps[0]


def test_a_trap_long_before_the_failure_is_found(tmp_path):
    wait = "li a0, 500\n1: addi a0, a0, -1\nbnez a0, 1b"
    path = htif(tmp_path / "t", 3, f"la t0, 2f\ncsrw mtvec, t0\necall\n.align 2\n2: {wait}")
    done = judge(path, last=10)
    assert all("ecall" not in line.text for line in done.story.lines)
    [summary] = done.story.summaries
    assert "environment call from M-mode (exception 11) by ecall at 0x8000000c in M-mode" in summary


def test_a_handler_that_has_returned_is_not_blamed(tmp_path):
    from rvh import Machine, explain

    machine = Machine(isa="rv64gch")
    source = "la t0, 2f\ncsrw mtvec, t0\necall\n1: j 1b\n.align 2\n2: csrr t0, mepc\naddi t0, t0, 4\ncsrw mepc, t0\n"
    machine.load(write(tmp_path / "t", source + "li t0, 0x1800\ncsrs mstatus, t0\nmret"))
    machine.run(max_insns=50)
    assert machine.harts[0].mode == "M" and explain.trap(machine).code == 11
    assert not explain.trap(machine).current and explain.looping(machine) is None


def test_the_story_ends_where_the_run_ended(tmp_path):
    """Whatever the number of lines that are wanted, the last is the store to tohost."""
    path = htif(tmp_path / "t", 3, "li a0, 500\n1: addi a0, a0, -1\nbnez a0, 1b")
    for last in (1, 3, 7, 48, 5000):
        done = judge(path, last=last)
        assert done.story.lines[-1].text == "sd t1, 0(t0)"
        assert len(done.story.lines) == min(last, 1 + 1000 + 4)
    assert judge(path, last=0).story is None


def test_limits(tmp_path):
    done = judge(write(tmp_path / "t", "1: addi a0, a0, 1\n j 1b"), limit=12_345)
    assert (done.status, done.message) == ("fail", "did not end within 12,345 instructions")
    assert done.instructions == 12_345
    done = judge(write(tmp_path / "t", "la t0, 1f\ncsrw mtvec, t0\necall\n.align 2\n1: j 1b"))
    assert (done.status, done.message) == ("fail", "stands still without a word of success")
    assert "environment call from M-mode" in done.story.summaries[-1]
    done = judge(write(tmp_path / "t", "1: wfi\nj 1b"))
    assert done.message == "stands still without a word of success"


@pytest.mark.parametrize("code, status", [(0x5555, "pass"), (0x13333, "fail"), (0x7777, "fail")])
def test_the_finisher(tmp_path, code, status):
    assert judge(write(tmp_path / "t", FINISH.format(code))).status == status


@pytest.mark.parametrize("text, end, status, words", [
    ("all is well: PASSED\n", "9: j 9b", "pass", ""),
    ("RVCP-SUMMARY: TEST PASSED - Test File add.S\n", "9: j 9b", "pass", ""),
    ("RVCP-SUMMARY: TEST FAILED - Test File add.S\n", "9: j 9b", "fail", "TEST FAILED - Test File add.S"),
    ("FAIL: one thing\nPASS: another\n", FINISH.format(0x5555), "fail", "printed that it failed: FAIL: one thing"),
    ("RVCP-SUMMARY: TEST SIGRUN - Test File add.S\n", FINISH.format(0x5555), "error", "without a reference"),
    ("10 PASSED, 0 FAILED\n", "9: j 9b", "pass", ""),
    ("PASSED: 10 FAILED: 0\n", "9: j 9b", "pass", ""),
    ("PASSED: 9 FAILED: 10\n", "9: j 9b", "fail", "PASSED: 9 FAILED: 10"),
    ("nothing\n", FINISH.format(0x5555), "pass", ""),
    ("nothing\n", "9: j 9b", "fail", "without a word of success"),
    ("PASSED so far\n", "9: nop\nj 9b", "fail", "did not end"),
    ("one     PASSED\ntwo.x   FAILED\nthree   FAILED\n", "9: j 9b", "fail", "2 of 3 parts failed: two.x, three"),
])  # fmt: skip
def test_texts(tmp_path, text, end, status, words):
    done = judge(talker(tmp_path / "t", text, end))
    assert done.status == status and words in done.message and done.console == text


def test_a_text_that_ends_the_test(tmp_path):
    path = talker(tmp_path / "t", "suite PASSED\nthe end\n", "9: nop\nj 9b")
    assert judge(path, end="^the end").status == "fail"  # the pattern is looked for in all of the text at once
    assert judge(path, end="the end\n").status == "pass"


def test_signatures(tmp_path):
    path, where = signature(tmp_path / "t.elf", [1, 0x22, 3]), tmp_path / "t.signature"
    assert judge(path).message == "a test in the signature style without a reference signature"
    assert judge(path).status == "error"
    reference(where, [1, 0x22, 3])
    assert judge(path).status == "pass"
    where.write_text("0000002200000001\n0000000000000003\n")  # eight bytes in a line; the last is filled up
    assert judge(path).status == "pass"
    reference(where, [1, 0x23, 4])
    done = judge(path)
    assert (done.status, done.difference.count) == ("fail", 2)
    d = done.difference
    assert (d.index, d.expected, d.got) == (1, "00000023", "00000022")
    assert d.symbol == "begin_signature+0x4" and d.address == judge_symbol(path) + 4
    where = f"word 1 at {d.address:#x} <begin_signature+0x4>"
    assert done.message == f"the signature differs: {where}: expected 00000023, got 00000022; 2 words differ"
    assert done.story.lines[-1].text == "sw a1, 4(a0)" and done.story.end == " up to the last store to that word"


def judge_symbol(path):
    from rvh.elf import load

    return load(path).symbols["begin_signature"]


@pytest.mark.parametrize("text, words", [
    ("00000001\n00000022\n", "3 words of signature, 2 in the reference"),
    ("", "the reference signature is empty"),
    ("hello\n", "lines of hexadecimal digits"),
    ("00000001\n22\n", "lines of hexadecimal digits"),
])  # fmt: skip
def test_references_that_do_not_fit(tmp_path, text, words):
    path = signature(tmp_path / "t.elf", [1, 0x22, 3])
    (tmp_path / "t.signature").write_text(text)
    done = judge(path)
    assert done.status == "fail" and words in done.message


def test_a_signature_does_not_excuse_a_failure(tmp_path):
    path = signature(tmp_path / "t.elf", [1], "li a0, 0x100000\nli a1, 0x13333\nsw a1, 0(a0)")
    reference(tmp_path / "t.signature", [0])
    assert judge(path).message == "test 1 failed"
    path = htif(tmp_path / "u.elf")
    reference(tmp_path / "u.signature", [0])
    assert judge(path).message == "the program has no symbols begin_signature and end_signature"


def test_an_s_mode_program_runs_on_the_sbi_firmware(tmp_path):
    """Console and shutdown through SBI; found out by the address it is linked for, or asked for."""
    source = "li a0, 'P'\nli a7, 1\necall\nli a7, 8\necall\n9: j 9b"
    done = judge(write(tmp_path / "t", source, RAM + 0x20_0000), isa="default", limit=5_000_000)
    assert (done.status, done.console[-1:]) == ("pass", "P")


def test_what_is_no_test_of_ours(tmp_path):
    path = htif(tmp_path / "t")
    data = bytearray(path.read_bytes())
    data[4] = 1
    path.write_bytes(data)
    assert (judge(path).status, judge(path).message) == ("skip", "a program for RV32")
    data[4], data[56] = 2, 0  # no program headers
    path.write_bytes(data)
    done = judge(path)
    assert done.status == "error" and done.message.startswith(str(path))


def test_the_bytes_can_come_from_elsewhere(tmp_path):
    path = signature(tmp_path / "t.elf", [1, 2])
    job = Job(Test("t", "/nowhere/t.elf", "/nowhere/t.sig"), Settings(), path.read_bytes(), "00000001\n00000002\n")
    assert comply.run(job).status == "pass"
    assert comply.run(Job(Test("t", "/nowhere/t.elf"), Settings())).status == "error"


# -- expectations


def outcome(status, name="a/b", parts=()):
    return Outcome(Test(name, name), status, parts=tuple(parts))


def test_expected_failures(tmp_path):
    path = tmp_path / "known.toml"
    path.write_text('[[fail]]\ntest = "a/*"\nreason = "why"\n[[fail]]\ntest = "c::two"\nreason = "old"\n')
    known = expect.load(str(path))
    for before, after in (("fail", "xfail"), ("pass", "xpass"), ("error", "error"), ("skip", "skip")):
        assert expect.apply(outcome(before), known).status == after
        assert expect.apply(outcome(before, "b/a"), known).status == before
    assert expect.apply(outcome("fail"), known).expected == "why"
    for failing, status in ((["two"], "xfail"), (["one", "two"], "fail"), (["one"], "xpass"), ([], "xpass")):
        parts = [(name, name not in failing) for name in ("one", "two")]
        assert expect.apply(outcome("fail" if failing else "pass", "c", parts), known).status == status
    assert expect.unused(known, ["c", "d"]) == ["a/*"]


@pytest.mark.parametrize("text, words", [
    ("fail = 1", "not a list"), ("[[fail]]\ntest = 'x'", "needs the texts"), ("[[", "not valid TOML"),
    ("[[fail]]\ntest='x'\nreason=' '", "x needs a reason"), ("[x]", "'x' is unknown"),
    ("[[fail]]\ntest='x'\nreason='y'\nwhen=1", "only test and reason"),
])  # fmt: skip
def test_bad_expectations(tmp_path, text, words):
    path = tmp_path / "known.toml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        expect.load(str(path))
