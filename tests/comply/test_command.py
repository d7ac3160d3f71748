"""`rvh-comply` as a process: what it prints, its exit status, its reports."""

import os
import pty
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest
from suites import crash, htif, reference, signature, talker, write

import rvh

ENV = {**os.environ, "PYTHONPATH": str(Path(rvh.__file__).resolve().parent.parent), "TERM": "dumb"}
COMMAND = [sys.executable, "-m", "rvh.cli.comply"]


def comply(*arguments):
    return subprocess.run([*COMMAND, *map(str, arguments)], capture_output=True, text=True, timeout=300, env=ENV)


@pytest.fixture(scope="module")
def suite(tmp_path_factory):
    """One test of each kind: passing, trapping, differing signature, not judged, another machine's."""
    folder = tmp_path_factory.mktemp("suite")
    htif(folder / "isa" / "rv64ui-p-good")
    crash(folder / "isa" / "rv64ui-p-bad", "li a1, 0x10\nlw a0, 0(a1)")
    signature(folder / "arch" / "add.elf", [1, 2])
    reference(folder / "arch" / "add.signature", [1, 2])
    signature(folder / "arch" / "sub.elf", [1, 2])
    reference(folder / "arch" / "sub.signature", [1, 9])
    signature(folder / "arch" / "lost.elf", [1])
    rv32 = bytearray(htif(folder / "isa" / "rv32ui-p-other").read_bytes())
    rv32[4] = 1
    (folder / "isa" / "rv32ui-p-other").write_bytes(rv32)
    return folder


@pytest.fixture(scope="module")
def reports(suite, tmp_path_factory):
    folder = tmp_path_factory.mktemp("reports")
    done = comply(suite, "-j", 2, "--html", folder / "r.html", "--junit", folder / "r.xml", "--last", 12)
    return done, (folder / "r.html").read_text(), ElementTree.parse(folder / "r.xml").getroot()


def test_what_is_printed(reports):
    done = reports[0]
    assert (done.returncode, done.stderr) == (1, "")
    *lines, summary = done.stdout.splitlines()
    assert sorted(lines)[:2] == [
        "failed: arch/sub.elf: the signature differs: word 1 at 0x80000054 <begin_signature+0x4>: expected 00000009, "
        "got 00000002",
        "failed: isa/rv64ui-p-bad: test 7 failed",
    ]
    assert sorted(lines)[2].startswith("not judged: arch/lost.elf: a test in the signature style without")
    assert summary.startswith("6 tests: 2 passed, 1 skipped, 1 not judged, 2 failed (")


def test_junit(reports):
    root = reports[2]
    assert {name: root.get(name) for name in ("tests", "failures", "errors", "skipped")} == {
        "tests": "6", "failures": "2", "errors": "1", "skipped": "1"
    }  # fmt: skip
    assert [suite.get("name") for suite in root] == ["arch", "isa"]
    cases = {case.get("name"): case for case in root.iter("testcase")}
    assert len(cases["isa/rv64ui-p-good"]) == 0 and cases["isa/rv64ui-p-good"].get("classname") == "isa"
    failure = cases["isa/rv64ui-p-bad"].find("failure")
    assert failure.get("message") == "test 7 failed"
    assert "load access fault (exception 5) by lw a0, 0(a1)" in failure.text
    assert "trap into M: load access fault" in failure.text
    assert cases["isa/rv32ui-p-other"].find("skipped").get("message") == "a program for RV32"
    assert cases["arch/lost.elf"].find("error") is not None


class Page(HTMLParser):
    """Checks that elements are closed, and collects what could lead outside."""

    def __init__(self, text):
        super().__init__()
        self.stack, self.outside, self.ids, self.links = [], [], [], []
        self.feed(text)
        assert self.stack == []

    def handle_starttag(self, tag, attrs):
        for name, value in attrs:
            if name == "id":
                self.ids.append(value)
            if name == "href":
                self.links.append(value)
            if name in ("src", "href", "action", "data") and not value.startswith("#"):
                self.outside.append(value)
        if tag not in ("meta", "br"):
            self.stack.append(tag)
        assert tag not in ("script", "link", "img", "iframe")

    def handle_endtag(self, tag):
        assert self.stack.pop() == tag


def test_the_page_stands_alone_and_tells_the_story(reports):
    text = reports[1]
    page = Page(text)
    assert not page.outside and "@import" not in text and "url(" not in text
    assert {link.removeprefix("#") for link in page.links} == set(page.ids) and len(page.ids) == 3
    assert "<dt>expected</dt><dd>00000009</dd>" in text and "<dt>got</dt><dd>00000002</dd>" in text
    assert "0x80000054  &lt;begin_signature+0x4&gt;" in text
    assert "The load at 0x10: there is neither RAM nor a device at 0x10" in text
    assert len(re.findall(r"The last \d+ instructions", text)) == 2 and "<mark>M  0x" in text


def test_texts_of_a_guest_cannot_break_the_reports(tmp_path):
    talker(tmp_path / "t", "<script>FAILED</script> &\x01")
    done = comply(tmp_path, "--html", tmp_path / "r.html", "--junit", tmp_path / "r.xml")
    assert done.returncode == 1
    text = (tmp_path / "r.html").read_text()
    Page(text)
    assert "&lt;script&gt;FAILED" in text
    case = ElementTree.parse(tmp_path / "r.xml").getroot().find(".//testcase")
    assert case.find("system-out").text == "<script>FAILED</script> &?"


def test_all_is_well(suite, tmp_path):
    known = tmp_path / "known.toml"
    known.write_text(
        '[[fail]]\ntest = "arch/sub.elf"\nreason = "a wrong reference"\n'
        '[[fail]]\ntest = "isa/*-bad"\nreason = "meant to trap"\n[[fail]]\ntest = "gone"\nreason = "no more"\n'
    )
    done = comply(suite, "--filter", "isa", "--filter", "*/[as]??.elf", "--expect", known, "--junit", tmp_path / "x")
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith("5 tests: 2 passed, 1 skipped, 2 failed as expected (")
    assert done.stderr == f"rvh-comply: {known}: gone fits no test\n"
    skipped = ElementTree.parse(tmp_path / "x").getroot().findall(".//skipped")
    assert [one.get("message").partition(" (")[0] for one in skipped if "expected" in one.get("message")] == [
        "expected failure: a wrong reference", "expected failure: meant to trap"
    ]  # fmt: skip


def test_an_unexpected_pass_fails(suite, tmp_path):
    known = tmp_path / "known.toml"
    known.write_text('[[fail]]\ntest = "isa/*-good"\nreason = "was broken"\n')
    done = comply(suite, "--filter", "good", "--expect", known, "--html", tmp_path / "r.html")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0] == "passed unexpectedly: isa/rv64ui-p-good: expected to fail: was broken"
    assert "Passed unexpectedly" in (tmp_path / "r.html").read_text()


def test_list(suite):
    done = comply(suite, "--list", "--filter", "arch")
    lost, *others = sorted(done.stdout.splitlines(), key=len)
    assert (done.returncode, lost) == (0, "arch/lost.elf")
    assert others[0] == f"arch/add.elf  {suite}/arch/add.signature"


def test_limits_and_the_instruction_set(tmp_path):
    write(tmp_path / "spin", "1: nop\nj 1b")
    crash(tmp_path / "czero", "czero.eqz a0, a1, a2")
    done = comply(tmp_path, "--timeout-instructions", 5000, "--isa", "rv64gc")
    assert "failed: spin: did not end within 5,000 instructions" in done.stdout
    assert "failed: czero: test 7 failed" in done.stdout
    htif(tmp_path / "czero2", 1, "czero.eqz a0, a1, a2")
    assert comply(tmp_path / "czero2").returncode == 0


@pytest.mark.parametrize("arguments, words", [
    ([], "no tests are given"), (["/nowhere"], "/nowhere: no such file or directory"),
    ([".", "--isa", "rv128"], "--isa: "), (["--write-riscof", "x", "y"], "run no tests"),
    ([".", "--last", "-1"], "--last: -1 is out of range"),
    ([".", "--end-text", "("], "--end-text (: "), ([".", "--expect", "/nowhere"], "/nowhere: "),
    ([".", "--html", "x", "--junit", "x"], "written twice"), ([".", "--what"], "--what"),
    ([".", "--scheduler", "tcp://127.0.0.1:9"], "no Dask scheduler answers"),
    ([".", "--filter", "nothing"], "no test fits the filter"), ([".", "--html", "/nowhere/x"], "/nowhere/x: "),
])  # fmt: skip
def test_bad_usage(tmp_path, monkeypatch, arguments, words):
    monkeypatch.chdir(tmp_path)
    htif(tmp_path / "t")
    done = comply(*arguments)
    line = done.stderr.splitlines()[-1]
    assert done.returncode == 2 and line.startswith("rvh-comply: ") and words in line
    assert "Traceback" not in done.stderr


def test_a_folder_without_tests(tmp_path):
    done = comply(tmp_path)
    assert done.returncode == 2 and "there are no RISC-V test programs" in done.stderr


def test_on_a_terminal_a_bar_shows_how_far_it_is(suite):
    """The bar is on stderr; lines about failures stay above it."""
    master, slave = pty.openpty()
    env = {**ENV, "TERM": "xterm", "COLUMNS": "100"}
    with subprocess.Popen([*COMMAND, str(suite)], stdout=subprocess.PIPE, stderr=slave, text=True, env=env) as running:
        os.close(slave)
        shown = b""
        while True:
            try:
                data = os.read(master, 4096)
            except OSError:
                break
            if not data:
                break
            shown += data
        out = running.stdout.read()
    os.close(master)
    assert running.returncode == 1 and out.startswith("6 tests: ") and out.count("\n") == 1
    text = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", shown.decode())
    assert "6/6" in text and "3 bad" in text and "failed: isa/rv64ui-p-bad: test 7 failed" in text
