/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_PREFERENCES (lamp_preferences_get_type ())

/**
 * LampPreferences:
 *
 * All the settings, and what the agent makes of them.
 */
G_DECLARE_FINAL_TYPE (LampPreferences, lamp_preferences, LAMP, PREFERENCES, AdwPreferencesWindow)

/**
 * lamp_preferences_new:
 * @client: (nullable): %NULL without a session bus
 *
 * Returns: (transfer none): a dialog for @parent
 */
GtkWidget *lamp_preferences_new (GtkWindow  *parent,
                                 LampClient *client,
                                 GSettings  *settings);

G_END_DECLS
