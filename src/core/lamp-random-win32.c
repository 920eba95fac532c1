/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-random.h"

#include <windows.h>

#include <bcrypt.h>

void
lamp_random_fill (guint8 *buffer,
                  gsize   length)
{
  NTSTATUS status;

  g_return_if_fail (buffer != NULL);
  g_return_if_fail (length <= LAMP_RANDOM_MAX_BYTES);

  status = BCryptGenRandom (NULL, buffer, (ULONG) length, BCRYPT_USE_SYSTEM_PREFERRED_RNG);
  if (!BCRYPT_SUCCESS (status))
    g_error ("The system gives no random bytes: status 0x%08lx", (unsigned long) status);
}
