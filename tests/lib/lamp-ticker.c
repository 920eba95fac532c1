/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-clock.h"
#include "lamp-queue.h"
#include "lamp-store.h"

#include <stdio.h>

/* Another process at the same queue, for the tests of the clock:
 *
 *   lamp-ticker tick PATH     ticks the clock of "test-node", prints each value
 *   lamp-ticker append PATH   appends events, prints each one's clock and id
 *
 * It reads lines, each with a number: how often to do it now. Two of them that are asked at
 * once, again and again, can't help meeting; left alone, one would wait while the other runs
 * (SQLite's wait for a lock is not fair). */

static gboolean
tick_run (LampStore *store,
          gpointer   data,
          GError   **error)
{
  return lamp_clock_increment (store, lamp_store_get_node_id (store), data, error);
}

static gboolean
tick (LampStore *store,
      GError   **error)
{
  gint64 value;

  if (!lamp_store_run (store, LAMP_STORE_WRITE, tick_run, &value, NULL, error))
    return FALSE;

  printf ("%" G_GINT64_FORMAT "\n", value);

  return TRUE;
}

static gboolean
append (LampQueue *queue,
        GError   **error)
{
  g_autoptr (GPtrArray) events = g_ptr_array_new_with_free_func ((GDestroyNotify) lamp_event_unref);
  g_autoptr (GPtrArray) receipts = NULL;
  LampEvent *event = lamp_event_new ("ticker", "Ticked", "{}", NULL, "test-node", error);
  const LampReceipt *receipt = NULL;

  if (event == NULL)
    return FALSE;

  g_ptr_array_add (events, event);
  receipts = lamp_queue_append (queue, events, error);
  if (receipts == NULL)
    return FALSE;

  receipt = g_ptr_array_index (receipts, 0);
  printf ("%" G_GINT64_FORMAT " %s\n", receipt->lamport_clock, receipt->event_id);

  return TRUE;
}

static gboolean
run (gboolean    append_events,
     const char *path,
     GError    **error)
{
  g_autoptr (LampQueue) queue = append_events ? lamp_queue_new (path, "test-node") : NULL;
  g_autoptr (LampStore) store = append_events ? NULL : lamp_store_new (path, "test-node");
  char line[32];

  while (fgets (line, sizeof line, stdin) != NULL)
    {
      guint64 count = g_ascii_strtoull (line, NULL, 10);

      for (guint64 i = 0; i < count; i++)
        if (!(append_events ? append (queue, error) : tick (store, error)))
          return FALSE;

      fflush (stdout);
    }

  return TRUE;
}

int
main (int   argc,
      char *argv[])
{
  g_autoptr (GError) error = NULL;

  if (argc != 3)
    {
      fprintf (stderr, "Usage: %s tick|append PATH\n", argv[0]);
      return 2;
    }

  if (!run (g_str_equal (argv[1], "append"), argv[2], &error))
    {
      fprintf (stderr, "%s\n", error->message);
      return 1;
    }

  return 0;
}
