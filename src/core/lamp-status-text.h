/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-snapshot.h"

G_BEGIN_DECLS

/* What a snapshot says in words, so that tray, window, command line and notifications say it in
 * the same ones. All of it is pure: whoever asks hands in the time. */

/**
 * lamp_status_text_dup_summary:
 * @now: Unix µs
 *
 * Returns: (transfer full): what is going on, in a line that is true at @now:
 *   "Offline, 12 waiting, next try in 40 s"
 */
char       *lamp_status_text_dup_summary     (const LampSnapshot *snapshot,
                                              gint64              now);

/**
 * lamp_status_text_dup_title:
 *
 * Returns: (transfer full): the program and its state, for what has room for a few
 *   words: "Lamppost: offline"
 */
char       *lamp_status_text_dup_title       (const LampSnapshot *snapshot);

/**
 * lamp_status_text_dup_details:
 * @now: Unix µs; only its day counts
 *
 * The times in it are times of day, so that it stays true while nothing happens.
 *
 * Returns: (transfer full): lines about what waits, the last delivery and the next try
 */
char       *lamp_status_text_dup_details     (const LampSnapshot *snapshot,
                                              gint64              now);

/**
 * lamp_status_text_dup_accessible:
 *
 * Returns: (transfer full): what the icon and the number beside it show, for a
 *   screen reader: "Lamppost: offline, 12 waiting"
 */
char       *lamp_status_text_dup_accessible  (const LampSnapshot *snapshot);

/**
 * lamp_status_text_dup_background:
 *
 * Returns: (transfer full): one line for a list of programs that run in the background, where the
 *   program's name stands already; it stays true while nothing happens: "12 waiting, offline"
 */
char       *lamp_status_text_dup_background  (const LampSnapshot *snapshot);

/**
 * lamp_status_text_dup_counts:
 *
 * Returns: (transfer full): "12 waiting, 2 failed"; empty if there are none
 */
char       *lamp_status_text_dup_counts      (const LampTally    *tally);

/**
 * lamp_status_text_dup_count:
 * @count: a number that is shown where there is little room
 *
 * Returns: (transfer full): "12", "99+" for more; empty for 0
 */
char       *lamp_status_text_dup_count       (guint64             count);

/**
 * lamp_status_text_dup_duration:
 * @duration: µs, not negative
 *
 * Returns: (transfer full): "40 s", "5 min", "3 h", "2 days"
 */
char       *lamp_status_text_dup_duration    (gint64              duration);

/**
 * lamp_status_text_get_icon:
 *
 * Returns: (transfer none): which icon of the family shows the snapshot: "online",
 *   "sending", "offline", "paused" or "attention"
 */
const char *lamp_status_text_get_icon        (const LampSnapshot *snapshot);

G_END_DECLS
