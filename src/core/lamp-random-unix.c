/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-random.h"

#include <errno.h>
#include <unistd.h>

#ifdef __APPLE__
#include <sys/random.h>
#endif

void
lamp_random_fill (guint8 *buffer,
                  gsize   length)
{
  g_return_if_fail (buffer != NULL);
  g_return_if_fail (length <= LAMP_RANDOM_MAX_BYTES);

  if (getentropy (buffer, length) != 0)
    g_error ("The system gives no random bytes: %s", g_strerror (errno));
}
