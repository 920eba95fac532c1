/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-queue.h"

G_BEGIN_DECLS

#define LAMP_TYPE_TREND (lamp_trend_get_type ())

/**
 * LAMP_TREND_REACH:
 *
 * How far back it goes, µs: a day, and an hour so that a chart of a day has no gap
 * at its left edge.
 */
#define LAMP_TREND_REACH (25 * G_TIME_SPAN_HOUR)

/**
 * LAMP_TREND_MINUTE:
 *
 * The length of what is remembered as one, µs. Finer steps tell no more.
 */
#define LAMP_TREND_MINUTE G_TIME_SPAN_MINUTE

/**
 * LampTrendPoint:
 * @time: when it begins, Unix µs
 * @pending: events that waited at its end
 * @delivered: events that the server took in it
 * @failed: events that were failed at its end
 *
 * A stretch of time in numbers. A number too large for its field is its largest value.
 */
typedef struct
{
  gint64 time;
  guint32 pending;
  guint32 delivered;
  guint32 failed;
} LampTrendPoint;

/**
 * LampTrend:
 *
 * How the queue went over the last day, minute by minute: at most 1 500 points in
 * memory, and the same in the queue's file, written once a minute while something
 * changes. A minute in which nothing changed takes no room and no wake-up. A kill
 * loses no more than the last minute in which something changed.
 */
G_DECLARE_FINAL_TYPE (LampTrend, lamp_trend, LAMP, TREND, GObject)

/**
 * lamp_trend_new:
 * @queue: the queue to follow; kept
 *
 * Returns: (transfer full): a trend that follows the queue from now on
 */
LampTrend *lamp_trend_new        (LampQueue  *queue);

/**
 * lamp_trend_load:
 *
 * Reads what the file holds, without waiting for it; it comes before what was seen
 * meanwhile. A file that can't be read is logged: the trend then begins now.
 */
void       lamp_trend_load       (LampTrend  *self);

/**
 * lamp_trend_save:
 *
 * Writes what the file doesn't hold yet, without waiting for it; lamp_queue_flush_async()
 * does. To be called when the program ends.
 */
void       lamp_trend_save       (LampTrend  *self);

/**
 * lamp_trend_dup_points:
 * @since: from when on, Unix µs; the step it falls into is the first one
 * @step: the length of a step, µs, more than 0
 *
 * Returns: (transfer full) (element-type LampTrendPoint): one for each step up to the one
 *   that runs now, the oldest first; no more than LAMP_TREND_REACH back. Steps begin at whole
 *   multiples of @step. One shorter than %LAMP_TREND_MINUTE tells no more: what happened in
 *   a minute is in the step in which that minute begins
 */
GArray    *lamp_trend_dup_points (LampTrend  *self,
                                  gint64      since,
                                  gint64      step);

G_END_DECLS
