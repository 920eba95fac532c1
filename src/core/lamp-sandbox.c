/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-sandbox.h"

/* There in every sandbox of Flatpak, and nowhere else. */
#define SANDBOX_FILE "/.flatpak-info"

gboolean
lamp_sandbox_is_around (void)
{
  return g_file_test (SANDBOX_FILE, G_FILE_TEST_EXISTS);
}
