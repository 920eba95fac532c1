/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-filter.h"

#include "lamp-error.h"

#include <inttypes.h>

#include <glib/gi18n-lib.h>

static gboolean
set_status (LampFilter *self,
            const char *name,
            GError    **error)
{
  static const LampStatus all[] = { LAMP_STATUS_PENDING, LAMP_STATUS_FAILED,
                                    LAMP_STATUS_DELIVERED };

  self->all = g_str_equal (name, "all");
  if (self->all)
    return TRUE;

  for (guint i = 0; i < G_N_ELEMENTS (all); i++)
    if (g_str_equal (name, lamp_status_to_string (all[i])))
      {
        self->status = all[i];
        return TRUE;
      }

  g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
               _("status: must be pending, failed, delivered or all, but is “%s”"), name);

  return FALSE;
}

static gboolean
set_option (LampFilter *self,
            const char *key,
            GVariant   *value,
            GError    **error)
{
  char **text = NULL;

  if (g_str_equal (key, "mission_id"))
    text = &self->mission_id;
  else if (g_str_equal (key, "event_type"))
    text = &self->event_type;
  else if (g_str_equal (key, "text"))
    text = &self->text;
  else if (!g_str_equal (key, "status"))
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
                   _("“%s” is no filter; there are status, mission_id, event_type and text"), key);
      return FALSE;
    }

  if (!g_variant_is_of_type (value, G_VARIANT_TYPE_STRING))
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS, _("%s: must be a string"), key);
      return FALSE;
    }

  if (text == NULL)
    return set_status (self, g_variant_get_string (value, NULL), error);

  g_free (*text);
  *text = g_variant_dup_string (value, NULL);

  return TRUE;
}

LampFilter *
lamp_filter_new (GVariant *options,
                 GError  **error)
{
  g_autoptr (LampFilter) self = g_new0 (LampFilter, 1);
  GVariantIter iter;
  const char *key;
  GVariant *value;

  g_return_val_if_fail (options == NULL || g_variant_is_of_type (options, G_VARIANT_TYPE_VARDICT),
                        NULL);

  self->all = TRUE;
  if (options == NULL)
    return g_steal_pointer (&self);

  g_variant_iter_init (&iter, options);
  while (g_variant_iter_loop (&iter, "{&sv}", &key, &value))
    if (!set_option (self, key, value, error))
      {
        g_variant_unref (value);
        return NULL;
      }

  return g_steal_pointer (&self);
}

LampFilter *
lamp_filter_copy (const LampFilter *self)
{
  LampFilter *copy = g_new0 (LampFilter, 1);

  copy->all = self->all;
  copy->status = self->status;
  copy->mission_id = g_strdup (self->mission_id);
  copy->event_type = g_strdup (self->event_type);
  copy->text = g_strdup (self->text);

  return copy;
}

void
lamp_filter_free (LampFilter *self)
{
  g_free (self->mission_id);
  g_free (self->event_type);
  g_free (self->text);
  g_free (self);
}

gboolean
lamp_filter_check_page (gint64   cursor,
                        guint    limit,
                        GError **error)
{
  if (cursor < 0)
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
                   _("cursor: must be 0 or what the last page gave, but is %" PRId64), cursor);
      return FALSE;
    }

  if (limit < 1 || limit > LAMP_LIST_MAX)
    {
      g_set_error (error, LAMP_ERROR, LAMP_ERROR_INVALID_ARGS,
                   _("limit: must be 1 to %u, but is %u"), LAMP_LIST_MAX, limit);
      return FALSE;
    }

  return TRUE;
}
