/* SPDX-License-Identifier: GPL-3.0-or-later */

#include "config.h"

#include "lamp-watch.h"

#define EVENTS_FOLDER "events"
#define CLOCK_FILE "lamport_clock.json"

/* GLib would hold the second of two changes back for longer than a person wants to wait. */
#define RATE_LIMIT_MS 50

/* A commit is written, then flushed, and only then to be seen: by a look a moment later. */
#define SECOND_LOOK_MS 300

/* On a network file system the kernel tells only of what this machine writes. */
#define POLL_INTERVAL_S 30

struct _LampWatch
{
  GObject parent_instance;

  char *queue_name;     /* (owned) */
  char *wal_name;       /* (owned) */
  GFile *events;        /* (owned) */
  GFileMonitor *folder; /* (owned) (nullable) */
  GFileMonitor *clock;  /* (owned) (nullable) while there is a folder of events */
  guint second_look_id; /* 0 while nothing was written */
  guint poll_id;        /* 0 on a local file system */
};

G_DEFINE_FINAL_TYPE (LampWatch, lamp_watch, G_TYPE_OBJECT)

enum
{
  QUEUE_WRITTEN,
  CLOCK_WRITTEN,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

static GFileMonitor *
monitor_folder (LampWatch *self,
                GFile     *folder,
                GCallback  callback)
{
  g_autoptr (GError) error = NULL;
  GFileMonitor *monitor = g_file_monitor_directory (folder, G_FILE_MONITOR_NONE, NULL, &error);

  if (monitor == NULL)
    g_warning ("“%s” can’t be watched: %s", g_file_peek_path (folder), error->message);
  else
    {
      g_file_monitor_set_rate_limit (monitor, RATE_LIMIT_MS);
      g_signal_connect_object (monitor, "changed", callback, self, G_CONNECT_SWAPPED);
    }

  return monitor;
}

static void
events_changed_cb (LampWatch *self,
                   GFile     *file)
{
  g_autofree char *name = g_file_get_basename (file);

  if (g_str_equal (name, CLOCK_FILE))
    g_signal_emit (self, signals[CLOCK_WRITTEN], 0);
}

/* A folder that isn't there yet would be asked for every few seconds, so it is watched only once
 * its parent has told of it. */
static void
watch_events (LampWatch *self)
{
  g_clear_object (&self->clock);
  if (g_file_query_file_type (self->events, G_FILE_QUERY_INFO_NONE, NULL) == G_FILE_TYPE_DIRECTORY)
    self->clock = monitor_folder (self, self->events, G_CALLBACK (events_changed_cb));
}

static gboolean
second_look_cb (gpointer user_data)
{
  LampWatch *self = LAMP_WATCH (user_data);

  self->second_look_id = 0;
  g_signal_emit (self, signals[QUEUE_WRITTEN], 0);

  return G_SOURCE_REMOVE;
}

static gboolean
poll_cb (gpointer user_data)
{
  g_signal_emit (user_data, signals[QUEUE_WRITTEN], 0);

  return G_SOURCE_CONTINUE;
}

static gboolean
is_remote (GFile *folder)
{
  g_autoptr (GFileInfo) info =
    g_file_query_filesystem_info (folder, G_FILE_ATTRIBUTE_FILESYSTEM_REMOTE, NULL, NULL);

  return info != NULL &&
         g_file_info_get_attribute_boolean (info, G_FILE_ATTRIBUTE_FILESYSTEM_REMOTE);
}

static void
queue_written (LampWatch *self)
{
  g_clear_handle_id (&self->second_look_id, g_source_remove);
  self->second_look_id = g_timeout_add (SECOND_LOOK_MS, second_look_cb, self);
  g_signal_emit (self, signals[QUEUE_WRITTEN], 0);
}

static void
folder_changed_cb (LampWatch *self,
                   GFile     *file)
{
  g_autofree char *name = g_file_get_basename (file);

  if (g_str_equal (name, self->queue_name) || g_str_equal (name, self->wal_name))
    {
      queue_written (self);
    }
  else if (g_str_equal (name, EVENTS_FOLDER))
    {
      watch_events (self);
      g_signal_emit (self, signals[CLOCK_WRITTEN], 0);
    }
}

static void
lamp_watch_dispose (GObject *object)
{
  LampWatch *self = LAMP_WATCH (object);

  g_clear_handle_id (&self->second_look_id, g_source_remove);
  g_clear_handle_id (&self->poll_id, g_source_remove);
  g_clear_object (&self->folder);
  g_clear_object (&self->clock);

  G_OBJECT_CLASS (lamp_watch_parent_class)->dispose (object);
}

static void
lamp_watch_finalize (GObject *object)
{
  LampWatch *self = LAMP_WATCH (object);

  g_clear_object (&self->events);
  g_free (self->queue_name);
  g_free (self->wal_name);

  G_OBJECT_CLASS (lamp_watch_parent_class)->finalize (object);
}

static void
lamp_watch_class_init (LampWatchClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  GType type = G_TYPE_FROM_CLASS (klass);

  object_class->dispose = lamp_watch_dispose;
  object_class->finalize = lamp_watch_finalize;

  signals[QUEUE_WRITTEN] = g_signal_new ("queue-written", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 0);
  signals[CLOCK_WRITTEN] = g_signal_new ("clock-written", type, G_SIGNAL_RUN_LAST, 0, NULL, NULL,
                                         NULL, G_TYPE_NONE, 0);
}

static void
lamp_watch_init (LampWatch *self)
{
}

LampWatch *
lamp_watch_new (const char *path)
{
  LampWatch *self = NULL;
  g_autofree char *folder_path = NULL;
  g_autoptr (GFile) folder = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  self = g_object_new (LAMP_TYPE_WATCH, NULL);
  folder_path = g_path_get_dirname (path);
  folder = g_file_new_for_path (folder_path);
  self->queue_name = g_path_get_basename (path);
  self->wal_name = g_strconcat (self->queue_name, "-wal", NULL);
  self->events = g_file_get_child (folder, EVENTS_FOLDER);
  self->folder = monitor_folder (self, folder, G_CALLBACK (folder_changed_cb));
  watch_events (self);
  if (is_remote (folder))
    self->poll_id = g_timeout_add_seconds (POLL_INTERVAL_S, poll_cb, self);

  return self;
}

char *
lamp_watch_dup_clock_path (const char *path)
{
  g_autofree char *folder = NULL;

  g_return_val_if_fail (path != NULL, NULL);

  folder = g_path_get_dirname (path);

  return g_build_filename (folder, EVENTS_FOLDER, CLOCK_FILE, NULL);
}
