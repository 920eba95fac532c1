/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-window-call.h"

#include "lamp-error.h"

#include <glib/gi18n.h>

#define INTERFACE "org.freedesktop.Application"

/* As the specification of that interface asks for. */
static char *
dup_path (void)
{
  g_autofree char *path = g_strconcat ("/", LAMP_APPLICATION_ID, NULL);

  return g_strdelimit (g_steal_pointer (&path), ".", '/');
}

/* The older name is what toolkits of X11 look for. */
static GVariant *
platform_data_new (const char *token)
{
  g_auto (GVariantDict) data = G_VARIANT_DICT_INIT (NULL);

  if (token != NULL)
    {
      g_variant_dict_insert (&data, "activation-token", "s", token);
      g_variant_dict_insert (&data, "desktop-startup-id", "s", token);
    }

  return g_variant_dict_end (&data);
}

void
lamp_window_call_async (GDBusConnection    *connection,
                        const char         *action,
                        const char         *token,
                        GAsyncReadyCallback callback,
                        gpointer            user_data)
{
  g_autofree char *path = dup_path ();
  GVariant *data = platform_data_new (token);
  GVariant *parameters = NULL;

  g_return_if_fail (G_IS_DBUS_CONNECTION (connection));

  if (action != NULL)
    parameters = g_variant_new ("(sav@a{sv})", action, NULL, data);
  else
    parameters = g_variant_new ("(@a{sv})", data);

  g_dbus_connection_call (connection, LAMP_APPLICATION_ID, path, INTERFACE,
                          action != NULL ? "ActivateAction" : "Activate", parameters, NULL,
                          G_DBUS_CALL_FLAGS_NONE, -1, NULL, callback, user_data);
}

gboolean
lamp_window_call_finish (GDBusConnection *connection,
                         GAsyncResult    *result,
                         GError         **error)
{
  g_autoptr (GError) local_error = NULL;
  g_autoptr (GVariant) reply = g_dbus_connection_call_finish (connection, result, &local_error);

  if (reply != NULL)
    return TRUE;

  if (g_error_matches (local_error, G_DBUS_ERROR, G_DBUS_ERROR_SERVICE_UNKNOWN))
    g_set_error_literal (error, LAMP_ERROR, LAMP_ERROR_NOT_FOUND,
                         _("The window isn’t installed; “lamppost status” and “lamppost list” "
                           "tell what it would show"));
  else
    g_propagate_error (error, g_steal_pointer (&local_error));

  return FALSE;
}
