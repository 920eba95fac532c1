/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

G_BEGIN_DECLS

#define LAMP_TYPE_EVENT_ITEM (lamp_event_item_get_type ())

/**
 * LampEventItem:
 *
 * A row of a #LampEventList: what List() tells of one event. It is blank until its
 * row has come, and its row may change while it is shown; #LampEventItem:row tells.
 */
G_DECLARE_FINAL_TYPE (LampEventItem, lamp_event_item, LAMP, EVENT_ITEM, GObject)

/**
 * lamp_event_item_new:
 * @row: (nullable): an a{sv} as of List(); %NULL for a blank item
 *
 * Returns: (transfer full): an item
 */
LampEventItem *lamp_event_item_new             (GVariant      *row);

/**
 * lamp_event_item_set_row:
 * @row: an a{sv} as of List()
 */
void           lamp_event_item_set_row         (LampEventItem *self,
                                                GVariant      *row);

/**
 * lamp_event_item_is_blank:
 *
 * Returns: whether the row is still on its way; texts are empty then and numbers 0
 */
gboolean       lamp_event_item_is_blank        (LampEventItem *self);

/**
 * lamp_event_item_get_text:
 * @name: a member of the row that is a string, for example "mission_id"
 *
 * Returns: (transfer none): its value, empty if there is none; valid until the row changes
 */
const char    *lamp_event_item_get_text        (LampEventItem *self,
                                                const char    *name);

/**
 * lamp_event_item_get_number:
 * @name: a member of the row that is a number; a time is in Unix µs
 *
 * Returns: its value, 0 if there is none
 */
gint64         lamp_event_item_get_number      (LampEventItem *self,
                                                const char    *name);

G_END_DECLS
