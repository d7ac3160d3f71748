/* Bulk data in TCP segments, with and without the card's help (virtio 1.2, 5.1.6.2). */
#pragma once
#include "nic.h"

enum { ETHERTYPE_IP = 0x0800, ETHERTYPE_IP6 = 0x86dd };

/* What the boot arguments ask of the card and of us. */
struct bulk_setting { bool tso, six; };

/* Sends the stream to `mac`; `serve` receives until the number has reached what is given, or the time is over. */
bool bulk_send(struct bulk_setting setting, const u8 *mac, bool (*serve)(const u32 *number, u32 wanted));
/* Looks at a frame of type IPv4 or IPv6; false if it is none of a stream. */
bool bulk_receive(const struct nic_header *header, u8 *frame, u32 length);
/* Says what has come, if anything has. False: something was wrong with it. */
bool bulk_report(void);
