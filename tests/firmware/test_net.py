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
    "no room for a header": (".dword buffer\n.word 11\n.half 2, 0", 1, 0),
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
    data += bytes(len(data) % 2)
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


def bulk_line(payload: int, partial: bool, merged: bool) -> str:
    """What the receiver of a stream says of it when all is well."""
    kind = "partial" if partial else "whole"
    return f"bulk: 400000 bytes, largest {payload}, {kind} sums, {'merged' if merged else 'single'}, 0 wrong"


@pytest.mark.parametrize("version", [4, 6])
@pytest.mark.parametrize("receiver", ["", "gro", "gro,merge", "merge"])
@pytest.mark.parametrize("sender", ["", "tso"])
def test_offloads_between_vms(sender, receiver, version):
    """What the receiver takes uncut comes as it was sent, the rest cut and with its sums; every byte is compared."""
    append = {
        "a": f"ip=10.0.0.1 ping=10.0.0.2 bulk={version} card={sender}",
        "b": f"ip=10.0.0.2 ping=10.0.0.1 card={receiver}",
    }
    done = run_vms(dict.fromkeys(append, NET), append=append, net=True, max_insns=20_000_000_000)
    whole = bool(sender) and "gro" in receiver
    line = bulk_line(65000 if whole else 1400, whole, whole and "merge" in receiver)
    assert done.of("b")[1:] == ["ping 10.0.0.1: 3 of 3 answered", line, "net: all answered"], done.text
    assert done.of("a")[1:] == ["ping 10.0.0.2: 3 of 3 answered", "net: all answered"]
    assert done.stop.kind == "pass"


class Collector:
    """Takes a TCP stream from the cable: checks each segment's lengths and sums, and acknowledges it."""

    FIRST = 0xFFFE0000

    def __init__(self) -> None:
        self.data, self.wrong, self.longest = bytearray(), 0, 0

    def segment(self, frame: bytes) -> bytes | None:
        """The acknowledgement of a frame that carries data, or None."""
        six = frame[12:14] == b"\x86\xdd"
        ip = frame[14:]
        header, protocol = (40, ip[6]) if six else (20, ip[9])
        if protocol != 6:
            return None
        tcp, addresses = ip[header:], ip[8:40] if six else ip[12:20]
        pseudo = addresses + bytes([0, 6]) + len(tcp).to_bytes(2, "big")
        length = int.from_bytes(ip[4:6], "big") + 40 if six else int.from_bytes(ip[2:4], "big")
        expected = (self.FIRST + len(self.data)) % 2**32
        self.wrong += (
            length != len(ip) or checksum(pseudo + tcp) != b"\0\0" or not (six or checksum(ip[:20]) == b"\0\0")
        )
        self.wrong += int.from_bytes(tcp[4:8], "big") != expected
        self.data += tcp[20:]
        self.longest = max(self.longest, len(frame))
        number = ((self.FIRST + len(self.data)) % 2**32).to_bytes(4, "big")
        return frame[6:12] + Outside.MAC + frame[12:14] + ip[:header] + tcp[:8] + number + tcp[12:20]


def pattern(length: int) -> bytes:
    at = [(Collector.FIRST + i) % 2**32 for i in range(length)]
    return bytes((n * 7 + (n >> 8) * 13 + (n >> 16)) & 0xFF for n in at)


@pytest.mark.parametrize("version", [4, 6])
def test_offloads_end_at_the_uplink(version):
    class Far(Outside):
        def send(self, source: VirtioNet, frame: bytes) -> None:
            answer = collector.segment(frame) if frame[12:14] in (b"\x08\x00", b"\x86\xdd") else None
            if answer:
                source.deliver(answer)
            else:
                super().send(source, frame)

    collector = Collector()
    card = VirtioNet(bytes([0x52, 0x54, 0, 0x12, 0x34, 0x56]))
    card.plug(Far())
    append = {"a": f"ip=10.0.0.1 ping=10.0.0.200 bulk={version} card=tso,gro,merge"}
    done = run_vms({"a": NET}, append=append, net=True, devices=[card], max_insns=20_000_000_000)
    assert done.of("a")[1:] == ["ping 10.0.0.200: 3 of 3 answered", "net: all answered"], done.text
    assert collector.data == pattern(400000)
    assert (collector.wrong, collector.longest) == (0, 14 + (20 if version == 4 else 40) + 20 + 1400)


CSUM, TSO4, TSO6 = 1 << 0, 1 << 11, 1 << 12
IP4 = [0x08, 0x00, 0x45, 0, 0, 0, 0, 0, 0, 0, 64, 6, 0, 0, *[10] * 8]
TCP4 = [*IP4, *[0] * 12, 0x50, 0, 0, 0, 0, 0, 0, 0]


def large(
    features: int = CSUM | TSO4,
    body: list[int] = TCP4,
    flags: int = 1,
    kind: int = 1,
    headers: int = 54,
    size: int = 1000,
    start: int = 34,
    offset: int = 16,
    length: int = 3000,
) -> tuple[int, list[int], tuple[int, int, int, int, int, int], int]:
    """A frame as it should be, but for what is given: features accepted, what follows the addresses, the header."""
    return features, body, (flags, kind, headers, size, start, offset), length


#: Frames that lie about themselves; the first three do not, and pass.
LIARS = {
    "none": large(),
    "sum only": large(kind=0, size=0, headers=0, length=100),
    "nothing asked for": large(features=0, flags=0, kind=0, size=0, headers=0, start=0, offset=0, length=100),
    "sum begins beyond": large(kind=0, start=3000, length=100),
    "sum goes beyond": large(kind=0, start=34, offset=65, length=100),
    "sum wraps": large(kind=0, start=0xFFFF, offset=0xFFFF, length=100),
    "sum in the addresses": large(kind=0, start=0, offset=6, length=100),
    "sum not negotiated": large(features=0, kind=0, length=100),
    "segments not negotiated": large(features=CSUM),
    "other segments negotiated": large(features=CSUM | TSO6),
    "segments without sum": large(flags=0),
    "size 0": large(size=0),
    "size beyond a frame": large(size=1480),
    "size 65535": large(size=65535),
    "type 2": large(kind=2),
    "UDP": large(kind=3),
    "UDP_L4": large(kind=5),
    "ECN not negotiated": large(kind=0x81),
    "headers short": large(headers=53),
    "headers beyond": large(headers=3001),
    "other version": large(features=CSUM | TSO4 | TSO6, kind=4),
    "not TCP": large(body=[*TCP4[:11], 17, *TCP4[12:]]),
    "a fragment": large(body=[*TCP4[:8], 0x20, 0, *TCP4[10:]]),
    "not IP": large(body=[0x88, 0xB5, *TCP4[2:]]),
    "IP header short": large(body=[*TCP4[:2], 0x44, *TCP4[3:]]),
    "IP header beyond": large(body=[*TCP4[:2], 0x4F, *TCP4[3:]], length=80),
    "TCP header short": large(body=[*TCP4[:34], 0x40, *TCP4[35:]]),
    "TCP header beyond": large(body=[*TCP4[:34], 0xF0, *TCP4[35:]], length=90),
    "sum elsewhere": large(start=36),
    "sum at another place": large(offset=18),
    "uncut": large(kind=0, length=1519),
    "no data": large(length=54),
    "options for ever": large(
        features=CSUM | TSO6, kind=4, body=[0x86, 0xDD, 0x60, 0, 0, 0, 0, 0, 0, 64, *[0] * 200], length=240
    ),
}


@pytest.mark.parametrize("what", LIARS)
def test_frames_that_lie_about_themselves_are_refused(tmp_path, what):
    features, body, (flags, kind, *fields), length = LIARS[what]
    card = CARD.replace("sw t0, 0x20(s0)", f"sw t0, 0x20(s0)\n sw zero, 0x24(s0)\n li t0, {features}\n sw t0, 0x20(s0)")
    source = "0x52, 0x54, 0, 0x76, 0x68, 3"
    data = rings("sent", length=12 + length, source=source)
    head = f".byte {flags}, {kind}\n.half " + ", ".join(map(str, fields)) + ", 0"
    data = data.replace("frame:\n    .zero 12", "frame:\n    " + head)
    data = data.replace(".byte 0x88, 0xb5", ".byte " + ", ".join(map(str, body))).replace(".zero 1600", ".zero 4000")
    bad = guest(tmp_path, "bad", card + SEND.format(count=16) + data)
    listen = guest(tmp_path, "listen", CARD + LISTEN + rings("nothing", GOOD_BUFFER, 1))
    done = run_vms({"x": listen, "listen": listen, "bad": bad}, net=True)
    assert done.of("bad") == ["sent"]
    heard = "!othing" if what in ("none", "sum only", "nothing asked for") else "nothing"
    assert done.of("listen") == done.of("x") == [heard]


@pytest.mark.parametrize("size, heard", [(2048, "!othing"), (72, "!othing"), (71, "nothing"), (12, "nothing")])
def test_a_frame_too_large_for_its_buffer_is_lost_alone(tmp_path, size, heard):
    listen = guest(tmp_path, "listen", CARD + LISTEN + rings("nothing", f".dword buffer\n.word {size}\n.half 2, 0", 1))
    sender = guest(tmp_path, "sender", CARD + SEND.format(count=16) + rings("sent"))
    done = run_vms({"x": listen, "listen": listen, "sender": sender}, net=True)
    assert done.of("x") == done.of("listen") == [heard]
    assert done.stop.kind == "pass"


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
