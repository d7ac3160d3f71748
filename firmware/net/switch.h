/* A learning Ethernet switch between the VMs' network cards and the machine's. */
#ifndef SWITCH_H
#define SWITCH_H
#include "lib/lib.h"

enum { MAC_LENGTH = 6, FRAME_MIN = 14, FRAME_MAX = 1518 /* with a VLAN tag, without the checksum */ };

/* Aligned so that data lies like a driver's, behind a header of 12 bytes: copies go by words. */
struct frame { u32 length; u8 data[FRAME_MAX]; } __attribute__((aligned(8)));

/* Seen from the station at the port. */
struct port_counters {
    u64 sent, sent_bytes;
    u64 received, received_bytes;
    u64 dropped;                             /* came for it while its queue was full */
    u64 refused;                             /* sent by it: malformed, or in another station's name */
};

struct port;

/* A new port, or NULL if there is none left. `mac` (NULL: none) is for ever its station's: no other port can
   send in its name. `deliver` is called by switch_deliver, without any lock held, when frames wait. */
struct port *switch_attach(const u8 *mac, void (*deliver)(void *ctx), void *ctx);
/* Takes a frame from the station at the port and queues it for those it is meant for. Calls nobody back. */
void switch_send(struct port *from, const struct frame *f);
/* The station tried to send something that is no frame. */
void switch_refuse(struct port *from);
/* Calls `deliver` of every port that has got frames since. Needs all locks free. */
void switch_deliver(void);

/* The queue of frames for a port's station; it has one reader at a time. */
const struct frame *switch_peek(struct port *p);                 /* NULL: none waits */
void switch_take(struct port *p, bool received);                 /* removes it; not received: dropped */
/* Has `deliver` called again though nothing new has come. */
void switch_call_again(struct port *p);
/* Forgets the stations learned behind the port and what waits for them. */
void switch_flush(struct port *p);
struct port_counters switch_counters(const struct port *p);
#endif
