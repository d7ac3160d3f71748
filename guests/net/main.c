/* net: a station on an Ethernet. Boot arguments: ip=10.0.0.3 is its address, ping=10.0.0.1,10.0.0.2 whom it
 * asks. It answers ARP (RFC 826) and echo requests (RFC 792), pings each of the others three times once they
 * are up, and ends when nobody has asked anything for fifteen seconds. bulk=4 (or 6, the version of IP) sends data
 * to the last one pinged; card=tso,gro,merge asks the card to cut what we send, to give us what is uncut, and to
 * give it in several buffers. */
#include "bulk.h"
#include "guest.h"
#include "nic.h"

enum { PINGS = 3, PATIENCE_SECONDS = 100, QUIET_SECONDS = 15, PAYLOAD = 56 };
enum { ETHERTYPE_ARP = 0x0806, ARP_REQUEST = 1, ARP_REPLY = 2 };
enum { IP_ICMP = 1, ECHO_REPLY = 0, ECHO_REQUEST = 8, IP_HEADER = 20, ICMP_HEADER = 8 };

struct ethernet { u8 to[MAC_LENGTH], from[MAC_LENGTH], type[2]; };
struct arp { u8 kinds[6], operation[2], from_mac[MAC_LENGTH], from_ip[4], to_mac[MAC_LENGTH], to_ip[4]; };
struct ip { u8 version, service, length[2], id[2], offset[2], ttl, protocol, sum[2], from[4], to[4]; };
struct icmp { u8 type, code, sum[2], id[2], sequence[2], payload[PAYLOAD]; };

static const u8 broadcast[MAC_LENGTH] = { 255, 255, 255, 255, 255, 255 };
static u64 ticks_per_second;
static u8 own_ip[4];
static u64 last_request; /* time of the last one to us */

/* The one that is pinged at the moment, and what has come of it. */
static struct { u8 ip[4], mac[MAC_LENGTH]; bool found; u32 sequence, answered; } peer;

static u32 get16(const u8 *p) { return (u32)p[0] << 8 | p[1]; }

static void put16(u8 *p, u32 value)
{
    p[0] = (u8)(value >> 8);
    p[1] = (u8)value;
}

/* The Internet checksum (RFC 1071); 0 over data that includes a right one. */
static u32 checksum(const u8 *data, u32 length)
{
    u32 sum = 0;
    for (u32 i = 0; i < length; i++)
        sum += i % 2 ? data[i] : (u32)data[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return ~sum & 0xffff;
}

static void send(const u8 *to, u32 type, const void *payload, u32 length)
{
    u8 frame[FRAME_MAX];
    struct ethernet *e = (struct ethernet *)frame;
    memcpy(e->to, to, MAC_LENGTH);
    memcpy(e->from, nic_mac, MAC_LENGTH);
    put16(e->type, type);
    memcpy(frame + sizeof *e, payload, length);
    nic_send(&(struct nic_header){ 0 }, frame, sizeof *e + length);
}

static void send_arp(u32 operation, const u8 *to_mac, const u8 *to_ip)
{
    struct arp a = { .kinds = { 0, 1, 8, 0, MAC_LENGTH, 4 } };
    put16(a.operation, operation);
    memcpy(a.from_mac, nic_mac, MAC_LENGTH);
    memcpy(a.from_ip, own_ip, 4);
    memcpy(a.to_ip, to_ip, 4);
    if (operation == ARP_REPLY)
        memcpy(a.to_mac, to_mac, MAC_LENGTH);
    send(to_mac, ETHERTYPE_ARP, &a, sizeof a);
}

static void send_echo_request(void)
{
    struct { struct ip ip; struct icmp icmp; } p = { .ip = { 0x45, .ttl = 64, .protocol = IP_ICMP } };
    put16(p.ip.length, sizeof p);
    memcpy(p.ip.from, own_ip, 4);
    memcpy(p.ip.to, peer.ip, 4);
    put16(p.ip.sum, checksum((u8 *)&p.ip, IP_HEADER));
    p.icmp.type = ECHO_REQUEST;
    put16(p.icmp.sequence, ++peer.sequence);
    for (u32 i = 0; i < PAYLOAD; i++)
        p.icmp.payload[i] = (u8)i;
    put16(p.icmp.sum, checksum((u8 *)&p.icmp, sizeof p.icmp));
    send(peer.mac, ETHERTYPE_IP, &p, sizeof p);
}

static void receive_arp(const struct arp *a)
{
    if (memcmp(a->to_ip, own_ip, 4) != 0)
        return;
    if (memcmp(a->from_ip, peer.ip, 4) == 0) {
        memcpy(peer.mac, a->from_mac, MAC_LENGTH);
        peer.found = true;
    }
    if (get16(a->operation) == ARP_REQUEST) {
        send_arp(ARP_REPLY, a->from_mac, a->from_ip);
        last_request = read_time();
    }
}

static void receive_ip(const struct ethernet *e, struct ip *ip, u32 room)
{
    u32 length = get16(ip->length);
    struct icmp *icmp = (struct icmp *)(ip + 1);
    if (ip->version != 0x45 || length > room || length < IP_HEADER + ICMP_HEADER ||
        ip->protocol != IP_ICMP || memcmp(ip->to, own_ip, 4) != 0 || get16(ip->offset) & 0x3fff ||
        checksum((u8 *)ip, IP_HEADER) != 0 || checksum((u8 *)icmp, length - IP_HEADER) != 0)
        return;
    if (icmp->type == ECHO_REPLY && memcmp(ip->from, peer.ip, 4) == 0) {
        peer.answered += get16(icmp->sequence) == peer.sequence;
    } else if (icmp->type == ECHO_REQUEST) {
        memcpy(ip->to, ip->from, 4);
        memcpy(ip->from, own_ip, 4);
        icmp->type = ECHO_REPLY;
        put16(icmp->sum, 0);
        put16(icmp->sum, checksum((u8 *)icmp, length - IP_HEADER));
        send(e->from, ETHERTYPE_IP, ip, length);
        last_request = read_time();
    }
}

static void receive_all(void)
{
    static u8 frame[LARGE_MAX] __attribute__((aligned(8)));
    struct ethernet *e = (struct ethernet *)frame;
    struct nic_header header;
    u32 length;
    while ((length = nic_receive(&header, frame)) != 0) {
        u32 room = length - (u32)sizeof *e;
        u32 type = length >= sizeof *e ? get16(e->type) : 0;
        if ((type == ETHERTYPE_IP || type == ETHERTYPE_IP6) && bulk_receive(&header, frame, length)) {
            last_request = read_time();
            continue;
        }
        if (length >= sizeof *e + sizeof(struct arp) && get16(e->type) == ETHERTYPE_ARP)
            receive_arp((struct arp *)(e + 1));
        else if (length >= sizeof *e + IP_HEADER && get16(e->type) == ETHERTYPE_IP)
            receive_ip(e, (struct ip *)(e + 1), room);
    }
}

/* Serves until the flag or number is what is wanted, or the time is over. */
static bool serve_until(const u32 *number, u32 wanted, u64 deadline)
{
    for (;;) {
        receive_all();
        if (number && *number == wanted)
            return true;
        if (read_time() >= deadline)
            return false;
        nic_wait(deadline);
    }
}

static bool serve_bulk(const u32 *number, u32 wanted)
{
    return serve_until(number, wanted, read_time() + ticks_per_second);
}

static bool ping(const u8 ip[4])
{
    u64 end = read_time() + PATIENCE_SECONDS * ticks_per_second;
    memset(&peer, 0, sizeof peer);
    memcpy(peer.ip, ip, 4);
    while (!peer.found && read_time() < end) {
        send_arp(ARP_REQUEST, broadcast, ip);
        serve_until(NULL, 0, read_time() + ticks_per_second / 10);
    }
    for (u32 i = 1; i <= PINGS && peer.found; i++) {
        send_echo_request();
        serve_until(&peer.answered, i, read_time() + ticks_per_second);
    }
    printf("ping %u.%u.%u.%u: %u of %u answered\n", ip[0], ip[1], ip[2], ip[3], peer.answered, PINGS);
    return peer.answered == PINGS;
}

/* Reads a dotted address; returns what follows it, or NULL. */
static const char *parse_ip(const char *s, u8 ip[4])
{
    for (int i = 0; i < 4; i++) {
        u32 value = 0, digits = 0;
        for (; *s >= '0' && *s <= '9' && digits < 3; s++, digits++)
            value = value * 10 + (u32)(*s - '0');
        if (digits == 0 || value > 255 || (i < 3 && *s++ != '.'))
            return NULL;
        ip[i] = (u8)value;
    }
    return s;
}

/* True if the word is among those of a list, which a space ends. */
static bool lists(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (; list && *list && *list != ' '; list++)
        if (strncmp(list, word, n) == 0)
            return true;
    return false;
}

static const char *argument(const char *arguments, const char *name)
{
    size_t n = strlen(name);
    for (; arguments && *arguments; arguments++) {
        if (strncmp(arguments, name, n) == 0)
            return arguments + n;
        arguments += strcspn(arguments, " ");
        if (!*arguments)
            break;
    }
    return NULL;
}

bool guest_main(u64 hart, const void *dtb)
{
    const char *arguments = fdt_string(dtb, fdt_path(dtb, "/chosen"), "bootargs");
    const char *ip = argument(arguments, "ip="), *others = argument(arguments, "ping=");
    const char *bulk = argument(arguments, "bulk="), *card = argument(arguments, "card=");
    struct bulk_setting setting = { lists(card, "tso"), bulk && *bulk == '6' };
    u64 wanted = (setting.tso ? NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 : 0) |
                 (lists(card, "gro") ? NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 : 0) |
                 (lists(card, "merge") ? NET_F_MRG_RXBUF : 0);
    bool all = true;

    ticks_per_second = fdt_u32(dtb, fdt_path(dtb, "/cpus"), "timebase-frequency", 10000000);
    if (!nic_init(dtb, hart, wanted))
        fail("net: there is no network card");
    if (!ip || !parse_ip(ip, own_ip))
        fail("net: the boot arguments give no address: ip=10.0.0.3");
    printf("net: %u.%u.%u.%u at %02x:%02x:%02x:%02x:%02x:%02x\n", own_ip[0], own_ip[1], own_ip[2], own_ip[3],
           nic_mac[0], nic_mac[1], nic_mac[2], nic_mac[3], nic_mac[4], nic_mac[5]);
    for (u8 other[4]; others && (others = parse_ip(others, other)) != NULL;) {
        all &= ping(other);
        if (*others++ != ',')
            break;
    }
    if (bulk && !bulk_send(setting, peer.mac, serve_bulk)) {
        printf("bulk: not acknowledged\n");
        all = false;
    }
    last_request = read_time();
    for (u64 end; (end = last_request + QUIET_SECONDS * ticks_per_second) > read_time();)
        serve_until(NULL, 0, end);
    all &= bulk_report();
    printf("net: %s\n", all ? "all answered" : "somebody did not answer");
    return all;
}
