// Workload: a bytecode interpreter with threaded dispatch; nearly every step ends in an indirect jump.
// The bytecode sums the lengths of the Collatz sequences of 1..LIMIT.
#include "bench.h"

#define LIMIT 300
#define EXPECTED 14167

enum { LOAD, MOVE, ADD, INC, HALVE, TRIPLE, JUMP, JUMP_ODD, JUMP_EQUAL, HALT };

struct instruction {
    uint16_t operation, a, b, target; // a, b: registers; LOAD's b is the value
};

// Registers: 0 n, 1 x, 2 total, 3 the constant 1, 4 the limit.
static const struct instruction code[] = {
    /*  0 */ {LOAD, 0, 1, 0},
    /*  1 */ {LOAD, 2, 0, 0},
    /*  2 */ {LOAD, 3, 1, 0},
    /*  3 */ {LOAD, 4, LIMIT + 1, 0},
    /*  4 */ {JUMP_EQUAL, 0, 4, 15},
    /*  5 */ {MOVE, 1, 0, 0},
    /*  6 */ {JUMP_EQUAL, 1, 3, 13},
    /*  7 */ {INC, 2, 0, 0},
    /*  8 */ {JUMP_ODD, 1, 0, 11},
    /*  9 */ {HALVE, 1, 0, 0},
    /* 10 */ {JUMP, 0, 0, 6},
    /* 11 */ {TRIPLE, 1, 0, 0},
    /* 12 */ {JUMP, 0, 0, 6},
    /* 13 */ {ADD, 0, 3, 0},
    /* 14 */ {JUMP, 0, 0, 4},
    /* 15 */ {HALT, 2, 0, 0},
};

static uint64_t interpret(const struct instruction *program)
{
    static const void *const label[] = {
        [LOAD] = &&load,     [MOVE] = &&move,     [ADD] = &&add,   [INC] = &&inc,
        [HALVE] = &&halve,   [TRIPLE] = &&triple, [JUMP] = &&jump, [JUMP_ODD] = &&jump_odd,
        [JUMP_EQUAL] = &&jump_equal,              [HALT] = &&halt,
    };
    const struct instruction *at = program;
    uint64_t r[5] = {0};

#define NEXT goto *label[at->operation]
    NEXT;
load:
    r[at->a] = at->b, at++;
    NEXT;
move:
    r[at->a] = r[at->b], at++;
    NEXT;
add:
    r[at->a] += r[at->b], at++;
    NEXT;
inc:
    r[at->a]++, at++;
    NEXT;
halve:
    r[at->a] >>= 1, at++;
    NEXT;
triple:
    r[at->a] = 3 * r[at->a] + 1, at++;
    NEXT;
jump:
    at = program + at->target;
    NEXT;
jump_odd:
    at = r[at->a] & 1 ? program + at->target : at + 1;
    NEXT;
jump_equal:
    at = r[at->a] == r[at->b] ? program + at->target : at + 1;
    NEXT;
halt:
    return r[at->a];
}

// volatile: the bytecode is data to the compiler.
static const struct instruction *volatile program = code;

uint64_t workload(void)
{
    uint64_t wrong = 0;
    for (uint64_t round = 0; round < REPEAT; round++)
        wrong += interpret(program) != EXPECTED;
    return wrong;
}
