/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-secrets.h"

G_BEGIN_DECLS

#define LAMP_TYPE_KEYRING_WATCH (lamp_keyring_watch_get_type ())

/**
 * LampKeyringWatch:
 *
 * At login the agent may be there before the keyring is, or before it is unlocked: this
 * looks for the token again when the secret service comes, or tells that a keyring of
 * its has changed.
 */
G_DECLARE_FINAL_TYPE (LampKeyringWatch, lamp_keyring_watch, LAMP, KEYRING_WATCH, GObject)

/**
 * lamp_keyring_watch_new:
 * @connection: the session bus
 * @secrets: gets lamp_secrets_look_again()
 */
LampKeyringWatch *lamp_keyring_watch_new (GDBusConnection *connection,
                                          LampSecrets     *secrets);

G_END_DECLS
