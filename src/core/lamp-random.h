/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/* Random bytes from the operating system, as section 3 of the specification asks
 * for ULIDs. One source file a system. */

/**
 * LAMP_RANDOM_MAX_BYTES:
 *
 * How much may be asked for at once: what getentropy() gives without being
 * interrupted.
 */
#define LAMP_RANDOM_MAX_BYTES 256

/**
 * lamp_random_fill:
 * @buffer: (out caller-allocates) (array length=length): where the bytes go
 * @length: how many, at most %LAMP_RANDOM_MAX_BYTES
 *
 * Fills @buffer with random bytes of the operating system's generator.
 *
 * There is no error to handle: without such bytes ids could repeat, so a system
 * that has none ends the program with a message.
 */
void lamp_random_fill (guint8 *buffer,
                       gsize   length);

G_END_DECLS
