/* Checksums (RFC 1071) and TCP segmentation in software, for frames that their receiver takes finished only. */
#include "net/offload.h"

enum { NEEDS_CSUM = 1, GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4 };
enum { ETHERTYPE = 12, ETHERTYPE_VLAN = 0x8100, PROTOCOL_TCP = 6, HOP_OPTIONS = 0, DESTINATION_OPTIONS = 60 };
enum { V4_LENGTH = 2, V4_ID = 4, V4_FRAGMENT = 6, V4_CHECKSUM = 10, V6_LENGTH = 4 };
enum { TCP_SEQUENCE = 4, TCP_OFFSET = 12, TCP_FLAGS = 13, TCP_CHECKSUM = 16, TCP_HEADER = 20 };
enum { FIN = 0x01, PSH = 0x08, CWR = 0x80 };

/* Where what is in an IP header; both kinds of addresses are a source and a destination in one run. */
static const struct family {
    u16 ethertype;
    u8 gso_type, version, offload, header, protocol, addresses, addresses_length;
} families[] = {
    {0x0800, GSO_TCPV4, 4, OFFLOAD_TSO4, 20, 9, 12, 8},
    {0x86dd, GSO_TCPV6, 6, OFFLOAD_TSO6, 40, 6, 8, 32},
};

/* A large frame's headers: ip and tcp are where they begin, payload where they end. */
struct layout { u32 ip, tcp, payload; };

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

/* Sum of the 16-bit words, in the machine's order of bytes: a folded sum has the order of its summands (RFC
   1071, 2). At most 2^16 bytes, so that it cannot overflow. */
static u64 sum(const u8 *p, u32 n)
{
    u64 total = 0, word;

    for (; (u64)p % sizeof(word) && n >= 2; p += 2, n -= 2)
        total += p[0] | (u32)p[1] << 8;
    for (; (u64)p % sizeof(word) == 0 && n >= sizeof(word); p += sizeof(word), n -= (u32)sizeof(word)) {
        memcpy(&word, __builtin_assume_aligned(p, sizeof(word)), sizeof(word));
        total += (u32)word + (word >> 32);
    }
    for (; n >= 2; p += 2, n -= 2)
        total += p[0] | (u32)p[1] << 8;
    return total + (n ? *p : 0);
}

/* Stores the complement. UDP's 0 says that there is none, and 0xffff is as good (RFC 768). */
static void put_checksum(u8 *p, u64 total)
{
    while (total >> 16)
        total = (total & 0xffff) + (total >> 16);
    total = total == 0xffff ? total : total ^ 0xffff;
    p[0] = (u8)total;
    p[1] = (u8)(total >> 8);
}

static const struct family *family_of(const struct frame *f)
{
    for (const struct family *a = families; a < families + ARRAY_LEN(families); a++)
        if (f->header.gso_type == a->gso_type)
            return a;
    return NULL;
}

/* Finds a frame's TCP header behind the family's; false: it has none, or not all of it. */
static bool find_tcp(const struct frame *f, const struct family *a, struct layout *l)
{
    const u8 *data = f->data;
    u32 type = ETHERTYPE;

    if (get16(data + type) == ETHERTYPE_VLAN && f->length >= FRAME_MIN + 4)
        type += 4;
    l->ip = type + 2;
    if (get16(data + type) != a->ethertype || l->ip + a->header > f->length || data[l->ip] >> 4 != a->version)
        return false;
    u8 protocol = data[l->ip + a->protocol];
    l->tcp = l->ip + a->header;
    if (a->version == 4) {
        u32 length = (data[l->ip] & 15) * 4u;
        if (length < a->header || (get16(data + l->ip + V4_FRAGMENT) & 0x3fff))
            return false;
        l->tcp = l->ip + length;
    }
    while (a->version == 6 && (protocol == HOP_OPTIONS || protocol == DESTINATION_OPTIONS)) {
        if (l->tcp + 8 > f->length)
            return false;
        protocol = data[l->tcp];
        l->tcp += (data[l->tcp + 1] + 1u) * 8;
    }
    if (protocol != PROTOCOL_TCP || l->tcp + TCP_HEADER > f->length)
        return false;
    u32 length = (data[l->tcp + TCP_OFFSET] >> 4) * 4u;
    l->payload = l->tcp + length;
    return length >= TCP_HEADER && l->payload < f->length;
}

static bool check_large(struct frame *f, u32 offloads)
{
    const struct family *a = family_of(f);
    struct net_header *h = &f->header;
    struct layout l;

    if (!a || !(offloads & a->offload) || f->length > LARGE_MAX || !find_tcp(f, a, &l))
        return false;
    if (!(h->flags & NEEDS_CSUM) || h->csum_start != l.tcp || h->csum_offset != TCP_CHECKSUM)
        return false;
    if (!h->gso_size || l.payload + h->gso_size > FRAME_MAX || h->hdr_len < l.payload || h->hdr_len > f->length)
        return false;
    h->hdr_len = (u16)l.payload;
    return true;
}

/* The sum's place is behind the Ethernet header: what the switch has seen of a frame does not change later. */
bool offload_check(struct frame *f, u32 offloads)
{
    struct net_header *h = &f->header;

    h->flags &= NEEDS_CSUM;
    h->num_buffers = 0;
    if (f->length < FRAME_MIN || (h->flags && !(offloads & OFFLOAD_CSUM)))
        return false;
    if (h->flags && (h->csum_start < FRAME_MIN || (u32)h->csum_start + h->csum_offset + 2 > f->length))
        return false;
    if (!h->flags)
        h->csum_start = h->csum_offset = 0;
    if (h->gso_type != GSO_NONE)
        return check_large(f, offloads);
    h->hdr_len = h->gso_size = 0;
    return f->length <= FRAME_MAX;
}

bool offload_passes(const struct frame *f, u32 offloads)
{
    const struct family *a = family_of(f);

    return (!f->header.flags || (offloads & OFFLOAD_CSUM)) && (!a || (offloads & a->offload));
}

u32 offload_pieces(const struct frame *f)
{
    const struct net_header *h = &f->header;

    return h->gso_type == GSO_NONE ? 1 : ((u32)f->length - h->hdr_len + h->gso_size - 1) / h->gso_size;
}

u32 offload_piece_length(const struct frame *f, u32 i)
{
    const struct net_header *h = &f->header;

    if (h->gso_type == GSO_NONE)
        return (u32)f->length;
    return h->hdr_len + (u32)min_u64(h->gso_size, f->length - h->hdr_len - i * h->gso_size);
}

/* Piece i has its own lengths, IPv4 identification, sequence number and sums. What ends the stream or asks to
   hand it on belongs to the last one, that the window was reduced to the first (RFC 3168, 6.1.2). */
static void finish_segment(const struct frame *f, u32 i, struct frame *piece)
{
    const struct family *a = family_of(f);
    const u32 length = (u32)piece->length, tcp_at = f->header.csum_start;
    struct layout l;

    if (!find_tcp(f, a, &l))                 /* cannot be: it was checked, and is the switch's own copy */
        return;
    u8 *ip = piece->data + l.ip, *tcp = piece->data + tcp_at;
    if (a->version == 4) {
        put16(ip + V4_LENGTH, length - l.ip);
        put16(ip + V4_ID, get16(ip + V4_ID) + i);
        put16(ip + V4_CHECKSUM, 0);
        put_checksum(ip + V4_CHECKSUM, sum(ip, tcp_at - l.ip));
    } else {
        put16(ip + V6_LENGTH, length - l.ip - a->header);
    }
    put32(tcp + TCP_SEQUENCE, get32(tcp + TCP_SEQUENCE) + i * f->header.gso_size);
    if (i)
        tcp[TCP_FLAGS] &= (u8)~CWR;
    if (i + 1 < offload_pieces(f))
        tcp[TCP_FLAGS] &= (u8)~(FIN | PSH);
    u8 rest[4] = {0, PROTOCOL_TCP};          /* of the pseudo header (RFC 9293, 3.1; RFC 8200, 8.1) */
    put16(rest + 2, length - tcp_at);
    put16(tcp + TCP_CHECKSUM, 0);
    put_checksum(tcp + TCP_CHECKSUM, sum(ip + a->addresses, a->addresses_length) + sum(rest, sizeof(rest)) +
                                         sum(tcp, length - tcp_at));
}

void offload_piece(const struct frame *f, u32 i, struct frame *piece)
{
    const struct net_header *h = &f->header;

    piece->length = offload_piece_length(f, i);
    piece->header = (struct net_header){0};
    if (h->gso_type != GSO_NONE) {
        memcpy(piece->data, f->data, h->hdr_len);
        memcpy(piece->data + h->hdr_len, f->data + h->hdr_len + i * h->gso_size, piece->length - h->hdr_len);
        finish_segment(f, i, piece);
    } else {
        memcpy(piece->data, f->data, f->length);
        if (h->flags)                        /* the field holds the pseudo header's sum already (5.1.6.2) */
            put_checksum(piece->data + h->csum_start + h->csum_offset,
                         sum(piece->data + h->csum_start, (u32)piece->length - h->csum_start));
    }
}
