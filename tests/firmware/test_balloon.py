"""The virtio balloon: what a guest gives up serves others, and is empty and its own again when it takes it back."""

from __future__ import annotations

import pytest
from test_memory import CHUNK, IMAGES, LOADED, MIB, SLEEP, STEP, Session, program, touching

from rvh.devices.virtio.blk import VirtioBlk
from rvh.devices.virtio.disk import RawDisk

pytestmark = pytest.mark.skipif(not (IMAGES / "balloon.elf").exists(), reason="firmware and guests are not built")

BALLOON = str(IMAGES / "balloon.elf")
PAGE = 0x1000
GUEST_RAM = 0x8000_0000
SLOT_DISK, SLOT_BALLOON = 0x10001000, 0x10005000
INFLATE, DEFLATE = 0, 1
MUST_TELL_HOST = 1
#: Rings of the small programs, away from what they give up; the list of page numbers follows.
RINGS, NUMBERS = 0x8060_0000, 0x8061_0000
GIVEN = 0x80A0_0000


class Balloon(Session):
    """The guest `b` has 32 MiB, a balloon, and perhaps a disk, others what they need."""

    def __init__(
        self, others=None, kernel: str = BALLOON, balloon: int | None = 0, append=None, disk=None, more=None, **options
    ):
        settings = {"b": {"balloon": balloon, "append": append, "disk": disk}, **(more or {})}
        super().__init__({"b": (kernel, 32 * MIB), **(others or {})}, settings=settings, **options)

    def pages(self) -> str:
        """What the guest has said last."""
        return [line for line in self.text.splitlines() if "pages in the balloon" in line][-1]

    def ballooned(self) -> int:
        """What is in the balloon, in bytes."""
        return self._stat("b", r"balloon (\d+) KiB")


@pytest.mark.parametrize("harts", [1, 2])
def test_what_is_given_up_comes_back_empty(harts):
    run = Balloon(harts=harts)
    run.go(3 * STEP)
    assert run.pages() == "[b] 0 pages in the balloon, 0 wrong"
    full = run.resident("b")
    for size in (8 * MIB, 4 * MIB, 16 * MIB, 0):
        run.ask(f"balloon b {size >> 20}M")
        run.go(3 * STEP)
        assert run.pages() == f"[b] {size // PAGE} pages in the balloon, 0 wrong"
        assert run.ballooned() == size
        assert run.resident("b") == full - size
        shown = run.ask("map b")
        first = GUEST_RAM + 2 * CHUNK
        assert (f"  {first:#x} to {first + size - 1:#x} in the balloon" in shown) == (size > 0)
        assert shown.count("in the balloon") == (size > 0)
    assert run.ask("balloon b").count("b: to give up 0 KiB, has given up 0 KiB") == 1


def test_a_target_from_the_description():
    run = Balloon(balloon=6 * MIB)
    run.go(3 * STEP)
    assert run.pages() == "[b] 1536 pages in the balloon, 0 wrong"
    run.ask("balloon b 0")
    run.go(2 * STEP)
    assert run.pages() == "[b] 0 pages in the balloon, 0 wrong"


def test_a_chunk_goes_back_when_all_of_it_is_given_up():
    """Every second page first: they are empty when they come back, though their chunks have stayed."""
    run = Balloon(append="odd")
    run.go(3 * STEP)
    full, most = run.resident("b"), 12 * MIB
    run.ask("balloon b 12M")
    run.go(3 * STEP)
    assert run.ballooned() == most and run.resident("b") == full
    run.ask("balloon b 20M")
    run.go(3 * STEP)
    assert run.ballooned() == 20 * MIB and 0 < full - run.resident("b") < 20 * MIB
    for size in (10 * MIB, 0):
        run.ask(f"balloon b {size >> 20}M")
        run.go(3 * STEP)
        assert run.pages() == f"[b] {size // PAGE} pages in the balloon, 0 wrong"
    assert run.resident("b") == full


def test_what_one_vm_gives_up_serves_another(tmp_path):
    # Of 64 MiB the first one has 32, and the second wants 32 besides what it is loaded into.
    hog = program(tmp_path, "hog", touching(list(range(4 * MIB, 36 * MIB, CHUNK))) + SLEEP)
    run = Balloon({"hog": (hog, 40 * MIB)}, ram=64 * MIB, overcommit=True, off=("hog",))
    run.go(3 * STEP)
    run.ask("start hog")
    run.go(3 * STEP)
    assert "hog: stopped: the machine has no memory left for it" in run.text
    run.ask("balloon b 16M")
    run.go(3 * STEP)
    run.ask("start hog")
    run.go(3 * STEP)
    assert run.resident("hog") == LOADED + 16 * CHUNK
    assert run.text.count("no memory left") == 1 and run.pages() == "[b] 4096 pages in the balloon, 0 wrong"
    # What b takes back now is not there: b ends, and the other does not notice.
    run.ask("balloon b 0")
    run.go(5 * STEP)
    assert "b: stopped: the machine has no memory left for it" in run.text
    assert run.resident("hog") == LOADED + 16 * CHUNK and run.ballooned() == run.resident("b") == 0


def test_a_reset_empties_the_balloon():
    run = Balloon(balloon=8 * MIB)
    run.go(3 * STEP)
    held = run.resident("b")
    run.ask("reset b")
    assert run.ballooned() == 0 or "0 wrong" in run.pages()
    run.go(5 * STEP)
    assert run.text.count("2048 pages in the balloon, 0 wrong") == 2
    assert run.ballooned() == 8 * MIB and run.resident("b") == held
    run.ask("kill b")
    assert "ends" in run.text


def test_a_paused_vm_follows_when_it_goes_on():
    run = Balloon()
    run.go(3 * STEP)
    run.ask("pause b")
    run.ask("balloon b 4M")
    assert run.ballooned() == 0
    run.ask("resume b")
    run.go(2 * STEP)
    assert run.ballooned() == 4 * MIB


REFUSED = {
    "balloon none": "it has no balloon",
    "balloon none 4M": 'it has no balloon; balloon = "0" in its description gives it one',
    "balloon": "balloon needs a VM: balloon VM [SIZE]",
    "balloon nobody 4M": "there is no VM 'nobody'; 'list' lists them",
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_has_no_balloon(tmp_path, line):
    run = Balloon({"none": (program(tmp_path, "none", SLEEP), 32 * MIB)})
    run.go(3 * STEP)
    assert REFUSED[line] in run.ask(line)
    assert "balloon" not in run.ask("stat none")


@pytest.mark.parametrize("size", ["4M", "4m", "4MiB", "4mb", "4096K", "4194304", "4194304b"])
def test_sizes_that_are_taken(size):
    run = Balloon()
    run.ask(f"balloon b {size}")
    assert "to be 4096 KiB" in run.ask("stat b")


@pytest.mark.parametrize(
    "size", ["33M", "1T", "99999999999999999999", "17592186044416M", "4M4", "M", "4iB", "4097", "-1", "4 M"]
)
def test_sizes_that_are_refused(size):
    run = Balloon()
    run.go(3 * STEP)
    said = run.ask(f"balloon b {size}")
    whole = size in ("33M", "1T")
    reason = "that is more than all of its memory" if whole else "SIZE is one such as 64M, in whole pages of 4 KiB"
    assert f"balloon b: {reason}" in said and "to be 0 KiB" in run.ask("stat b")


@pytest.mark.parametrize("overcommit", [False, True], ids=["promised", "overcommit"])
def test_a_gib_page_is_split(tmp_path, overcommit):
    """A chunk of a page of 1 GiB goes back alone; the rest stays."""
    size = 1088 * MIB
    first, end = 0xA000_0000, 0xA020_0000
    text = setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(first, end + PAGE) + whole_chunk(first) + SLEEP
    specs = {"b": (program(tmp_path, "gib", text), size)}
    run = Session(specs, 3 << 30, pages="1G", settings={"b": {"balloon": 0}}, overcommit=overcommit)
    run.go(40 * STEP)
    assert "balloon 2048 KiB" in run.ask("stat b")
    shown = run.ask("map b")
    assert "pages of 1048576 KiB" not in shown
    assert f"to {first - 1:#x} -> " in shown and f"  {end:#x} to 0xbfffffff -> " in shown
    run.ask("reset b")
    run.go(40 * STEP)
    assert "balloon 2048 KiB" in run.ask("stat b")


# ---- Small programs that drive the device by hand


def register(base: int, offset: int, value: int) -> str:
    return f"    li t0, {base + offset}\n    li t1, {value}\n    sw t1, 0(t0)\n"


def setup(base: int, queue: int, features: int = 0) -> str:
    """Brings a device up with one queue."""
    writes = [(0x70, 0), (0x70, 3), (0x24, 0), (0x20, features), (0x24, 1), (0x20, 1), (0x70, 11)]
    return "".join(register(base, *write) for write in writes) + setup_queue(base, queue) + register(base, 0x70, 15)


def setup_queue(base: int, queue: int) -> str:
    """8 entries, whose rings are at a place of their own from RINGS on."""
    rings = rings_of(base, queue)
    writes = [(0x30, queue), (0x38, 8), (0x80, rings), (0x84, 0), (0x90, rings + 0x100), (0x94, 0)]
    writes += [(0xA0, rings + 0x200), (0xA4, 0), (0x44, 1)]
    return "".join(register(base, *write) for write in writes)


def rings_of(base: int, queue: int) -> int:
    return RINGS + (2 * (base - SLOT_DISK) // 0x1000 + queue) * 0x400


def request(base: int, queue: int, segments: list[tuple[int, int, bool]], number: int = 1, wait: bool = True) -> str:
    """Puts a request of (address, length, device writes) into the queue as its `number`-th, and waits for it."""
    rings, text = rings_of(base, queue), ""
    for i, (address, length, writes) in enumerate(segments):
        flags = (2 if writes else 0) | (1 if i + 1 < len(segments) else 0)
        text += f"    li t0, {rings + 16 * i}\n    li t1, {address}\n    sd t1, 0(t0)\n"
        text += f"    li t1, {(i + 1) << 48 | flags << 32 | length}\n    sd t1, 8(t0)\n"
    text += f"    fence\n    li t0, {rings + 0x100}\n    li t1, {number}\n    sh t1, 2(t0)\n    fence\n"
    text += register(base, 0x50, queue)
    if wait:
        text += f"    li t0, {rings + 0x200}\n9:  lhu t1, 2(t0)\n    li t2, {number}\n    bne t1, t2, 9b\n"
    return text


def list_of(pages: list[int]) -> str:
    return f"    li t0, {NUMBERS}\n" + "".join(
        f"    li t1, {page}\n    sw t1, 0(t0)\n    addi t0, t0, 4\n" for page in pages
    )


def run_of(first: int, count: int, step: int = 1, at: int = NUMBERS) -> str:
    """Writes `count` page numbers from the page at `first` on, to `at`."""
    return f"""
    li t0, {at}
    li t1, {first // PAGE}
    li t2, {count}
1:  sw t1, 0(t0)
    addi t0, t0, 4
    addi t1, t1, {step}
    addi t2, t2, -1
    bnez t2, 1b
"""


def mark(first: int, end: int) -> str:
    return f"""
    li t0, {first}
    li t1, {end}
    li t2, {PAGE}
1:  sd t0, 0(t0)
    add t0, t0, t2
    bltu t0, t1, 1b
"""


def whole_chunk(first: int, wait: bool = True) -> str:
    return run_of(first, 512) + request(SLOT_BALLOON, INFLATE, [(NUMBERS, 2048, False)], wait=wait)


def expect(address: int, value: int, code: int) -> str:
    return f"    li s1, {code}\n    li t0, {address}\n    ld t1, 0(t0)\n    li t2, {value}\n    bne t1, t2, say\n"


BAD = {
    "below": (GUEST_RAM - PAGE) // PAGE,
    "zero": 0,
    "end": (GUEST_RAM + 32 * MIB) // PAGE,
    "far": 0xFFFFFFFF,
    "sign": 0x80000000,
    "wraps": 0xFFF80A00,
}


@pytest.mark.parametrize("bad", BAD)
def test_numbers_of_pages_that_it_does_not_have(tmp_path, bad):
    page = GIVEN // PAGE
    numbers = list_of([BAD[bad], page, BAD[bad]])
    text = setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(GIVEN, GIVEN + 2 * PAGE) + numbers
    text += request(SLOT_BALLOON, INFLATE, [(NUMBERS, 12, False)])
    text += expect(GIVEN, 0, 1) + expect(GIVEN + PAGE, GIVEN + PAGE, 2) + SLEEP
    run = Balloon(kernel=program(tmp_path, "bad", text))
    run.go()
    assert run.ballooned() == PAGE and "done" not in run.text, run.text


def test_a_page_counts_once(tmp_path):
    page = GIVEN // PAGE
    text = (
        setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(GIVEN, GIVEN + 4 * PAGE) + list_of([page, page, page + 1, page])
    )
    text += request(SLOT_BALLOON, INFLATE, [(NUMBERS, 4, False), (NUMBERS + 4, 12, False)])
    text += request(SLOT_BALLOON, INFLATE, [(NUMBERS, 18, False)], 2) + SLEEP
    run = Balloon(kernel=program(tmp_path, "twice", text))
    run.go()
    assert run.ballooned() == 2 * PAGE


def test_taking_back_what_was_not_given(tmp_path):
    text = setup(SLOT_BALLOON, DEFLATE, MUST_TELL_HOST) + mark(GIVEN, GIVEN + PAGE) + list_of([GIVEN // PAGE, 0])
    text += request(SLOT_BALLOON, DEFLATE, [(NUMBERS, 8, False)]) + expect(GIVEN, GIVEN, 1) + SLEEP
    run = Balloon(kernel=program(tmp_path, "never", text))
    run.go()
    assert run.ballooned() == 0 and "done" not in run.text


def test_what_is_touched_in_the_balloon_is_empty_again(tmp_path):
    text = setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(GIVEN, GIVEN + CHUNK) + whole_chunk(GIVEN)
    text += "".join(expect(GIVEN + at, 0, 1 + at) for at in (0, PAGE, CHUNK - PAGE)) + SLEEP
    run = Balloon(kernel=program(tmp_path, "touched", text))
    run.go()
    assert "done" not in run.text
    assert run.ballooned() == CHUNK and run.resident("b") == LOADED + CHUNK and run.shared("b") == CHUNK


def test_the_rings_and_the_list_themselves_are_given_up(tmp_path):
    """The device finds zeroes there and goes no further; after a reset it works."""
    rings = RINGS // CHUNK * CHUNK
    text = setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + run_of(rings, 512)
    text += request(SLOT_BALLOON, INFLATE, [(NUMBERS, 2048, False)], wait=False)
    text += setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(GIVEN, GIVEN + CHUNK) + whole_chunk(GIVEN) + SLEEP
    run = Balloon(kernel=program(tmp_path, "rings", text))
    run.go()
    assert run.ballooned() == CHUNK and run.resident("b") == LOADED + CHUNK


def test_a_long_request_takes_several_turns(tmp_path):
    """Its vCPU sleeps meanwhile; the list names a chunk, then one page again and again, then a second chunk."""
    again = 20000
    text = setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(GIVEN, GIVEN + 2 * CHUNK) + run_of(GIVEN, 512)
    text += run_of(GIVEN, again, 0, NUMBERS + 2048) + run_of(GIVEN + CHUNK, 512, 1, NUMBERS + 2048 + 4 * again)
    text += request(SLOT_BALLOON, INFLATE, [(NUMBERS, 4 * (again + 1024), False)], wait=False)
    # A PLIC source, so that the sleep could end: it is not one that nothing can wake.
    text += f"    li t0, 0xc000000\n    li t1, 1\n    sw t1, 20(t0)\n    li t0, 0xc002080\n    li t1, {1 << 5}\n"
    text += "    sw t1, 0(t0)\n    li t0, 0x200\n    csrw sie, t0\n"
    text += f"    li t0, {rings_of(SLOT_BALLOON, 0) + 0x200}\n1:  wfi\n    lhu t1, 2(t0)\n    beqz t1, 1b\n"
    text += "    li a7, 1\n    li a0, 75\n    ecall\n    li a0, 10\n    ecall\n" + SLEEP
    run = Balloon(kernel=program(tmp_path, "long", text))
    run.go(3 * STEP)
    assert run.ballooned() == 2 * CHUNK and run.resident("b") == LOADED + CHUNK, run.text
    assert "[b] K" in run.text


class SlowDisk(VirtioBlk):
    """A disk that does nothing until the test lets it."""

    def notify(self, index: int) -> None:
        pass

    def finish(self) -> None:
        assert self.transport is not None
        self.transport.guard(lambda: VirtioBlk.notify(self, 0))


def test_memory_that_a_disk_may_write_to_stays_until_it_is_done(tmp_path):
    image = tmp_path / "disk"
    image.write_bytes(b"abcd" * 1024)
    disk = SlowDisk(RawDisk(str(image)))
    header, status = NUMBERS - 64, NUMBERS - 16
    read = [(header, 16, False), (GIVEN + PAGE, 512, True), (status, 1, True)]
    text = setup(SLOT_DISK, 0) + setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(GIVEN, GIVEN + CHUNK)
    text += request(SLOT_DISK, 0, read, wait=False) + whole_chunk(GIVEN, wait=False)
    # One more disk request, which is not to overtake the balloon.
    read[1] = (NUMBERS + 0x8000, 512, True)
    text += request(SLOT_DISK, 0, read, 2, wait=False) + SLEEP
    run = Balloon(kernel=program(tmp_path, "busy", text), disk=str(image), disks=[disk])
    run.go()
    assert run.ballooned() == 0 and run.resident("b") == LOADED + 2 * CHUNK
    disk.finish()
    run.go()
    assert run.ballooned() == CHUNK and run.resident("b") == LOADED + CHUNK
    # The second request is with the disk only now.
    assert disk.counts["read"] == 512
    disk.finish()
    run.go()
    assert disk.counts["read"] == 1024 and run.resident("b") == LOADED + CHUNK
    assert "disk reads 2 (1024 bytes)" in run.ask("stat b")


# ---- Where memory is overcommitted, single pages go back


@pytest.mark.parametrize("harts", [1, 2])
def test_single_pages_go_back(tmp_path, harts):
    """Every second page first; a chunk that has lost some of its pages is mapped page by page."""
    idle = {"idle": (program(tmp_path, "idle", SLEEP), 16 * MIB)}
    run = Balloon(idle, append="odd", harts=harts, overcommit=True)
    run.go(3 * STEP)
    full = run.resident("b")
    for size in (5 * MIB, 12 * MIB, 20 * MIB, 10 * MIB, 0):
        run.ask(f"balloon b {size >> 20}M")
        run.go(5 * STEP)
        assert run.pages() == f"[b] {size // PAGE} pages in the balloon, 0 wrong"
        assert run.ballooned() == size and run.resident("b") == full - size
    assert "pages of 4 KiB" in run.ask("map b")
    run.ask("kill b")
    assert run.resident("b") == 0


def test_single_pages_serve_another_vm(tmp_path):
    """No chunk is left whole, so the other one lives on single pages; what it had comes back as whole chunks."""
    marks = mark(GUEST_RAM + 4 * MIB, GUEST_RAM + 11 * MIB) + "    li s1, 0\n    j say\n"
    hog = program(tmp_path, "hog", touching(list(range(4 * MIB, 52 * MIB, CHUNK))) + SLEEP)
    kernels = {"hog": (hog, 56 * MIB), "other": (program(tmp_path, "other", marks), 16 * MIB)}
    run = Balloon(kernels, append="odd", ram=96 * MIB, overcommit=True, off=("hog", "other"))
    run.go(3 * STEP)
    run.ask("start hog")
    run.go(3 * STEP)
    hogs = run.resident("hog")
    run.ask("start other")
    run.go(2 * STEP)
    assert "other: stopped: " in run.text
    run.ask("balloon b 13M")
    run.go(5 * STEP)
    run.ask("start other")
    run.go(5 * STEP)
    assert "[other] done" in run.text and "other: off: it powered off" in run.text, run.text
    assert run.resident("hog") == hogs and run.pages() == f"[b] {13 * MIB // PAGE} pages in the balloon, 0 wrong"


def scattered(first: int, pages: int) -> str:
    """Gives up every second page, takes it back, and touches these in the opposite order: no two neighbours among the
    pages are neighbours in the machine."""
    text = run_of(first + PAGE, pages // 2, 2) + request(SLOT_BALLOON, INFLATE, [(NUMBERS, 2 * pages, False)])
    text += setup_queue(SLOT_BALLOON, DEFLATE) + request(SLOT_BALLOON, DEFLATE, [(NUMBERS, 2 * pages, False)])
    return (
        text
        + f"""
    li t0, {first + (pages - 1) * PAGE}
    li t1, {first}
    li t2, {2 * PAGE}
1:  sd zero, 0(t0)
    sub t0, t0, t2
    bgtu t0, t1, 1b
"""
    )


@pytest.mark.parametrize("shift", [0, 0x208])
def test_a_long_transfer_in_scattered_pages(tmp_path, shift):
    """It takes several requests of the machine's disk, each of whole sectors."""
    size = 400 * PAGE
    image, data = tmp_path / "disk", bytes(range(251)) * (size // 251 + 1)
    image.write_bytes(data[:size] + bytes(size))
    header, status, at = NUMBERS - 64, NUMBERS - 16, GIVEN + shift
    text = setup(SLOT_DISK, 0) + setup(SLOT_BALLOON, 0, MUST_TELL_HOST) + mark(GIVEN, GIVEN + CHUNK)
    text += scattered(GIVEN, 512)
    text += request(
        SLOT_DISK, 0, [(header, 16, False), (at, 1000, True), (at + 1000, size - 1000, True), (status, 1, True)]
    )
    text += f"    li s1, 1\n    li t0, {status}\n    lbu t1, 0(t0)\n    bnez t1, say\n"
    text += f"    li t0, {header}\n    li t1, 1\n    sw t1, 0(t0)\n    li t1, {size // 512}\n    sd t1, 8(t0)\n"
    text += request(SLOT_DISK, 0, [(header, 16, False), (at, size, False), (status, 1, True)], 2)
    text += f"    li s1, 1\n    li t0, {status}\n    lbu t1, 0(t0)\n    bnez t1, say\n    li s1, 0\n    j say\n"
    disk = VirtioBlk(RawDisk(str(image)))
    run = Balloon(kernel=program(tmp_path, "long", text), disk=str(image), disks=[disk], overcommit=True)
    assert run.go(5 * STEP) == "pass", run.text
    assert image.read_bytes() == data[:size] * 2
    assert disk.counts == {"read": size, "written": size, "flushes": 0, "errors": 0}


@pytest.mark.parametrize("overcommit", [False, True], ids=["promised", "overcommit"])
def test_attacks_through_the_balloon(tmp_path, overcommit):
    image = tmp_path / "disk"
    image.write_bytes(bytes(range(256)) * 8192)
    hostile, disk = str(IMAGES / "hostile.elf"), VirtioBlk(RawDisk(str(image), readonly=True))
    neighbour = {"n": (program(tmp_path, "n", mark(GIVEN, GIVEN + 4 * CHUNK) + SLEEP), 32 * MIB)}
    options = {"disk": str(image), "disks": [disk], "overcommit": overcommit, "harts": 2}
    run = Balloon(neighbour, kernel=hostile, **options)
    run.go(200 * STEP)
    lines = {line.split()[1]: line.split()[2] for line in run.text.splitlines() if line.startswith("[b] balloon_")}
    assert len(lines) == 6 and set(lines.values()) == {"contained"}, run.text[-2000:]
    assert "0 escaped" in run.text and run.resident("n") == LOADED + 4 * CHUNK
    assert run.resident("b") == run.ballooned() == 0


def churn(pages: int) -> str:
    """vCPU 0 gives up every second page and takes it back, for ever; vCPU 1 writes to all of them all the time."""
    queues = setup(SLOT_BALLOON, INFLATE, MUST_TELL_HOST) + setup_queue(SLOT_BALLOON, DEFLATE)
    step = ""
    for queue in (INFLATE, DEFLATE):
        rings = rings_of(SLOT_BALLOON, queue)
        step += (
            f"    li t0, {rings}\n    li t1, {NUMBERS}\n    sd t1, 0(t0)\n    li t1, {2 * pages}\n    sd t1, 8(t0)\n"
        )
        step += "    fence\n    sh s6, 0x102(t0)\n    fence\n" + register(SLOT_BALLOON, 0x50, queue)
        step += f"    li t0, {rings}\n9:  lhu t1, 0x202(t0)\n    bne t1, s6, 9b\n"
    return f"""
    li a7, 0x48534d
    li a6, 0
    li a0, 1
    la a1, writer
    li a2, 0
    ecall
{queues}
{run_of(GIVEN, pages // 2, 2)}
    li s6, 0
    li s7, 0xffff
churn:
    addi s6, s6, 1
    and s6, s6, s7
{step}
    j churn
writer:
    li s0, {GIVEN}
    li s1, {GIVEN + pages * PAGE}
    li s2, -1
    li s3, {PAGE}
2:  mv t0, s0
3:  sd s2, 0(t0)
    sd s2, 2040(t0)
    add t0, t0, s3
    bltu t0, s1, 3b
    j 2b
"""


@pytest.mark.parametrize("pages", [64, 512])
def test_nobody_writes_to_what_has_left_it(tmp_path, pages):
    """While another vCPU goes on writing, pages go to a second VM and come back from it, thousands of times."""
    churning = program(tmp_path, "churn", churn(pages))
    kernels = {"c": (churning, 32 * MIB)}
    run = Balloon(kernels, append="odd", harts=2, overcommit=True, more={"c": {"vcpus": 2, "balloon": 0}})
    run.go(3 * STEP)
    for size in (13, 0, 13, 5, 13, 0):
        run.ask(f"balloon b {size}M")
        run.go(8 * STEP)
        assert run.pages() == f"[b] {(size << 20) // PAGE} pages in the balloon, 0 wrong"
    assert run.resident("c") >= LOADED
