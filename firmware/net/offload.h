/* What a network card may leave to be done for it: the checksum of a frame, and cutting it into segments. */
#ifndef OFFLOAD_H
#define OFFLOAD_H
#include "lib/lib.h"

enum { MAC_LENGTH = 6, FRAME_MIN = 14, FRAME_MAX = 1518 /* with a VLAN tag, without the checksum */ };
enum { LARGE_MAX = 18 + 65535 /* a frame that is still to be cut */ };

/* virtio 1.2, 5.1.6. Zero but for num_buffers: the frame is as on the wire. */
struct net_header { u8 flags, gso_type; u16 hdr_len, gso_size, csum_start, csum_offset, num_buffers; };

/* The header lies ahead of data as in a driver's buffer, so that both are one run and copies go by words. */
struct frame { u64 length; struct net_header header; u8 data[]; };

/* What a station may send, or takes, unfinished. */
enum { OFFLOAD_CSUM = 1, OFFLOAD_TSO4 = 2, OFFLOAD_TSO6 = 4 };

/* Whether the frame is one that a station with these offloads may send. Its header then is true: it names
   nothing outside the frame, and of fields without a meaning here nothing is left. */
bool offload_check(struct frame *f, u32 offloads);
/* Whether it can go as it is to a station that takes these. */
bool offload_passes(const struct frame *f, u32 offloads);
/* The finished frames that it stands for: how many (at least one), how long, and piece i. */
u32 offload_pieces(const struct frame *f);
u32 offload_piece_length(const struct frame *f, u32 i);
void offload_piece(const struct frame *f, u32 i, struct frame *piece);
#endif
