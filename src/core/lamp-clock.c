/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-clock.h"

#include "lamp-event.h"
#include "lamp-json.h"
#include "lamp-store-private.h"
#include "lamp-store-rows.h"

#include <string.h>

gboolean
lamp_clock_current (LampStore  *store,
                    const char *node_id,
                    gint64     *value,
                    GError    **error)
{
  return lamp_store_get_clock (store, node_id, value, error);
}

gboolean
lamp_clock_increment (LampStore  *store,
                      const char *node_id,
                      gint64     *value,
                      GError    **error)
{
  return lamp_clock_update (store, node_id, 0, value, error);
}

gboolean
lamp_clock_update (LampStore  *store,
                   const char *node_id,
                   gint64      received,
                   gint64     *value,
                   GError    **error)
{
  gint64 now;

  if (!lamp_store_get_clock (store, node_id, &now, error))
    return FALSE;

  now = MAX (now, received) + 1;
  if (value != NULL)
    *value = now;

  return lamp_store_set_clock (store, node_id, now, error);
}

gboolean
lamp_clock_raise (LampStore  *store,
                  const char *node_id,
                  gint64      floor,
                  GError    **error)
{
  gint64 now;

  if (!lamp_store_get_clock (store, node_id, &now, error))
    return FALSE;

  return now >= floor || lamp_store_set_clock (store, node_id, floor, error);
}

/* What was taken over before must not tick again, so only news counts as received. */
static gboolean
receive (LampStore *store,
         gint64     received,
         GError   **error)
{
  const char *own = lamp_store_get_node_id (store);
  gint64 now;

  if (!lamp_clock_current (store, own, &now, error))
    return FALSE;

  return received <= now || lamp_clock_update (store, own, received, NULL, error);
}

static void
note_clock (const char *text,
            gsize       length,
            gpointer    user_data)
{
  gint64 *largest = user_data;
  LampJson envelope;
  LampJson clock;
  gint64 value;

  if (lamp_json_check (text, length, LAMP_EVENT_MAX_DEPTH, &envelope, NULL) &&
      lamp_json_find (&envelope, "lamport_clock", &clock) && lamp_json_get_int (&clock, &value) &&
      value <= LAMP_CLOCK_RECEIVED_MAX)
    *largest = MAX (*largest, value);
}

gboolean
lamp_clock_adopt (LampStore *store,
                  GError   **error)
{
  gint64 adopted;
  gint64 largest = 0;
  gboolean complete;

  if (!lamp_store_get_adopted (store, &adopted, &complete, error))
    return FALSE;

  if (complete)
    return TRUE;

  if (!lamp_store_walk_foreign (store, adopted, note_clock, &largest, &adopted, error))
    return FALSE;

  lamp_store_set_adopted (store, adopted);

  return receive (store, largest, error);
}

static gboolean
take_over (LampStore      *store,
           const LampJson *clocks,
           GError        **error)
{
  LampJsonIter iter;
  LampJson name;
  LampJson number;
  gint64 largest = 0;

  lamp_json_iter_init (&iter, clocks);
  while (lamp_json_iter_next (&iter, &name, &number))
    {
      g_autofree char *node_id = lamp_json_dup_string (&name);
      gint64 value;

      if (!lamp_json_get_int (&number, &value) || value < 0 || value > LAMP_CLOCK_RECEIVED_MAX)
        {
          g_warning ("The clock of node “%s” is no number from 0 to 2^53; it is left out", node_id);
          continue;
        }

      if (!lamp_clock_raise (store, node_id, value, error))
        return FALSE;

      largest = MAX (largest, value);
    }

  return receive (store, largest, error);
}

gboolean
lamp_clock_read_file (LampStore  *store,
                      const char *path,
                      GError    **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) local_error = NULL;
  LampJson clocks;
  LampJsonProblem problem;
  gsize length;

  if (!g_file_get_contents (path, &text, &length, &local_error))
    {
      if (!g_error_matches (local_error, G_FILE_ERROR, G_FILE_ERROR_NOENT))
        g_warning ("The clock file can’t be read: %s", local_error->message);
      return TRUE;
    }

  if (!lamp_json_check (text, length, LAMP_JSON_MAX_DEPTH, &clocks, &problem) ||
      clocks.type != LAMP_JSON_OBJECT)
    {
      g_warning ("The clock file “%s” is no JSON object of clocks; it is left out", path);
      return TRUE;
    }

  return take_over (store, &clocks, error);
}
