/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-store.h"

G_BEGIN_DECLS

/* The Lamport clock (section 5 of the specification): one value for each node, in the store's
 * transactions. All of these are for jobs on the store's thread; those that change the clock
 * belong in a writing job. They fail with LAMP_ERROR_STORAGE. */

/**
 * LAMP_CLOCK_RECEIVED_MAX:
 *
 * The largest clock that is believed when it comes from elsewhere: 2^53, the
 * largest integer that every JSON reader keeps exact.
 */
#define LAMP_CLOCK_RECEIVED_MAX (G_GINT64_CONSTANT (1) << 53)

/**
 * lamp_clock_current:
 * @value: (out): the clock, 0 for a node that has never ticked
 */
gboolean lamp_clock_current   (LampStore  *store,
                               const char *node_id,
                               gint64     *value,
                               GError    **error);

/**
 * lamp_clock_increment:
 * @value: (out): value + 1, which is the clock from now on
 */
gboolean lamp_clock_increment (LampStore  *store,
                               const char *node_id,
                               gint64     *value,
                               GError    **error);

/**
 * lamp_clock_update:
 * @received: a clock that came with a message, 0 to %LAMP_CLOCK_RECEIVED_MAX
 * @value: (out) (optional): max (value, received) + 1, which is the clock from now on
 */
gboolean lamp_clock_update    (LampStore  *store,
                               const char *node_id,
                               gint64      received,
                               gint64     *value,
                               GError    **error);

/**
 * lamp_clock_raise:
 * @floor: the clock is at least this from now on
 */
gboolean lamp_clock_raise     (LampStore  *store,
                               const char *node_id,
                               gint64      floor,
                               GError    **error);

/**
 * lamp_clock_receive:
 * @received: a clock that lies in a file and may have been seen before, 0 to
 *   %LAMP_CLOCK_RECEIVED_MAX
 *
 * Like lamp_clock_update() for this node, but only if @received is larger than its
 * clock: to read the same again must not tick.
 */
gboolean lamp_clock_receive   (LampStore  *store,
                               gint64      received,
                               GError    **error);

/**
 * lamp_clock_adopt:
 *
 * The clocks of events that other programs have put into the queue count as
 * received by this node. Costs nothing when there are none. A clock below 0 or
 * above %LAMP_CLOCK_RECEIVED_MAX is ignored.
 */
gboolean lamp_clock_adopt     (LampStore  *store,
                               GError    **error);

/**
 * lamp_clock_read_file:
 * @path: events/lamport_clock.json of the spec-kitty command line
 *
 * Takes over the clocks in a file: each entry raises that node's clock, and the
 * largest also counts as received by this node, once. What can't be read is
 * logged and left; a missing file is none.
 */
gboolean lamp_clock_read_file (LampStore  *store,
                               const char *path,
                               GError    **error);

G_END_DECLS
