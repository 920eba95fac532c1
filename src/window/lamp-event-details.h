/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"
#include "lamp-event-item.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_EVENT_DETAILS (lamp_event_details_get_type ())

/**
 * LampEventDetails:
 *
 * All about one event: what happened to it and when, why it failed, and its envelope.
 */
G_DECLARE_FINAL_TYPE (LampEventDetails, lamp_event_details, LAMP, EVENT_DETAILS, AdwBin)

/**
 * lamp_event_details_set_item:
 * @item: (nullable): the event, which is followed
 */
void           lamp_event_details_set_item  (LampEventDetails *self,
                                             LampClient       *client,
                                             LampEventItem    *item);

/**
 * lamp_event_details_get_item:
 *
 * Returns: (transfer none) (nullable): the event
 */
LampEventItem *lamp_event_details_get_item  (LampEventDetails *self);

G_END_DECLS
