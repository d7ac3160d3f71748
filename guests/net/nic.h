/* A virtio network card (virtio 1.2, section 5.1): whole Ethernet frames in and out. */
#pragma once
#include "riscv.h"

enum { MAC_LENGTH = 6, FRAME_MAX = 1514, LARGE_MAX = 14 + 65535 };
/* Feature bits (5.1.3). */
enum { NET_F_CSUM = 1 << 0, NET_F_GUEST_CSUM = 1 << 1, NET_F_MAC = 1 << 5, NET_F_GUEST_TSO4 = 1 << 7,
       NET_F_GUEST_TSO6 = 1 << 8, NET_F_HOST_TSO4 = 1 << 11, NET_F_HOST_TSO6 = 1 << 12, NET_F_MRG_RXBUF = 1 << 15 };
enum { HDR_NEEDS_CSUM = 1, GSO_NONE = 0, GSO_TCPV4 = 1, GSO_TCPV6 = 4 };

/* Ahead of each frame (5.1.6). */
struct nic_header { u8 flags, gso_type; u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers; };

extern u8 nic_mac[MAC_LENGTH];
extern u32 nic_most_buffers; /* that a frame has come in so far */

/* Finds the first card and starts it; false if there is none, or it does not offer what is wanted of it. */
bool nic_init(const void *dtb, u64 hart, u64 wanted);
/* Sends a frame and waits until the device has taken it. */
void nic_send(const struct nic_header *header, const void *frame, u32 length);
/* Takes a frame that has come; its length, or 0 if there is none. */
u32 nic_receive(struct nic_header *header, u8 frame[LARGE_MAX]);
/* Sleeps until the card interrupts or the time has come. */
void nic_wait(u64 deadline);
