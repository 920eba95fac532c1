/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gtk/gtk.h>

G_BEGIN_DECLS

#define LAMP_TYPE_CHART (lamp_chart_get_type ())

/**
 * LampChart:
 *
 * How the queue went: how many events waited and how many were failed as lines, those
 * delivered as bars. A sentence says the same to those who don't see it.
 */
G_DECLARE_FINAL_TYPE (LampChart, lamp_chart, LAMP, CHART, GtkWidget)

/**
 * lamp_chart_set_points:
 * @points: a(xuuu) as of History(): time, pending, delivered, failed
 * @summary: what they show, in a sentence
 */
void  lamp_chart_set_points     (LampChart  *self,
                                 GVariant   *points,
                                 const char *summary);

/**
 * lamp_chart_get_scale:
 * @largest: the largest value
 *
 * Returns: a round number, not smaller, for the top of the chart: even, so that the line in the
 *   middle has a number, too, and at least 4
 */
guint lamp_chart_get_scale      (guint       largest);

G_END_DECLS
