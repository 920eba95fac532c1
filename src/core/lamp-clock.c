/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-clock.h"

#include "lamp-event.h"
#include "lamp-json.h"
#include "lamp-store-private.h"
#include "lamp-store-rows.h"

#include <glib/gstdio.h>
#include <string.h>

/* Bytes. */
#define CLOCK_FILE_MAX (1024 * 1024)

#define SQL_HAS_CLOCK "SELECT 1 FROM lamppost_clock WHERE node_id = ?1"

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

gboolean
lamp_clock_receive (LampStore *store,
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

/* Whether this node has never had a clock in this file, not even one of 0. */
static gboolean
is_new_node (LampStore *store,
             gboolean  *new,
             GError   **error)
{
  const char *own = lamp_store_get_node_id (store);
  g_autoptr (LampStatement) statement = NULL;
  gint64 now;
  int step;

  *new = FALSE;
  if (!lamp_clock_current (store, own, &now, error))
    return FALSE;

  if (now > 0)
    return TRUE;

  statement = lamp_store_statement (store, SQL_HAS_CLOCK, error);
  if (statement == NULL)
    return FALSE;

  sqlite3_bind_text (statement, 1, own, -1, SQLITE_STATIC);
  if (!lamp_store_step (store, statement, &step, error))
    return FALSE;

  *new = step == SQLITE_DONE;

  return TRUE;
}

/* There is one mark in a file, and it tells what the node before us has received: a node that comes
 * later (the setting was changed) reads all the rows once. The clock of 0 remembers that it has. */
gboolean
lamp_clock_adopt (LampStore *store,
                  GError   **error)
{
  gint64 adopted;
  gint64 largest = 0;
  gboolean complete;
  gboolean new;

  if (!lamp_store_get_adopted (store, &adopted, &complete, error) ||
      !is_new_node (store, &new, error))
    return FALSE;

  if (complete && (!new || adopted == 0))
    return TRUE;

  if (!lamp_store_walk_foreign (store, new ? 0 : adopted, note_clock, &largest, &adopted, error))
    return FALSE;

  lamp_store_set_adopted (store, adopted);
  if (new && !lamp_store_set_clock (store, lamp_store_get_node_id (store), 0, error))
    return FALSE;

  return lamp_clock_receive (store, largest, error);
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

  /* What the file says would hide that this node is new to the rows. */
  if (!lamp_clock_adopt (store, error))
    return FALSE;

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

  return lamp_clock_receive (store, largest, error);
}

gboolean
lamp_clock_read_file (LampStore  *store,
                      const char *path,
                      GError    **error)
{
  g_autofree char *text = NULL;
  g_autoptr (GError) local_error = NULL;
  GStatBuf info;
  LampJson clocks;
  LampJsonProblem problem;
  gsize length;

  /* A pipe would be waited for, and nobody's clocks take so much. */
  if (g_stat (path, &info) == 0 &&
      ((!S_ISREG (info.st_mode) && !S_ISDIR (info.st_mode)) || info.st_size > CLOCK_FILE_MAX))
    {
      g_warning ("The clock file “%s” is no file of clocks; it is left out", path);
      return TRUE;
    }

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
