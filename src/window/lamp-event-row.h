/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-event-item.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_EVENT_ROW (lamp_event_row_get_type ())

/**
 * LampEventRow:
 *
 * An event in a list: what, where, when, and why it failed.
 */
G_DECLARE_FINAL_TYPE (LampEventRow, lamp_event_row, LAMP, EVENT_ROW, GtkBox)

/**
 * lamp_event_row_new:
 * @selectable: whether there is a check button in front
 *
 * Returns: (transfer floating): a row that shows nothing yet
 */
GtkWidget     *lamp_event_row_new        (gboolean       selectable);

/**
 * lamp_event_row_set_item:
 * @item: (nullable): what to show and to follow
 */
void           lamp_event_row_set_item   (LampEventRow  *self,
                                          LampEventItem *item);

/**
 * lamp_event_row_get_item:
 *
 * Returns: (transfer none) (nullable): what is shown
 */
LampEventItem *lamp_event_row_get_item   (LampEventRow  *self);

/**
 * lamp_event_row_set_state:
 * @selected: whether the check button is set
 * @current: whether the event's details are shown
 */
void           lamp_event_row_set_state  (LampEventRow  *self,
                                          gboolean       selected,
                                          gboolean       current);

G_END_DECLS
