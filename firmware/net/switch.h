/* A learning Ethernet switch between the VMs' network cards and the machine's. */
#ifndef SWITCH_H
#define SWITCH_H
#include "net/offload.h"

/* Seen from the station at the port. */
struct port_counters {
    u64 sent, sent_bytes;
    u64 received, received_bytes;
    u64 dropped;                             /* came for it while its queue was full, or fit none of its buffers */
    u64 refused;                             /* sent by it: malformed, or in another station's name */
};

struct port;

/* A new port, or NULL if there is none left. `mac` (NULL: none) is for ever its station's: no other port can
   send in its name. `deliver` is called by switch_deliver, without any lock held, when frames wait. */
struct port *switch_attach(const u8 *mac, void (*deliver)(void *ctx), void *ctx);
/* Room of the port's own for the next frame that its station sends, of up to LARGE_MAX bytes. */
struct frame *switch_room(struct port *p);
/* Takes the frame in switch_room from the station, which has negotiated `offloads`, and queues it for those it is
   meant for, finished as far as they want it. Calls nobody back. */
void switch_send(struct port *from, u32 offloads);
/* The station tried to send something that is no frame. */
void switch_refuse(struct port *from);
/* Calls `deliver` of every port that has got frames since. Needs all locks free. */
void switch_deliver(void);

/* The queue of frames for a port's station; it has one reader at a time. */
struct frame *switch_peek(struct port *p);               /* NULL: none waits */
void switch_take(struct port *p, bool received);         /* removes it */
void switch_drop(struct port *p);                        /* the same, as one that was lost */
/* From now on the station takes frames with these offloads; until it says so, and after a flush, finished ones. */
void switch_accept(struct port *p, u32 offloads);
/* Has `deliver` called again though nothing new has come. */
void switch_call_again(struct port *p);
/* Forgets the stations learned behind the port and what waits for them. */
void switch_flush(struct port *p);
struct port_counters switch_counters(const struct port *p);
#endif
