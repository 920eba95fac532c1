/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_STATUS_PANEL (lamp_status_panel_get_type ())

/**
 * LampStatusPanel:
 *
 * Whether everything is delivered, if not why, and the button that does something about
 * it: an icon, a line, a few sentences; while a pass runs its progress.
 */
G_DECLARE_FINAL_TYPE (LampStatusPanel, lamp_status_panel, LAMP, STATUS_PANEL, AdwBin)

/**
 * lamp_status_panel_set_client:
 *
 * To be called once.
 */
void lamp_status_panel_set_client (LampStatusPanel *self,
                                   LampClient      *client,
                                   GSettings       *settings);

G_END_DECLS
