/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-snapshot.h"

G_BEGIN_DECLS

/* What the window says. All of it is pure: whoever asks hands in the time. */

/**
 * lamp_words_dup_title:
 *
 * Returns: (transfer full): whether everything is delivered, in a line
 */
char *lamp_words_dup_title    (const LampSnapshot *snapshot);

/**
 * lamp_words_dup_body:
 * @now: Unix µs
 *
 * Returns: (transfer full): why not, and what happens next, in sentences
 */
char *lamp_words_dup_body     (const LampSnapshot *snapshot,
                               gint64              now);

/**
 * lamp_words_dup_moment:
 * @time: Unix µs, 0 for none
 * @now: Unix µs
 *
 * Returns: (transfer full): a time for a list: of today the hour, else the day too;
 *   empty for none
 */
char *lamp_words_dup_moment   (gint64              time,
                               gint64              now);

/**
 * lamp_words_dup_full_moment:
 * @time: Unix µs, 0 for none
 *
 * Returns: (transfer full): day and time to the second; empty for none
 */
char *lamp_words_dup_full_moment (gint64           time);

/**
 * lamp_words_dup_count:
 *
 * Returns: (transfer full): a number for where there is little room: "128", "12k", "1.2M"
 */
char *lamp_words_dup_count    (guint64             count);

G_END_DECLS
