/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <adwaita.h>

G_BEGIN_DECLS

#define LAMP_TYPE_APPLICATION (lamp_application_get_type ())

/**
 * LampApplication:
 *
 * The program with the window. There is one of it, and it ends with its window; the agent
 * goes on.
 */
G_DECLARE_FINAL_TYPE (LampApplication, lamp_application, LAMP, APPLICATION, AdwApplication)

/**
 * lamp_application_new:
 *
 * Returns: (transfer full): the program, which does nothing yet
 */
LampApplication *lamp_application_new (void);

G_END_DECLS
