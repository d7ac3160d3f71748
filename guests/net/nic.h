/* A virtio network card (virtio 1.2, section 5.1): whole Ethernet frames in and out. */
#pragma once
#include "riscv.h"

enum { MAC_LENGTH = 6, FRAME_MAX = 1514 };

extern u8 nic_mac[MAC_LENGTH];

/* Finds the first card and starts it; false if there is none. */
bool nic_init(const void *dtb, u64 hart);
/* Sends a frame and waits until the device has taken it. */
void nic_send(const void *frame, u32 length);
/* Takes a frame that has come; its length, or 0 if there is none. */
u32 nic_receive(u8 frame[FRAME_MAX]);
/* Sleeps until the card interrupts or the time has come. */
void nic_wait(u64 deadline);
