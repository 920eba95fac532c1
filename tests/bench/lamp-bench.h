/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-event.h"

G_BEGIN_DECLS

/**
 * LampBench:
 *
 * A table of what was measured, in rounds: a value a round for each row, and ratios of two
 * rows of the same round, because the machine is another one in the next minute.
 */
typedef struct _LampBench LampBench;

LampBench *lamp_bench_new        (const char *title);

void       lamp_bench_free       (LampBench  *self);

/**
 * lamp_bench_add:
 * @row: a literal; the first value makes the row
 * @unit: a literal
 *
 * Adds the value of a round.
 */
void       lamp_bench_add        (LampBench  *self,
                                  const char *row,
                                  const char *unit,
                                  double      value);

/**
 * lamp_bench_relate:
 * @goal: a literal: what section 14 of the specification wants
 *
 * Asks for a line with @row / @floor.
 */
void       lamp_bench_relate     (LampBench  *self,
                                  const char *row,
                                  const char *floor,
                                  const char *goal);

/* Medians, and the smallest and largest in brackets. */
void       lamp_bench_print      (LampBench  *self);

/**
 * lamp_bench_rounds:
 *
 * Returns: how many rounds to do: $LAMP_BENCH_ROUNDS, or 5
 */
guint      lamp_bench_rounds     (void);

/**
 * lamp_bench_percentile:
 * @values: (element-type double): sorted by it
 */
double     lamp_bench_percentile (GArray     *values,
                                  double      part);

/* Seconds, of a clock that only goes forward. */
double     lamp_bench_now        (void);

#define LAMP_BENCH_EVENT_BYTES 431
#define LAMP_BENCH_NODE "bench-node-1"

/**
 * lamp_bench_dup_payload:
 *
 * Returns: (transfer full): a payload that makes an envelope of 431 bytes
 */
char      *lamp_bench_dup_payload (void);

/**
 * lamp_bench_events:
 *
 * Returns: (transfer full) (element-type LampEvent): events to store
 */
GPtrArray *lamp_bench_events     (guint       n_events);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampBench, lamp_bench_free)

G_END_DECLS
