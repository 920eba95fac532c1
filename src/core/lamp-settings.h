/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-queue.h"

G_BEGIN_DECLS

/* The settings and the environment that overrides them (section 9 of the specification). */

/**
 * lamp_settings_new:
 *
 * Returns: (transfer full) (nullable): the settings, %NULL if their schema is
 *   neither installed nor in the build tree
 */
GSettings  *lamp_settings_new            (void);

/**
 * lamp_settings_dup_server_url:
 *
 * Returns: (transfer full): SAAS_API_URL, or else the setting; empty for none
 */
char       *lamp_settings_dup_server_url (GSettings *settings);

/**
 * LAMP_SETTINGS_TOKEN_VARIABLE:
 *
 * The variable of the environment that overrides the token that is kept.
 */
#define LAMP_SETTINGS_TOKEN_VARIABLE "SAAS_API_KEY"

/**
 * lamp_settings_get_token_override:
 *
 * Returns: (transfer none) (nullable): SAAS_API_KEY; an empty one is none
 */
const char *lamp_settings_get_token_override (void);

/**
 * lamp_settings_new_queue:
 * @settings: (nullable): %NULL for the defaults
 * @path: (nullable): the queue's file, %NULL for the default one
 *
 * Returns: (transfer full): a queue with the node that the settings name
 */
LampQueue  *lamp_settings_new_queue      (GSettings  *settings,
                                          const char *path);

/**
 * lamp_settings_apply_to_queue:
 *
 * Hands capacity and history to the queue.
 */
void        lamp_settings_apply_to_queue (GSettings  *settings,
                                          LampQueue  *queue);

G_END_DECLS
