// Workload: double precision. A 48 x 48 matrix product with fused multiply-add; 200 steps of five bodies.
// Results must match to the last bit; those expected come from exact rationals rounded after each operation.
#include "bench.h"

#define N 48
#define BODIES 5
#define STEPS 200
#define PRODUCT_BITS 0xc14d3003949660b4ul
#define ORBIT_BITS 0x4027a0f5f8f1af0aul

static double a[N][N], b[N][N], c[N][N];

struct body {
    double x, y, z, vx, vy, vz, mass;
};

// A made-up system: one heavy body and four light ones on wide orbits.
static const struct body start[BODIES] = {
    {0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 40.0},
    {4.75, -1.125, -0.125, 0.625, 2.75, -0.0625, 0.0375},
    {8.25, 4.125, -0.375, -1.0, 1.8125, 0.0078125, 0.01125},
    {12.875, -15.0, -0.25, 1.0625, 0.875, -0.0125, 0.00175},
    {15.375, -25.875, 0.1875, 0.96875, 0.59375, -0.03125, 0.002},
};

static uint64_t bits(double value)
{
    union { double d; uint64_t u; } both = {value};
    return both.u;
}

static void product(void)
{
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double sum = 0.0;
            for (int k = 0; k < N; k++)
                sum = __builtin_fma(a[i][k], b[k][j], sum);
            c[i][j] = sum;
        }
}

static double orbit(void)
{
    struct body body[BODIES];
    for (int i = 0; i < BODIES; i++)
        body[i] = start[i];
    const double dt = 0.0078125;
    for (int step = 0; step < STEPS; step++) {
        for (int i = 0; i < BODIES; i++)
            for (int j = i + 1; j < BODIES; j++) {
                double dx = body[i].x - body[j].x, dy = body[i].y - body[j].y, dz = body[i].z - body[j].z;
                double square = dx * dx + dy * dy + dz * dz;
                double force = dt / (square * __builtin_sqrt(square));
                double pull = body[j].mass * force, push = body[i].mass * force;
                body[i].vx -= dx * pull, body[i].vy -= dy * pull, body[i].vz -= dz * pull;
                body[j].vx += dx * push, body[j].vy += dy * push, body[j].vz += dz * push;
            }
        for (int i = 0; i < BODIES; i++) {
            body[i].x += dt * body[i].vx;
            body[i].y += dt * body[i].vy;
            body[i].z += dt * body[i].vz;
        }
    }
    double sum = 0.0;
    for (int i = 0; i < BODIES; i++)
        sum += body[i].x + body[i].y + body[i].z;
    return sum;
}

uint64_t workload(void)
{
    uint64_t wrong = 0;
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = (double)(i * 7 + j * 3) / 11.0;
            b[i][j] = (double)(i - 2 * j) / 13.0;
        }
    for (uint64_t round = 0; round < REPEAT; round++) {
        product();
        double sum = 0.0;
        for (int i = 0; i < N; i++)
            for (int j = 0; j < N; j++)
                sum += c[i][j];
        wrong += bits(sum) != PRODUCT_BITS || bits(orbit()) != ORBIT_BITS;
    }
    return wrong;
}
