/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <glib.h>

G_BEGIN_DECLS

/**
 * lamp_locale_init:
 *
 * Makes the program speak the person's language; a program calls it before anything else.
 *
 * The translations are where they are installed, or in the folder that the environment variable
 * LAMPPOST_LOCALE_DIR names: a program that is not installed finds them there.
 */
void lamp_locale_init (void);

G_END_DECLS
