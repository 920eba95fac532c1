/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-guard.h"

/* A person's folders are closed to others by inheritance here. */
gboolean
lamp_guard_check (const char *path,
                  GError    **error)
{
  return TRUE;
}

char *
lamp_guard_dup_target (const char *path)
{
  return g_strdup (path);
}
