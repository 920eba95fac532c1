/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-event-list.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_EVENTS_PAGE (lamp_events_page_get_type ())

/**
 * LampEventsPage:
 *
 * The events of one status: a list, what can be done with all or some of them, and what
 * to expect while there are none.
 */
G_DECLARE_FINAL_TYPE (LampEventsPage, lamp_events_page, LAMP, EVENTS_PAGE, AdwBin)

/**
 * lamp_events_page_set_client:
 *
 * Opens the list; to be called once.
 */
void  lamp_events_page_set_client      (LampEventsPage *self,
                                        LampClient     *client);

/**
 * lamp_events_page_set_filter:
 *
 * As of lamp_event_list_set_filter().
 */
void  lamp_events_page_set_filter      (LampEventsPage *self,
                                        const char     *mission_id,
                                        const char     *event_type,
                                        const char     *text);

/**
 * lamp_events_page_set_current:
 * @event_id: (nullable): the event whose details are shown
 */
void  lamp_events_page_set_current     (LampEventsPage *self,
                                        const char     *event_id);

/**
 * lamp_events_page_dup_selected:
 *
 * Returns: (transfer full): the ids of the events that are selected
 */
char **lamp_events_page_dup_selected   (LampEventsPage *self);

/**
 * lamp_events_page_unselect_all:
 */
void  lamp_events_page_unselect_all    (LampEventsPage *self);

G_END_DECLS
