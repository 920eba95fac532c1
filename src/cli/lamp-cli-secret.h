/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * lamp_cli_read_secret:
 * @prompt: what to ask for, where a person is asked
 * @error: return location for the reason
 *
 * Reads one line from standard input; from a terminal without showing it.
 *
 * Returns: (transfer full) (nullable): the line, for lamp_cli_free_secret()
 */
char *lamp_cli_read_secret (const char *prompt,
                            GError    **error);

/**
 * lamp_cli_free_secret:
 * @secret: (nullable): what was read
 *
 * Wipes a secret from memory before that is given back.
 */
void  lamp_cli_free_secret (char       *secret);

typedef char LampCliSecret;

G_DEFINE_AUTOPTR_CLEANUP_FUNC (LampCliSecret, lamp_cli_free_secret)

G_END_DECLS
