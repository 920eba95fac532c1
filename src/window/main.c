/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-application.h"
#include "lamp-locale.h"

#include <glib/gi18n.h>

static gboolean
have_schema (void)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchema) schema = NULL;

  if (source != NULL)
    schema = g_settings_schema_source_lookup (source, LAMP_SCHEMA_ID, TRUE);

  return schema != NULL;
}

int
main (int    argc,
      char **argv)
{
  g_autoptr (LampApplication) application = NULL;

  lamp_locale_init ();
  g_set_application_name (_("Lamppost"));

  if (!have_schema ())
    {
      g_printerr (_("The settings schema “%s” is not installed; install Lamppost again\n"),
                  LAMP_SCHEMA_ID);
      return EXIT_FAILURE;
    }

  application = lamp_application_new ();

  return g_application_run (G_APPLICATION (application), argc, argv);
}
