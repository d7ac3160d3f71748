/* What the attacks on split and packed rings share: the devices, and memory that they may touch, fenced in. */
#pragma once
#include "attacks.h"
#include "virtio.h"

enum { MAX_VICTIMS = 3, PATIENCE = 500 };

struct victim {
    u64 base;
    u32 id, queue;
};
extern struct victim victims[MAX_VICTIMS];
extern int victim_count;

/* What the device may touch, fenced in by bytes that it must not. */
struct arena {
    u8 before[256];
    struct virtq queue;
    u8 between[256];
    struct { u32 type, reserved; u64 sector; } header;
    u8 data[512];
    volatile u8 status;
    u8 after[256];
};
extern struct arena arena;

/* ring.c */
int find_victims(void);
/* Negotiates, and lays an honest request out in split form; false if the device lacks a feature of `wanted`. */
bool bring_up_with(const struct victim *v, u64 wanted);
void notify(const struct victim *v);
/* After a reset the device must be as new, and nothing else touched. */
bool intact(const struct victim *v);
