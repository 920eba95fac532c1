/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* A ULID is 48 bits of milliseconds since 1970 and 80 random bits, written as
 * 26 characters of Crockford's base 32 (section 3 of the specification). */

/**
 * LAMP_ULID_LENGTH:
 *
 * The characters of an id, without the terminator.
 */
#define LAMP_ULID_LENGTH 26

/**
 * lamp_ulid_is_valid:
 * @text: (nullable): a string, or nothing
 *
 * Tells whether @text is a ULID: exactly 26 characters of Crockford's base 32,
 * upper or lower case, without I, L, O and U, the first one 0 to 7 because 26
 * characters could hold two bits more than an id has.
 *
 * Returns: %TRUE if it is one
 */
gboolean lamp_ulid_is_valid (const char *text);

/**
 * lamp_ulid_next:
 * @last: (nullable): the id that was made before in the same queue; anything that
 *   isn't a ULID counts as none
 * @now: the wall clock in µs since 1970; what lies before 1970 counts as 1970
 * @ulid: (out caller-allocates) (array fixed-size=27): where the id goes, upper
 *   case and terminated; may be the memory of @last
 *
 * Makes the id that follows @last.
 *
 * When @now is a later millisecond than that of @last, the id takes that time and
 * 80 new random bits. Otherwise it is @last + 1 as a number of 128 bits. So ids are
 * strictly increasing, within a millisecond and after a clock that stepped back
 * (section 3 of the specification), as long as whoever calls hands in the last one.
 * Only the largest of all ids, 7ZZZZZZZZZZZZZZZZZZZZZZZZZ, is followed by itself.
 */
void     lamp_ulid_next     (const char *last,
                             gint64      now,
                             char       *ulid);

/**
 * lamp_ulid_get_time:
 * @ulid: (nullable): a ULID
 *
 * Reads the time out of an id. Ids that followed each other within a millisecond,
 * or after a clock that stepped back, have the time of the first.
 *
 * Returns: µs since 1970, whole milliseconds; -1 if @ulid isn't a ULID
 */
gint64   lamp_ulid_get_time (const char *ulid);

G_END_DECLS
