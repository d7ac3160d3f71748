"""The network between VMs: stations that ping each other, next to ones that lie in their rings or in their frames."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from vmrig import IMAGES, SAY_AND_STOP, guest, run_vms

from rvh.devices.virtio.net import VirtioNet

pytestmark = pytest.mark.skipif(not (IMAGES / "net.elf").exists(), reason="firmware and guests are not built")

ROOT = Path(__file__).resolve().parents[2]
NET = str(IMAGES / "net.elf")
PAIR = {"a": "ip=10.0.0.1 ping=10.0.0.2", "b": "ip=10.0.0.2 ping=10.0.0.1"}


def with_pair(others: dict[str, str], **options):
    """Runs `others`, then two stations that ping each other; the first request of these for an address reaches all."""
    return run_vms({**others, "a": NET, "b": NET}, append=PAIR, net=True, **options)


def pair_is_well(done) -> bool:
    return done.of("a")[1:] == ["ping 10.0.0.2: 3 of 3 answered", "net: all answered"] and done.of("b")[1:] == [
        "ping 10.0.0.1: 3 of 3 answered",
        "net: all answered",
    ]


@pytest.mark.parametrize("harts", [1, 3])
def test_every_station_reaches_every_other(harts):
    names = "abcde"
    append = {
        name: f"ip=10.0.0.{n} ping=" + ",".join(f"10.0.0.{k}" for k in range(1, 6) if k != n)
        for n, name in enumerate(names, 1)
    }
    done = run_vms(dict.fromkeys(names, NET), harts=harts, append=append, net=True)
    assert done.stop.kind == "pass", done.text
    for n, name in enumerate(names, 1):
        head, *answers, end = done.of(name)
        assert head == f"net: 10.0.0.{n} at 52:54:00:76:68:{n:02x}"
        assert answers == [f"ping 10.0.0.{k}: 3 of 3 answered" for k in range(1, 6) if k != n]
        assert end == "net: all answered"


def test_no_card_unless_the_description_says_so():
    done = run_vms({"a": NET}, append=PAIR)
    assert done.of("a") == ["net: there is no network card"]
    assert done.stop.kind == "fail"


def test_nobody_answers_for_one_that_is_not_there():
    done = run_vms({"a": NET, "b": NET}, append={"a": PAIR["a"], "b": "ip=10.0.0.9"}, net=True)
    assert done.of("a")[1:] == ["ping 10.0.0.2: 0 of 3 answered", "net: somebody did not answer"]


def test_hostile_beside_a_pair():
    done = with_pair({"bad": str(IMAGES / "hostile.elf")}, harts=2)
    assert pair_is_well(done), done.text
    assert done.of("bad")[-1].endswith(", 0 escaped")
    assert done.stop.kind == "pass"


#: Brings the card up with the receive queue at `rdesc`, `ravail`, `rused` and the transmit queue at `tdesc`, ...
CARD = """
    li s0, 0x10003000
    sw zero, 0x70(s0)
    li t0, 3
    sw t0, 0x70(s0)
    li t0, 1
    sw t0, 0x24(s0)         # VERSION_1
    sw t0, 0x20(s0)
    li t0, 11
    sw t0, 0x70(s0)
    li t1, 0
    la t2, rdesc
    la t3, ravail
    la t4, rused
    jal queue
    li t1, 1
    la t2, tdesc
    la t3, tavail
    la t4, tused
    jal queue
    li t0, 15
    sw t0, 0x70(s0)
    j up
queue:
    sw t1, 0x30(s0)
    li t0, 16
    sw t0, 0x38(s0)
    sw t2, 0x80(s0)
    sw zero, 0x84(s0)
    sw t3, 0x90(s0)
    sw zero, 0x94(s0)
    sw t4, 0xa0(s0)
    sw zero, 0xa4(s0)
    li t0, 1
    sw t0, 0x44(s0)
    ret
up:
"""

RINGS = """
    .balign 16
rdesc:
    {receive}
    .org 0x1000
ravail:
    .half 0, {available}, {head}
    .zero 64
    .balign 16
rused: .zero 256
tdesc:
    .dword frame
    .word {length}
    .half 0, 0
    .zero 240
tavail: .zero 64
    .balign 16
tused: .zero 256
    .balign 16
buffer: .zero 2048
frame:
    .zero 12
    .byte 255, 255, 255, 255, 255, 255, {source}
    .byte 0x88, 0xb5
    .zero 1600
text: .asciz "{text}\\n"
"""


def rings(text: str, receive: str = ".zero 16", available: int = 0, head: int = 0, length: int = 72, source: str = ""):
    """The data behind `CARD`: the first receive descriptor, what is available of it, and one frame to all."""
    source = source or "0x52, 0x54, 0, 0x76, 0x68, 3"  # of the third VM
    return SAY_AND_STOP + RINGS.format(**locals())


WAIT_FOR_NEEDS_RESET = """
    li t0, 0x0c000000       # interrupt 3: priority, enabled for hart 0 in S-mode
    li t1, 1
    sw t1, 12(t0)
    li t0, 0x0c002080
    li t1, 8
    sw t1, 0(t0)
    li t0, 0x200
    csrw sie, t0
1:  wfi
    lw t0, 0x70(s0)
    andi t0, t0, 0x40
    beqz t0, 1b
    li s1, 0
    j say
"""

BAD_RECEIVE = {
    "outside": (".dword 0x90000000\n.word 2048\n.half 2, 0", 1, 0),
    "hypervisor": (".dword 0x80000000 - 0x1000\n.word 0x2000\n.half 2, 0", 1, 0),
    "wraps": (".dword 0xfffffffffffff000\n.word 0x2000\n.half 2, 0", 1, 0),
    "read-only": (".dword buffer\n.word 2048\n.half 0, 0", 1, 0),
    "too short": (".dword buffer\n.word 40\n.half 2, 0", 1, 0),
    "loop": (".dword buffer\n.word 8\n.half 3, 0", 1, 0),
    "next outside": (".dword buffer\n.word 8\n.half 3, 16", 1, 0),
    "indirect not negotiated": (".dword rdesc\n.word 16\n.half 6, 0", 1, 0),
    "head outside": (".dword buffer\n.word 2048\n.half 2, 0", 1, 16),
    "index beyond": (".dword buffer\n.word 2048\n.half 2, 0", 17, 0),
}


@pytest.mark.parametrize("what", BAD_RECEIVE)
def test_bad_receive_rings_need_a_reset(tmp_path, what):
    receive, available, head = BAD_RECEIVE[what]
    source = CARD + WAIT_FOR_NEEDS_RESET + rings("refused", receive, available, head)
    done = with_pair({"bad": guest(tmp_path, "bad", source)})
    assert done.of("bad") == ["refused"]
    assert pair_is_well(done), done.text
    assert done.stop.kind == "pass"


#: Offers the frame {count} times, 16 at a time.
SEND = """
    li s3, {count}
    la s4, tavail
    la s5, tused
    li s6, 0
again:
    addi s6, s6, 16
    sh s6, 2(s4)
    fence
    li t0, 1
    sw t0, 0x50(s0)
1:  lw t0, 0x70(s0)
    andi t0, t0, 0x40
    bnez t0, 2f
    lhu t0, 2(s5)
    slli t1, s6, 48
    srli t1, t1, 48
    bne t0, t1, 1b
    addi s3, s3, -16
    bgtz s3, again
    li s1, 0
    j say
2:  la t0, text
    li t1, 0x21
    sb t1, 0(t0)
    li s1, 0
    j say
"""


@pytest.mark.parametrize("length, said", [(0, "!ent"), (11, "!ent"), (12, "sent"), (25, "sent"), (1531, "sent")])
def test_frames_of_the_wrong_length_go_nowhere(tmp_path, length, said):
    # Less than a header breaks the device's rules; what no wire would carry is only not forwarded.
    bad = guest(tmp_path, "bad", CARD + SEND.format(count=16) + rings("sent", length=length))
    listen = guest(tmp_path, "listen", CARD + LISTEN + rings("nothing", GOOD_BUFFER, 1))
    done = run_vms({"x": listen, "listen": listen, "bad": bad}, net=True)
    assert done.of("bad") == [said]
    assert done.of("listen") == done.of("x") == ["nothing"]


GOOD_BUFFER = ".dword buffer\n.word 2048\n.half 2, 0"
#: Waits 50 ms of guest time for a frame; says the text unless one came, else its first letter is "!".
LISTEN = """
    rdtime s3
    li t0, 500000
    add s3, s3, t0
1:  la t0, rused
    lhu t1, 2(t0)
    bnez t1, 2f
    rdtime t0
    bltu t0, s3, 1b
    li s1, 0
    j say
2:  la t0, text
    li t1, 0x21
    sb t1, 0(t0)
    li s1, 0
    j say
"""


@pytest.mark.parametrize(
    "source, heard",
    [
        ("0x52, 0x54, 0, 0x76, 0x68, 3", "!othing"),  # its own
        ("2, 0, 0, 0, 0, 1", "!othing"),  # a station behind it
        ("0x52, 0x54, 0, 0x76, 0x68, 1", "nothing"),  # another VM's
        ("1, 0, 0, 0, 0, 1", "nothing"),  # a group's
        ("0, 0, 0, 0, 0, 0", "nothing"),
    ],
)
def test_a_vm_sends_in_its_own_name_only(tmp_path, source, heard):
    listen = guest(tmp_path, "listen", CARD + LISTEN + rings("nothing", GOOD_BUFFER, 1))
    sender = guest(tmp_path, "sender", CARD + SEND.format(count=16) + rings("sent", source=source))
    done = run_vms({"x": listen, "listen": listen, "sender": sender}, net=True)
    assert done.of("sender") == ["sent"]
    assert done.of("x") == done.of("listen") == [heard]


def test_a_flood_and_a_deaf_station_slow_nobody(tmp_path):
    # "flood" fills every queue again and again; "deaf" never gives a buffer, so its frames pile up and are dropped.
    flood = guest(
        tmp_path, "flood", CARD + SEND.format(count=3200) + rings("sent", length=1526, source="2, 0, 0, 0, 0, 1")
    )
    deaf = guest(tmp_path, "deaf", CARD + "1: wfi\n j 1b\n" + rings(""))
    done = with_pair({"flood": flood, "deaf": deaf}, harts=2, max_insns=3_000_000_000)
    assert pair_is_well(done), done.text
    assert done.of("flood") == ["sent"]


def checksum(data: bytes) -> bytes:
    """The Internet checksum (RFC 1071)."""
    total = sum(int.from_bytes(data[i : i + 2], "big") for i in range(0, len(data), 2))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return (~total & 0xFFFF).to_bytes(2, "big")


class Outside:
    """The other end of the machine's cable: a station that answers ARP and echo requests to 10.0.0.200. Ahead of
    each answer it sends a frame in the name of the first VM."""

    MAC, IP, FIRST_VM = bytes([2, 0, 0, 0, 0, 9]), bytes([10, 0, 0, 200]), bytes.fromhex("525400766801")
    up, outside = True, False

    def __init__(self) -> None:
        self.frames: list[bytes] = []

    def ready(self) -> bool:
        return True

    def poll(self) -> None:
        pass

    def waits_for(self) -> tuple[list[int], list[int]]:
        return [], []

    def close(self) -> None:
        pass

    def send(self, source: VirtioNet, frame: bytes) -> None:
        self.frames.append(frame)
        head, kind, body = frame[6:12] + self.MAC, frame[12:14], frame[14:]
        if kind == b"\x08\x06" and body[24:28] == self.IP:
            answer = body[:6] + b"\0\x02" + self.MAC + self.IP + body[8:18]
        elif kind == b"\x08\x00" and body[16:20] == self.IP and body[20] == 8:
            echo = b"\0\0\0\0" + body[24:]
            ip = body[:10] + b"\0\0" + self.IP + body[12:16]
            answer = ip[:10] + checksum(ip) + ip[12:] + echo[:2] + checksum(echo) + echo[4:]
        else:
            return
        source.deliver(bytes([255] * 6) + self.FIRST_VM + b"\x88\xb5" + bytes(46))
        source.deliver(head + kind + answer)


def test_the_uplink_leads_outside():
    outside = Outside()
    card = VirtioNet(bytes([0x52, 0x54, 0, 0x12, 0x34, 0x56]))
    card.plug(outside)
    append = {"a": "ip=10.0.0.1 ping=10.0.0.200,10.0.0.2", "b": "ip=10.0.0.2 ping=10.0.0.1,10.0.0.200"}
    done = run_vms(dict.fromkeys(append, NET), harts=2, append=append, net=True, devices=[card])
    assert done.stop.kind == "pass", done.text
    assert done.of("a")[1:3] == ["ping 10.0.0.200: 3 of 3 answered", "ping 10.0.0.2: 3 of 3 answered"]
    assert done.of("b")[1:3] == ["ping 10.0.0.1: 3 of 3 answered", "ping 10.0.0.200: 3 of 3 answered"]
    # Nobody outside sees what the VMs say to each other, nor hears back what was sent in their name.
    assert {frame[:6] for frame in outside.frames} <= {bytes([255] * 6), outside.MAC}
    assert not [frame for frame in outside.frames if frame[12:14] == b"\x88\xb5"]
    assert sum(frame[:6] == outside.MAC for frame in outside.frames) >= 6


class Vanishing(Outside):
    """The same station, on a cable that is pulled after so many frames, or that takes no frame from then on."""

    def __init__(self, after: int, pulled: bool) -> None:
        super().__init__()
        self.after, self.pulled = after, pulled

    def ready(self) -> bool:
        return self.pulled or len(self.frames) < self.after

    def send(self, source: VirtioNet, frame: bytes) -> None:
        super().send(source, frame)
        self.up = not self.pulled or len(self.frames) < self.after


@pytest.mark.parametrize("pulled", [True, False], ids=["pulled", "stuck"])
@pytest.mark.parametrize("after", [1, 4])
def test_vms_still_reach_each_other_when_the_uplink_is_gone(after, pulled):
    card = VirtioNet(bytes([0x52, 0x54, 0, 0x12, 0x34, 0x56]))
    card.plug(Vanishing(after, pulled))
    append = {"a": "ip=10.0.0.1 ping=10.0.0.200,10.0.0.2", "b": "ip=10.0.0.2 ping=10.0.0.1"}
    done = run_vms(dict.fromkeys(append, NET), append=append, net=True, devices=[card], max_insns=10**10 * 20)
    assert re.fullmatch(r"ping 10.0.0.200: [012] of 3 answered", done.of("a")[1]), done.text
    assert done.of("a")[2] == "ping 10.0.0.2: 3 of 3 answered"
    assert done.of("b")[1:] == ["ping 10.0.0.1: 3 of 3 answered", "net: all answered"]
