/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * LampReason:
 * @title: what happened, in a few words
 * @advice: what it means and what to do, in sentences
 *
 * Why an event failed, for a person. Both texts are translated.
 */
typedef struct
{
  const char *title;
  const char *advice;
} LampReason;

/**
 * lamp_reason_for_code:
 * @code: the error code of a failed event
 *
 * Returns: what the code means; of a code that only the server knows, what holds for
 *   any refusal
 */
LampReason lamp_reason_for_code (const char *code);

G_END_DECLS
