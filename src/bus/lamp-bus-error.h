/* SPDX-License-Identifier: GPL-3.0-or-later */

#pragma once

#include <gio/gio.h>

#include "lamp-error.h"

G_BEGIN_DECLS

/**
 * LAMP_BUS_ERROR_PREFIX:
 *
 * What the names of our errors begin with on D-Bus. Like the interface it stays
 * the same in the development profile.
 */
#define LAMP_BUS_ERROR_PREFIX "io.github.lamppost.Lamppost.Error."

/**
 * lamp_bus_error_register:
 *
 * Gives the codes of %LAMP_ERROR their names on D-Bus, so that an error that is
 * returned by the service arrives in a client as the same code. To be called
 * before the first message; any number of times.
 */
void    lamp_bus_error_register (void);

/**
 * lamp_bus_error_to_dbus:
 * @error: what went wrong
 *
 * Turns an error into what a method of the service answers. %LAMP_ERROR_INVALID_ARGS
 * has no name of its own and becomes %G_DBUS_ERROR_INVALID_ARGS; any other error
 * is copied.
 *
 * Returns: (transfer full): an error for g_dbus_method_invocation_return_gerror()
 */
GError *lamp_bus_error_to_dbus  (const GError *error);

/**
 * lamp_bus_error_strip:
 * @error: an error that came from D-Bus, or any other
 *
 * Takes the D-Bus name off the message, so that what is left is for a person.
 */
void    lamp_bus_error_strip    (GError       *error);

G_END_DECLS
