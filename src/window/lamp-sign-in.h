/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include "lamp-client.h"

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_SIGN_IN (lamp_sign_in_get_type ())

/**
 * LampSignIn:
 *
 * The dialog with server and token.
 */
G_DECLARE_FINAL_TYPE (LampSignIn, lamp_sign_in, LAMP, SIGN_IN, AdwWindow)

/**
 * lamp_sign_in_new:
 *
 * Returns: (transfer none): a dialog for @parent
 */
GtkWidget *lamp_sign_in_new (GtkWindow  *parent,
                             LampClient *client,
                             GSettings  *settings);

G_END_DECLS
