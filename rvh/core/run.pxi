# The run loop: whose turn it is, for how long, and what time it is.
#
# Time advances in rounds of `quantum` slots. In each round every hart has a slice of that many slots, one hart after the
# other; a hart that waits spends its slice waiting. Machine time is round_base plus the progress of the running hart in
# its slice, so that harts see time as if they ran side by side, at most one quantum apart. A timer ends a chunk of
# execution at its exact slot, a write to an interrupt register right after the instruction that made it: results do not
# depend on how code falls into blocks, nor on where a run was paused.

cdef enum:
    RUN_LIMIT = 0  # the slots asked for have been executed
    RUN_EXIT = 1  # a device asked for power-off or reset, or a hart is in the critical-error state
    RUN_POLL = 2  # time to look at the host: input, signals, HTIF
    RUN_IDLE = 3  # every hart waits; the earliest timer is at board_deadline(), ~0 if there is none

    POLL_SLOTS = 2000000


cdef u64 hart_slots(Hart *h) noexcept nogil:
    """Slots this hart has been charged: retired instructions and those that trapped instead."""
    return h.slots_end - <u64>(h.budget + h.reserve)


cdef u64 hart_retired(Hart *h) noexcept nogil:
    return hart_slots(h) - h.nonretired


cdef u64 slots_now(Board *b) noexcept nogil:
    """Machine time in slots."""
    if not b.in_slice:
        return b.round_base
    return b.round_base + hart_slots(b.harts[b.current]) - b.slice_start


cdef u64 host_ticks() noexcept nogil:
    cdef timespec ts
    clock_gettime(CLOCK_MONOTONIC, &ts)
    return <u64>ts.tv_sec * 10000000 + <u64>ts.tv_nsec // 100


cdef u64 mtime_now(Hart *h) noexcept nogil:
    """The machine's mtime, in ticks of 100 ns."""
    cdef Board *b = h.board
    if b.host_clock:
        return host_ticks() + b.time_offset
    return slots_now(b) // b.slots_per_tick + b.time_offset


cdef void mtime_set(Hart *h, u64 value) noexcept nogil:
    cdef u32 i
    h.board.time_offset += value - mtime_now(h)
    for i in range(h.board.n_harts):
        timer_update(h.board.harts[i])
        kick(h.board.harts[i])


cdef void kick(Hart *h) noexcept nogil:
    """Makes the hart leave its blocks soon, right after this instruction if it is the one running a slow path, to look
    at its interrupts."""
    if h.budget > 0:
        h.reserve += h.budget
        h.budget = 0
    if h.board.harts[h.board.current] == h:
        h.stop = 1


cdef void slice_chunk(Hart *h, u64 n) noexcept nogil:
    """Executes up to n slots; fewer when an event asks for a look at interrupts, timers or the outside, or at WFI."""
    cdef i64 left = <i64>n
    cdef u64 done = hart_slots(h), target = done + n
    h.stop = 0
    if h.wfi or interrupts_look(h):
        if h.wfi and not interrupt_wakes(h):
            return
        h.wfi = 0
        if interrupt_before(h) and unlikely(h.critical):
            return
    h.reserve = 0
    h.budget = left
    h.slots_end = target
    if likely(not traced(h) and not h.armed & ARMED_STEP):
        enter_hart(h)
    while not h.stop and h.reserve == 0:
        # The next block is longer than what is left: one instruction at a time.
        left = <i64>(target - hart_slots(h))
        if left <= 0:
            break
        slice_step(h, left)
        h.budget += h.reserve
        h.reserve = 0


cdef bint interrupt_before(Hart *h) noexcept nogil:
    """interrupt_take(), in the trace as well, and what triggers make of it."""
    cdef u64 pc = h.pc
    cdef u32 priv = h.priv, v = h.v, counting = triggers_counting(h)
    if not interrupt_take(h):
        return False
    if unlikely(counting):
        triggers_count(h, counting)
    if unlikely(traced(h)):
        trace_interrupt(h, pc, priv, v)
    if unlikely(h.trigger_types & 1 << TYPE_ITRIGGER):
        trigger_on_interrupt(h, mode_of(priv, v))
    return True


cdef void slice_step(Hart *h, i64 left) noexcept nogil:
    """Executes one instruction, or takes one fetch fault, with `left` slots in hand."""
    cdef u32 counting = triggers_counting(h)
    cdef u64 nonretired = h.nonretired
    h.trigger_after = 0
    slice_one(h, left)
    if unlikely(counting):
        triggers_count(h, counting)
    if unlikely(h.trigger_after) and h.nonretired == nonretired:
        trigger_take_after(h)


cdef void slice_one(Hart *h, i64 left) noexcept nogil:
    cdef bint keep = False
    cdef Op *ops
    if unlikely(traced(h)):
        trace_step(h, left)
        return
    h.slots_end = hart_slots(h) + left
    h.budget = 1
    h.reserve = left - 1
    ops = block_single(h, &keep)
    if ops == NULL:
        fetch_fault(h, h.pc)
    else:
        enter_block(h, ops)


cdef u64 slots_until(Board *b, u64 deadline) noexcept nogil:
    """Slots from now until mtime reaches `deadline`; ~0 for never, which is more than 2^62 slots."""
    cdef u64 ticks, at
    if deadline == <u64>-1:
        return <u64>-1
    if b.host_clock:
        return 100000  # the host's clock is looked at this often
    ticks = deadline - b.time_offset
    if ticks >= (<u64>1 << 62) // b.slots_per_tick:
        return <u64>-1
    at = ticks * b.slots_per_tick
    return at - slots_now(b) if at > slots_now(b) else 0


cdef u64 board_deadline(Board *b) noexcept nogil:
    """mtime of the earliest timer of any hart or device, ~0 if none is set."""
    cdef u64 first = b.alarm
    cdef u32 i
    for i in range(b.n_harts):
        timer_update(b.harts[i])
        if b.harts[i].deadline < first:
            first = b.harts[i].deadline
    return first if slots_until(b, first) != <u64>-1 else <u64>-1


cdef int board_run(Board *b, u64 limit, u64 jumps) noexcept nogil:
    """Runs until `limit` slots have been executed by all harts together, or something else ends it (RUN_*). When
    every hart waits, time skips to the next timer, at most `jumps` times; then RUN_IDLE is returned."""
    cdef Hart *h
    cdef u64 n, before, progress, start = b.total_slots, deadline
    cdef int reason
    cdef u32 host_fp
    while True:
        if b.exit_request:
            return RUN_EXIT
        if b.total_slots - start >= limit:
            return RUN_LIMIT
        if b.poll_request or b.total_slots - start >= POLL_SLOTS:
            b.poll_request = 0
            return RUN_POLL
        h = b.harts[b.current]
        if unlikely(h.critical):
            return RUN_EXIT
        if b.alarm != <u64>-1 and mtime_now(h) >= b.alarm:
            b.alarm = <u64>-1
            return RUN_POLL
        if not b.in_slice:
            b.slice_start = hart_slots(h)
            b.in_slice = 1
            if b.n_harts > 1:
                h.res_valid = 0  # other harts have stored since
        progress = hart_slots(h) - b.slice_start
        timer_update(h)
        if progress < b.quantum:
            if not h.wfi or interrupt_wakes(h):
                n = min(b.quantum - progress, min(limit - (b.total_slots - start), POLL_SLOTS))
                if h.hpm_on:
                    counters_sync(h)
                    n = min(n, counters_slack(h))
                n = max(min(n, min(slots_until(b, h.deadline), slots_until(b, b.alarm))), 1)
                before = hart_slots(h)
                fp_enter(h, &host_fp)
                slice_chunk(h, n)
                fp_leave(h, &host_fp)
                n = hart_slots(h) - before
                b.total_slots += n
                if n:
                    b.round_ran = 1
                continue
            # Waiting: its own timer may end that within the slice.
            n = slots_until(b, h.deadline)
            if n < b.quantum - progress and not b.host_clock:
                b.slice_start -= n
                continue
        b.in_slice = 0
        b.current += 1
        if b.current < b.n_harts:
            continue
        # End of the round.
        b.current = 0
        b.round_base += b.quantum
        if b.round_ran:
            b.round_ran = 0
            continue
        deadline = board_deadline(b)
        if board_awake(b):
            continue
        if deadline == <u64>-1 or b.host_clock or jumps == 0:
            return RUN_IDLE
        jumps -= 1
        n = slots_until(b, deadline)
        b.round_base += n


cdef bint board_awake(Board *b) noexcept nogil:
    cdef u32 i
    for i in range(b.n_harts):
        if not b.harts[i].wfi or interrupt_wakes(b.harts[i]):
            return True
    return False
