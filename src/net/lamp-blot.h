/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-outcome.h"

G_BEGIN_DECLS

/**
 * lamp_blot_outcome:
 * @outcome: what came back, with the server's words in it
 * @token: the secret that was sent
 *
 * A server's words may quote what it was sent. Puts … in the place of the token, also where
 * its slashes are escaped as JSON allows, and in the place of its beginning where the words
 * were cut within it.
 */
void lamp_blot_outcome (LampOutcome *outcome,
                        const char  *token);

G_END_DECLS
