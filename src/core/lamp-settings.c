/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-settings.h"

#include "lamp-guard.h"

static const char *
get_variable (const char *name)
{
  const char *value = g_getenv (name);

  return value != NULL && *value != '\0' ? value : NULL;
}

/* The schema of a program that runs from its build tree, where nothing is installed. */
static GSettingsSchema *
lookup_in_build_tree (GSettingsSchemaSource *parent)
{
  g_autoptr (GSettingsSchemaSource) source =
    g_settings_schema_source_new_from_directory (LAMP_BUILD_SCHEMA_DIR, parent, TRUE, NULL);

  return source != NULL ? g_settings_schema_source_lookup (source, LAMP_SCHEMA_ID, FALSE) : NULL;
}

GSettings *
lamp_settings_new (void)
{
  GSettingsSchemaSource *source = g_settings_schema_source_get_default ();
  g_autoptr (GSettingsSchema) schema = NULL;

  if (source != NULL)
    schema = g_settings_schema_source_lookup (source, LAMP_SCHEMA_ID, TRUE);
  if (schema == NULL)
    schema = lookup_in_build_tree (source);

  return schema != NULL ? g_settings_new_full (schema, NULL, NULL) : NULL;
}

char *
lamp_settings_dup_server_url (GSettings *settings)
{
  const char *override = get_variable ("SAAS_API_URL");

  g_return_val_if_fail (G_IS_SETTINGS (settings), NULL);

  return override != NULL ? g_strdup (override) : g_settings_get_string (settings, "server-url");
}

const char *
lamp_settings_get_token_override (void)
{
  return get_variable (LAMP_SETTINGS_TOKEN_VARIABLE);
}

LampQueue *
lamp_settings_new_queue (GSettings  *settings,
                         const char *path)
{
  g_autofree char *node_id = NULL;
  g_autofree char *named_path = path != NULL ? g_strdup (path) : lamp_queue_dup_default_path ();
  g_autofree char *full_path = g_canonicalize_filename (named_path, NULL);
  g_autofree char *target = lamp_guard_dup_target (full_path);
  LampQueue *queue = NULL;

  g_return_val_if_fail (settings == NULL || G_IS_SETTINGS (settings), NULL);

  if (settings != NULL)
    node_id = g_settings_get_string (settings, "node-id");

  queue = lamp_queue_new (target, node_id != NULL && *node_id != '\0' ? node_id : NULL);
  if (settings != NULL)
    lamp_settings_apply_to_queue (settings, queue);

  return queue;
}

void
lamp_settings_apply_to_queue (GSettings *settings,
                              LampQueue *queue)
{
  g_return_if_fail (G_IS_SETTINGS (settings));
  g_return_if_fail (LAMP_IS_QUEUE (queue));

  lamp_queue_set_capacity (queue, g_settings_get_uint (settings, "capacity"));
  lamp_queue_set_history (queue, g_settings_get_uint (settings, "history-days"),
                          g_settings_get_uint (settings, "history-events"));
}
