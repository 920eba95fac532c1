/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-bus-error.h"

/* GDBus looks an error's domain up by this string: it is the one of LAMP_ERROR's quark. */
#define QUARK_NAME "lamp-error-quark"

/* Section 7 of the specification. LAMP_ERROR_INVALID_ARGS is not there: D-Bus has its own. */
static const GDBusErrorEntry entries[] = {
  { LAMP_ERROR_INVALID_EVENT, LAMP_BUS_ERROR_PREFIX "InvalidEvent" },
  { LAMP_ERROR_QUEUE_FULL, LAMP_BUS_ERROR_PREFIX "QueueFull" },
  { LAMP_ERROR_STORAGE, LAMP_BUS_ERROR_PREFIX "Storage" },
  { LAMP_ERROR_NOT_FOUND, LAMP_BUS_ERROR_PREFIX "NotFound" },
  { LAMP_ERROR_UNCONFIGURED, LAMP_BUS_ERROR_PREFIX "Unconfigured" },
  { LAMP_ERROR_PAUSED, LAMP_BUS_ERROR_PREFIX "Paused" },
};

void
lamp_bus_error_register (void)
{
  static gsize quark = 0;

  g_dbus_error_register_error_domain (QUARK_NAME, &quark, entries, G_N_ELEMENTS (entries));
}

GError *
lamp_bus_error_to_dbus (const GError *error)
{
  g_return_val_if_fail (error != NULL, NULL);

  lamp_bus_error_register ();

  if (g_error_matches (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS))
    return g_error_new_literal (G_DBUS_ERROR, G_DBUS_ERROR_INVALID_ARGS, error->message);

  return g_error_copy (error);
}

void
lamp_bus_error_strip (GError *error)
{
  g_return_if_fail (error != NULL);

  g_dbus_error_strip_remote_error (error);
}
