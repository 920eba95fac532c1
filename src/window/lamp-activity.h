/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_ACTIVITY (lamp_activity_get_type ())

/**
 * LampActivity:
 *
 * The chart of the last hour or day, with what its colours mean. It hides where the agent
 * has no history.
 */
G_DECLARE_FINAL_TYPE (LampActivity, lamp_activity, LAMP, ACTIVITY, AdwBin)

/**
 * lamp_activity_set_client:
 *
 * To be called once.
 */
void   lamp_activity_set_client    (LampActivity *self,
                                    LampClient   *client);

/**
 * lamp_activity_dup_summary:
 * @points: a(xuuu) as of History()
 * @day: whether they span a day and not an hour
 *
 * Returns: (transfer full): what the chart shows, in a sentence
 */
char  *lamp_activity_dup_summary   (GVariant     *points,
                                    gboolean      day);

G_END_DECLS
