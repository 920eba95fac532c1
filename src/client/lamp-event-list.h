/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"
#include "lamp-event-item.h"

G_BEGIN_DECLS

#define LAMP_TYPE_EVENT_LIST (lamp_event_list_get_type ())

/**
 * LampEventList:
 *
 * The events of one status, the newest first, as a #GListModel of #LampEventItem.
 *
 * Rows are asked for when somebody looks at them, and forgotten when nobody does for
 * a while: a list of a million events costs what one of ten costs. The length comes
 * from the agent's counters; with a filter nobody knows it, and the list grows as
 * its end is looked at. Events that come, go and change while the list is shown are
 * followed; the rows in view stay.
 *
 * An item is blank until its row has come. It is the same object for as long as
 * somebody holds it, wherever its event moves.
 */
G_DECLARE_FINAL_TYPE (LampEventList, lamp_event_list, LAMP, EVENT_LIST, GObject)

/**
 * lamp_event_list_new:
 * @status: "pending", "failed" or "delivered"
 *
 * Returns: (transfer full): a list
 */
LampEventList *lamp_event_list_new         (LampClient    *client,
                                            const char    *status);

/**
 * lamp_event_list_set_filter:
 * @mission_id: (nullable): only events of this mission; an empty text is no filter
 * @event_type: (nullable): only events of this type
 * @text: (nullable): only events that hold this text
 *
 * Starts the list anew, unless it has that filter already.
 */
void           lamp_event_list_set_filter  (LampEventList *self,
                                            const char    *mission_id,
                                            const char    *event_type,
                                            const char    *text);

/**
 * lamp_event_list_is_filtered:
 *
 * Returns: whether some events of the status may be left out
 */
gboolean       lamp_event_list_is_filtered (LampEventList *self);

/**
 * lamp_event_list_is_ready:
 *
 * Returns: whether the number of items is true: that of the counters or, with a
 *   filter, once the first rows have come
 */
gboolean       lamp_event_list_is_ready    (LampEventList *self);

G_END_DECLS
