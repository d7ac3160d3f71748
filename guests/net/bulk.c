/* Bulk data in TCP segments, one after the other: each is acknowledged before the next goes. The sender finishes
 * no checksum and cuts nothing if the card does that; the receiver looks at every byte and every sum. */
#include "bulk.h"
#include "guest.h"

enum { ETHERNET = 14, IP4 = 20, IP6 = 40, TCP = 20, PROTOCOL_TCP = 6, ACK = 0x10, PSH = 0x08, FIN = 0x01 };
enum { FIRST = 0xfffe0000u /* the sequence number passes 0 */, SEGMENT = 1400, STREAM = 400000, TRIES = 5 };

/* Payloads of the sends, in turn: the largest, what is just cut and what is not. */
static const u32 sizes[] = { 65000, SEGMENT + 1, SEGMENT, 1, 20001 };

static u8 frame[LARGE_MAX] __attribute__((aligned(8)));
static u32 acknowledged;
static struct { u32 frames, bytes, bad, largest, partial; bool ended; } seen;

static u32 get16(const u8 *p) { return (u32)p[0] << 8 | p[1]; }
static u32 get32(const u8 *p) { return get16(p) << 16 | get16(p + 2); }

static void put16(u8 *p, u32 value)
{
    p[0] = (u8)(value >> 8);
    p[1] = (u8)value;
}

static void put32(u8 *p, u32 value)
{
    put16(p, value >> 16);
    put16(p + 2, value);
}

static u32 sum(const u8 *data, u32 length, u32 total)
{
    for (u32 i = 0; i < length; i++)
        total += i % 2 ? data[i] : (u32)data[i] << 8;
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    return total;
}

/* Of the addresses, the protocol and the length (RFC 9293, 3.1; RFC 8200, 8.1). */
static u32 pseudo(const u8 *ip, bool six, u32 length)
{
    return six ? sum(ip + 8, 32, PROTOCOL_TCP + length) : sum(ip + 12, 8, PROTOCOL_TCP + length);
}

static u8 pattern(u32 at) { return (u8)(at * 7 + (at >> 8) * 13 + (at >> 16)); }

static void send(struct bulk_setting s, const u8 *mac, u32 sequence, u32 payload, u8 flags)
{
    struct nic_header header = { 0 };
    u8 *ip = frame + ETHERNET, *tcp = ip + (s.six ? IP6 : IP4);
    u32 segment = TCP + payload, length = (u32)(tcp - frame) + segment;

    memset(frame, 0, (u32)(tcp - frame) + TCP);
    memcpy(frame, mac, MAC_LENGTH);
    memcpy(frame + MAC_LENGTH, nic_mac, MAC_LENGTH);
    put16(frame + 12, s.six ? ETHERTYPE_IP6 : ETHERTYPE_IP);
    if (s.six) {
        ip[0] = 0x60;
        put16(ip + 4, segment);
        ip[6] = PROTOCOL_TCP;
        ip[7] = 64;
        memset(ip + 8, 0xfd, 16);
        memset(ip + 24, 0xfc, 16);
    } else {
        ip[0] = 0x45;
        put16(ip + 2, IP4 + segment);
        put16(ip + 4, 0xfffe);
        ip[8] = 64;
        ip[9] = PROTOCOL_TCP;
        memset(ip + 12, 10, 8);
        put16(ip + 10, ~sum(ip, IP4, 0));
    }
    put32(tcp + 4, sequence);
    tcp[12] = TCP / 4 << 4;
    tcp[13] = flags;
    for (u32 i = 0; i < payload; i++)
        tcp[TCP + i] = pattern(sequence + i);
    if (s.tso) {
        header.flags = HDR_NEEDS_CSUM;
        header.csum_start = (u16)(tcp - frame);
        header.csum_offset = 16;
        put16(tcp + 16, pseudo(ip, s.six, segment));
        if (payload > SEGMENT) {
            header.gso_type = s.six ? GSO_TCPV6 : GSO_TCPV4;
            header.gso_size = SEGMENT;
            header.hdr_len = (u16)(tcp - frame + TCP);
        }
    } else {
        put16(tcp + 16, ~sum(tcp, segment, pseudo(ip, s.six, segment)));
    }
    nic_send(&header, frame, length);
}

bool bulk_send(struct bulk_setting s, const u8 *mac, bool (*serve)(const u32 *number, u32 wanted))
{
    u32 at = 0, turn = 0, tries = 0;

    while (at < STREAM && tries < TRIES) {
        u32 payload = sizes[turn++ % (sizeof sizes / sizeof *sizes)];
        if (!s.tso && payload > SEGMENT)
            payload = SEGMENT;
        if (payload > STREAM - at)
            payload = STREAM - at;
        send(s, mac, FIRST + at, payload, at + payload == STREAM ? ACK | PSH | FIN : ACK | PSH);
        tries = serve(&acknowledged, FIRST + at + payload) ? 0 : tries + 1;
        if (!tries)
            at += payload;
    }
    return at == STREAM;
}

/* Lengths and sums of one frame; what is behind its TCP header is the stream's next. */
static bool check(const struct nic_header *h, const u8 *ip, u32 length, bool six)
{
    const u8 *tcp = ip + (six ? IP6 : IP4);
    u32 segment = length - (six ? IP6 : IP4), payload = segment - TCP, sequence = get32(tcp + 4);
    bool partial = h->flags & HDR_NEEDS_CSUM, last = seen.bytes + payload == STREAM;
    u32 carried = partial ? get16(tcp + 16) ^ 0xffff : sum(tcp, segment, pseudo(ip, six, segment));

    seen.partial += partial;
    if (partial && (carried != (pseudo(ip, six, segment) ^ 0xffff) || h->csum_offset != 16 ||
                    h->csum_start != ETHERNET + (six ? IP6 : IP4)))
        return false;
    if (!partial && carried != 0xffff)
        return false;
    if (six ? get16(ip + 4) != segment : get16(ip + 2) != length || sum(ip, IP4, 0) != 0xffff)
        return false;
    if ((h->gso_type != GSO_NONE) != (payload > SEGMENT) || (payload > SEGMENT && h->gso_size != SEGMENT))
        return false;
    if (sequence != FIRST + seen.bytes || !(tcp[13] & FIN) != !last)
        return false;
    for (u32 i = 0; i < payload; i++)
        if (tcp[TCP + i] != pattern(sequence + i))
            return false;
    seen.bytes += payload;
    seen.ended |= last;
    if (payload > seen.largest)
        seen.largest = payload;
    return true;
}

bool bulk_receive(const struct nic_header *header, u8 *data, u32 length)
{
    u8 *ip = data + ETHERNET;
    bool six = get16(data + 12) == ETHERTYPE_IP6;
    u32 headers = six ? IP6 : IP4;

    if (length < ETHERNET + headers + TCP || ip[0] >> 4 != (six ? 6 : 4) || ip[six ? 6 : 9] != PROTOCOL_TCP)
        return false;
    u32 inside = six ? IP6 + get16(ip + 4) : get16(ip + 2);
    if (length == ETHERNET + headers + TCP) {    /* an acknowledgement: it has no data */
        acknowledged = get32(ip + headers + 8);
        return true;
    }
    seen.frames++;
    seen.bad += inside != length - ETHERNET || !check(header, ip, length - ETHERNET, six);
    u8 to[MAC_LENGTH];
    memcpy(to, data + MAC_LENGTH, MAC_LENGTH);
    static u8 answer[ETHERNET + IP6 + TCP];
    memcpy(answer, data, ETHERNET + headers + TCP);
    memcpy(answer, to, MAC_LENGTH);
    memcpy(answer + MAC_LENGTH, nic_mac, MAC_LENGTH);
    put32(answer + ETHERNET + headers + 8, FIRST + seen.bytes);
    nic_send(&(struct nic_header){ 0 }, answer, ETHERNET + headers + TCP);
    return true;
}

bool bulk_report(void)
{
    if (seen.frames)
        printf("bulk: %u bytes, largest %u, %s, %s, %u wrong\n", seen.bytes, seen.largest,
               seen.partial ? "partial sums" : "whole sums", nic_most_buffers > 1 ? "merged" : "single", seen.bad);
    return seen.bad == 0;
}
